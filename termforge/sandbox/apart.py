"""Agents in one engine, graders in another of the same images.

A grader's container costs as much as an agent's, though all that runs there for a moment is pytest; a grader forked
from a bubblewrap nest costs a tenth. What is graded are files alone, so both kinds of machine see the same.
"""

from collections.abc import Sequence
from typing import Literal

from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import File, Image, ImageRecipe, Limits, Need


class Apart:
    def __init__(self, agents: Engine, graders: Engine) -> None:
        self._agents, self._graders = agents, graders
        self.name: Literal["docker", "bubblewrap"] = agents.name
        self.offers = agents.offers

    def image(self, recipe: ImageRecipe) -> Image:
        return self._agents.image(recipe)

    def start(
        self,
        image: Image,
        *,
        files: Sequence[File] = (),
        limits: Limits = Limits(),
        needs: frozenset[Need] = frozenset(),
        nested: bool = False,
    ) -> Sandbox:
        """Whoever needs more than files and processes is graded where its agent was."""
        engine = self._graders if nested and not needs else self._agents
        return engine.start(image, files=files, limits=limits, needs=needs, nested=nested)

    def reap(self) -> int:
        return self._agents.reap() + self._graders.reap()
