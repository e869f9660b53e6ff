"""Records what Terminus 2 shows its model: harbor's own agent, tmux session and Docker environment, run by harbor's
interpreter. Only the model is played: by a script, which looks at the terminal twice more before it answers.

    DIR/venv/bin/python -m tests.parity.record SCRIPTS.json FOLDER IMAGE

writes one file a script into FOLDER and skips what lies there.
"""

import asyncio
import json
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from harbor.agents.terminus_2.terminus_2 import Terminus2
from harbor.environments.docker.docker import DockerEnvironment
from harbor.llms.base import BaseLLM, LLMResponse
from harbor.models.agent.context import AgentContext
from harbor.models.task.config import EnvironmentConfig
from harbor.models.trial.paths import EnvironmentPaths, TrialPaths

from tests.parity import recordings
from tests.parity.recordings import Capture, Recording, Script

AT_ONCE = 8
QUIESCENT_S = 1.0
INSTRUCTION = "Type."
COMPOSE = "services:\n  main:\n    hostname: termforge\n    network_mode: none\n"
"""As our sandboxes are; the width of the prompt depends on the host's name."""
PROGRAMS = ("tmux", "bash", "ncurses-base", "readline-common", "less", "nano", "vim-tiny", "python3", "sqlite3", "bc")


class Player(BaseLLM):
    """Types a script in the model's place and keeps what the model would have been told."""

    def __init__(self, script: Script, agent: Terminus2) -> None:
        self.captures: list[Capture] = []
        self._replies = iter([*map(recordings.reply, script), recordings.reply(())])
        self._agent = agent

    async def call(self, prompt: str, **_: Any) -> LLMResponse:
        message = prompt if self.captures else self._terminal_state(prompt)
        self.captures.append(Capture(message, await self._quiescent()))
        return LLMResponse(content=next(self._replies))

    async def _quiescent(self) -> bool:
        session = self._agent._session
        at_once = await session.capture_pane(capture_entire=True)
        await asyncio.sleep(QUIESCENT_S)
        later = await session.capture_pane(capture_entire=True)
        return session._previous_buffer == at_once == later

    def _terminal_state(self, prompt: str) -> str:
        filled = self._agent._prompt_template.format(instruction=INSTRUCTION, terminal_state="\0")
        before, after = filled.split("\0")
        return prompt.removeprefix(before).removesuffix(after)

    def get_model_context_limit(self) -> int:
        return 1_000_000

    def get_model_output_limit(self) -> int | None:
        return None


async def record(script: Script, image: str) -> tuple[Recording, str]:
    """One trial, and the versions of what is installed in it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_in(Path(folder), recordings.digest(script), image)
        agent = Terminus2(
            logs_dir=environment.trial_paths.agent_dir,
            model_name="scripted",
            max_turns=len(script) + 1,  # the last answer is asked for, then thrown away
            suppress_max_turns_warning=True,
            enable_summarize=False,
            record_terminal_session=False,
        )
        agent._llm = player = Player(script, agent)
        try:
            await environment.start(force_build=False)
            versions = await environment.exec(f"dpkg-query -W {' '.join(PROGRAMS)}")
            await agent.setup(environment)
            await agent.run(INSTRUCTION, environment, AgentContext())
        finally:
            # A container whose first process ignores signals would be waited for.
            await environment._run_docker_compose_command(["kill"], check=False)
            await environment.stop(delete=False)
    return Recording(script, tuple(player.captures)), versions.stdout


def environment_in(folder: Path, name: str, image: str) -> DockerEnvironment:
    (folder / "docker-compose.yaml").write_text(COMPOSE)
    paths = TrialPaths(folder / "trial")
    paths.mkdir()
    return DockerEnvironment(
        environment_dir=folder,
        environment_name="parity",
        session_id=f"parity-{name}",
        trial_paths=paths,
        task_env_config=EnvironmentConfig(docker_image=image),
        mounts=[{"type": "bind", "source": str(paths.agent_dir), "target": str(EnvironmentPaths.agent_dir)}],
    )


async def record_into(folder: Path, script: Script, image: str, turn: asyncio.Semaphore) -> None:
    path = folder / f"{recordings.digest(script)}.json"
    async with turn:
        if path.exists():
            return
        started = time.monotonic()
        recording, versions = await record(script, image)
        made_with = {"harbor": metadata.version("harbor"), **dict(line.split("\t") for line in versions.splitlines())}
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"made_with": made_with, **recording._asdict()}))
        part.rename(path)
        counted = sum(capture.quiescent for capture in recording.captures)
        print(f"{path.stem} {counted}/{len(recording.captures)} {time.monotonic() - started:.0f} s", flush=True)


async def main(scripts: Path, folder: Path, image: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    turn = asyncio.Semaphore(AT_ONCE)
    entries = [recordings.script(entry) for entry in json.loads(scripts.read_text())]
    ended = await asyncio.gather(
        *(record_into(folder, entry, image, turn) for entry in entries), return_exceptions=True
    )
    if failures := [error for error in ended if isinstance(error, Exception)]:
        raise ExceptionGroup("scripts that were not recorded", failures)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
