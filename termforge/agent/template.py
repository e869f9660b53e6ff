"""The agent's first message: our own, or Terminus 2's as harbor ships it.

`termforge` is prompts/agent/terminus.j2. `terminus2` is the text of current harbor releases, `terminus2-corpus` the one
that NVIDIA's published corpus was made with; they differ in one bullet. Both belong to harbor and are never kept here:
they are read from an installed harbor or from its wheel in the state folder, and believed only by their sha256. Fetch
the wheel once with `python -m termforge.agent.template terminus2`.
"""

import argparse
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from termforge import prompts
from termforge.errors import SetupError
from termforge.state import default_state

TemplateName = Literal["termforge", "terminus2", "terminus2-corpus"]

OURS = "agent/terminus.j2"
_IN_WHEEL = "harbor/agents/terminus_2/templates/terminus-json-plain.txt"
_CANARY = re.compile(r"^(<!--.*canary.*-->|#.*canary.*)$", re.IGNORECASE)


class _Release(NamedTuple):
    version: str
    """Of the harbor wheel to fetch; others carry the same text."""
    sha256: str


_RELEASES: dict[TemplateName, _Release] = {
    "terminus2": _Release("0.25.0", "89a3dc3a15752b748a99fb907c9251ab31a464e13386583fb48476b078b54a34"),
    "terminus2-corpus": _Release("0.1.1", "a52a860b54a1cd9beb8ed4083fe8ad3bdf1a5df59c7c6767abfdc33c5359aff2"),
}


class Template(NamedTuple):
    name: TemplateName
    text: str
    """Not yet filled: Jinja for ours, `str.format` for Terminus 2's."""
    sha256: str

    def fill(self, instruction: str, terminal_state: str) -> str:
        if self.name == "termforge":
            return prompts.render(OURS, instruction=instruction, terminal_state=terminal_state)
        return self.text.format(instruction=without_canary(instruction), terminal_state=terminal_state)


def load(name: TemplateName, state: Path | None = None) -> Template:
    """Wheels are looked for in `harbor/` below `state` (None: this machine's state folder).

    Raises: SetupError where the text of Terminus 2 is not at hand, with the command that fetches it.
    """
    if name == "termforge":
        ours = prompts.load(OURS)
        return Template(name, ours.text, ours.sha256)
    return _load_terminus(name, wheels_in(state))


def wheels_in(state: Path | None = None) -> Path:
    return (state or default_state()) / "harbor"


def fetch_harbor_wheel(version: str, folder: Path) -> Path:
    """Download a harbor wheel, and nothing it depends on, with pip; it is never installed.

    Raises: SetupError when pip is missing or fails, with what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    argv = [*_pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    # harbor needs a newer Python than termforge does; nothing of it is run here.
    argv += ["--python-version=3.13", f"--dest={folder}", f"harbor=={version}"]
    finished = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    wheel = next(folder.glob(f"harbor-{version}-*.whl"), None)
    if finished.returncode or wheel is None:
        raise SetupError(f"harbor {version} could not be downloaded: {finished.stderr.strip()[-2000:]}")
    return wheel


def without_canary(instruction: str) -> str:
    """The instruction less the benchmark markers at its top and every blank line there, as harbor does it."""
    lines = instruction.split("\n")
    while lines and _CANARY.match(lines[0].strip()):
        lines.pop(0)
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines)


@cache
def _load_terminus(name: TemplateName, folder: Path) -> Template:
    release = _RELEASES[name]
    found = [*_installed(), *_in_wheels(folder)]
    for content in found:
        if hashlib.sha256(content).hexdigest() == release.sha256:
            return Template(name, content.decode(), release.sha256)
    looked = f"none of the {len(found)} texts found has" if found else "no harbor is installed or downloaded; wanted is"
    raise SetupError(
        f"template {name!r} needs Terminus 2's text from harbor {release.version}: {looked} sha256 {release.sha256}. "
        f"Fetch it with `python -m termforge.agent.template {name}` (wheels lie in {folder})."
    )


def _installed() -> list[bytes]:
    """The template of an installed harbor, read without importing it."""
    try:
        file = Path(str(metadata.distribution("harbor").locate_file(_IN_WHEEL)))
    except metadata.PackageNotFoundError:
        return []
    return [file.read_bytes()] if file.is_file() else []


def _in_wheels(folder: Path) -> list[bytes]:
    contents = []
    for wheel in sorted(folder.glob("harbor-*.whl")):
        try:
            with zipfile.ZipFile(wheel) as archive:
                contents.append(archive.read(_IN_WHEEL))
        except (zipfile.BadZipFile, KeyError) as error:
            raise SetupError(
                f"{wheel} is damaged or no harbor wheel ({error}): delete it and fetch it again"
            ) from error
    return contents


def _pip() -> list[str]:
    """Environments made by uv have no pip of their own."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "--quiet", "pip"]
    if pip := shutil.which("pip"):
        return [pip]
    raise SetupError("harbor's wheel is downloaded with pip, and neither pip nor uv is here: `python -m ensurepip`")


def main() -> None:
    parser = argparse.ArgumentParser(description="Download the harbor wheel that holds a Terminus 2 template.")
    parser.add_argument("name", choices=[name for name in get_args(TemplateName) if name != "termforge"])
    name: TemplateName = parser.parse_args().name
    wheel = fetch_harbor_wheel(_RELEASES[name].version, wheels_in())
    print(f"{name}: {wheel}, sha256 of the text {load(name).sha256}")


if __name__ == "__main__":
    main()
