"""Which kind of sandbox and which images a run uses, decided once and written down with the data."""

import resource
import threading
from typing import Literal

from termforge.errors import InputError, SetupError
from termforge.images import HOST, Inventory, built, recipe_of
from termforge.preflight import choose_engine
from termforge.sandbox import host_image
from termforge.sandbox.pool import Pool
from termforge.sandbox.protocol import Engine
from termforge.schemas import DOMAINS, Domain, ImageRecipe, Record

SandboxChoice = Literal["auto", "bubblewrap", "docker"]
ImagesChoice = Literal["auto", "host", "domain"]


class Machine(Record):
    sandbox: Literal["bubblewrap", "docker"]
    images: Literal["host", "domain"]
    """`host`: bubblewrap on this machine's own /usr; such rows stay out of real mixtures."""

    @property
    def recipes(self) -> dict[Domain, ImageRecipe]:
        """The image recipe of each of the nine domains."""
        return {domain: HOST if self.images == "host" else recipe_of(domain) for domain in DOMAINS}

    @property
    def inventories(self) -> dict[Domain, Inventory]:
        """What is inside the image of each domain."""
        return {domain: inventory_of(recipe) for domain, recipe in self.recipes.items()}

    @property
    def engine(self) -> Engine:
        return open_engine(self.sandbox)


def inventory_of(recipe: ImageRecipe) -> Inventory:
    """What is inside an image here: recorded when it was built, or probed for `host`."""
    return host_image.inventory() if recipe == HOST else built(recipe).inventory


def choose_machine(sandbox: SandboxChoice = "auto", images: ImagesChoice = "auto") -> Machine:
    """`auto`: bubblewrap where it works, else Docker; the nine images where all are built, else the host's /usr.

    Raises: SetupError with the remedy when the machine cannot do what is asked; InputError for `host` with Docker.
    """
    engine = open_engine(sandbox)
    if images == "host" and engine.name == "docker":
        raise InputError("images: the host's own /usr needs the bubblewrap sandbox; with Docker build the images")
    if images == "auto":
        images = "domain" if engine.name == "docker" or _all_built() else "host"
    machine = Machine(sandbox=engine.name, images=images)
    for recipe in machine.recipes.values():
        engine.image(recipe)
    return machine


def open_engine(sandbox: SandboxChoice) -> Engine:
    """One engine of a kind in a process, shared by every shard, with sandboxes started ahead.

    What dead processes left is removed when it opens.
    """
    with _opening:
        if sandbox not in _open:
            _allow_many_open_files()
            engine = Pool(choose_engine(sandbox))
            engine.reap()
            _open[sandbox] = _open.setdefault(engine.name, engine)
        return _open[sandbox]


def _allow_many_open_files() -> None:
    """A live sandbox takes several; processes start with 1,024, for the sake of programs that use `select`."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


_opening = threading.Lock()
_open: dict[str, Pool] = {}


def _all_built() -> bool:
    try:
        return all(built(recipe_of(domain)) for domain in DOMAINS)
    except SetupError:
        return False
