"""The format of recordings: keystroke scripts, and every message Terminus 2 sent its model while they were typed.

Standard library only: harbor's interpreter reads and writes it too.
"""

import hashlib
import json
import lzma
from pathlib import Path
from typing import Any, NamedTuple

RECORDED = Path(__file__).with_name("recordings.json.xz")


class Command(NamedTuple):
    keystrokes: str
    duration_s: float


Turn = tuple[Command, ...]
Script = tuple[Turn, ...]


class Capture(NamedTuple):
    message: str
    """What the model was told after a turn, output limit and parser warnings included; of the first message only the
    terminal state."""
    quiescent: bool
    """Whether the terminal showed the same at once after the observation was made, and again a second later."""


class Recording(NamedTuple):
    script: Script
    captures: tuple[Capture, ...]
    """One before the first turn and one after each."""

    @property
    def counted(self) -> list[int]:
        """Which of them count. A message is made from two screens: this one and the one before, both at rest."""
        at_rest = [True, *(capture.quiescent for capture in self.captures)]
        return [number for number in range(len(self.captures)) if at_rest[number] and at_rest[number + 1]]


class Recordings(NamedTuple):
    made_with: dict[str, str]
    """Versions: of harbor, of the image and of the programs in it."""
    recordings: tuple[Recording, ...]


def script(turns: list[list[list[Any]]]) -> Script:
    return tuple(tuple(Command(keystrokes, duration_s) for keystrokes, duration_s in turn) for turn in turns)


def digest(script: Script) -> str:
    return hashlib.sha256(json.dumps(script).encode()).hexdigest()[:16]


def reply(turn: Turn) -> str:
    """What a model answers that wants to type this."""
    commands = [{"keystrokes": command.keystrokes, "duration": command.duration_s} for command in turn]
    return json.dumps({"analysis": "", "plan": "", "commands": commands, "task_complete": False})


def recording(data: dict[str, Any]) -> Recording:
    return Recording(script(data["script"]), tuple(Capture(*capture) for capture in data["captures"]))


def load(path: Path = RECORDED) -> Recordings:
    data = json.loads(lzma.decompress(path.read_bytes()))
    return Recordings(data["made_with"], tuple(recording(entry) for entry in data["recordings"]))


def save(recordings: Recordings, path: Path = RECORDED) -> None:
    data = {"made_with": recordings.made_with, "recordings": [entry._asdict() for entry in recordings.recordings]}
    path.write_bytes(lzma.compress(json.dumps(data, indent=0).encode(), preset=9 | lzma.PRESET_EXTREME))
