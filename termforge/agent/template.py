"""The agent's first message: our own, or Terminus 2's as harbor ships it.

`termforge` is prompts/agent/terminus.j2, or terminus_xml.j2 where replies are XML. `terminus2` is the text of current
harbor releases, `terminus2-corpus` the one of NVIDIA's published corpus; they differ in one bullet. Both belong to
harbor and are never kept here: they are read from an installed harbor or from its wheel in the state folder, and
believed only by their sha256. Fetch the wheel once with `python -m termforge.agent.template terminus2`.
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
from termforge.agent.protocol import ReplyFormat
from termforge.errors import SetupError
from termforge.state import default_state

TemplateName = Literal["termforge", "terminus2", "terminus2-corpus"]

IN_WHEEL = "harbor/agents/terminus_2"
_OURS: dict[ReplyFormat, str] = {"json": "agent/terminus.j2", "xml": "agent/terminus_xml.j2"}
_CANARY = re.compile(r"^(<!--.*canary.*-->|#.*canary.*)$", re.IGNORECASE)


class _Release(NamedTuple):
    version: str
    """Of the harbor wheel to fetch; others carry the same texts."""
    sha256: dict[ReplyFormat, str]


_RELEASES: dict[TemplateName, _Release] = {
    "terminus2": _Release(
        "0.25.0",
        {
            "json": "89a3dc3a15752b748a99fb907c9251ab31a464e13386583fb48476b078b54a34",
            "xml": "721c0ada54921cbb7bb9f817f2306c79ff4ba3381d08be7eb97fbeb0d99d298d",
        },
    ),
    "terminus2-corpus": _Release(
        "0.1.1",
        {
            "json": "a52a860b54a1cd9beb8ed4083fe8ad3bdf1a5df59c7c6767abfdc33c5359aff2",
            "xml": "89c74ea0d7ffe6344e00cdff6c2e50af62bcc6735c53221efb95d65c7fb371af",
        },
    ),
}


class Template(NamedTuple):
    name: TemplateName
    reply_format: ReplyFormat
    text: str
    """Not yet filled: Jinja for ours, `str.format` for Terminus 2's."""
    sha256: str

    def fill(self, instruction: str, terminal_state: str) -> str:
        if self.name == "termforge":
            return prompts.render(_OURS[self.reply_format], instruction=instruction, terminal_state=terminal_state)
        return self.text.format(instruction=without_canary(instruction), terminal_state=terminal_state)


def load(name: TemplateName, state: Path | None = None, *, reply_format: ReplyFormat = "json") -> Template:
    """Wheels are looked for in `harbor/` below `state` (None: this machine's state folder).

    Raises: SetupError where the text of Terminus 2 is not at hand, with the command that fetches it.
    """
    if name == "termforge":
        ours = prompts.load(_OURS[reply_format])
        return Template(name, reply_format, ours.text, ours.sha256)
    return _load_terminus(name, reply_format, wheels_in(state))


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


def copies_in_harbor(file: str, folder: Path) -> list[bytes]:
    """What a file of Terminus 2 holds in an installed harbor, which is not imported, and in each wheel in `folder`.

    Raises: SetupError for a damaged wheel.
    """
    return [*_installed(f"{IN_WHEEL}/{file}"), *_in_wheels(f"{IN_WHEEL}/{file}", folder)]


def missing(what: str, name: TemplateName, found: int, folder: Path) -> SetupError:
    """The error for a text that none of the `found` copies holds."""
    looked = f"none of the {found} copies found has it" if found else "no harbor is installed or downloaded"
    return SetupError(
        f"template {name!r} needs {what} from harbor {_RELEASES[name].version}: {looked}. "
        f"Fetch it with `python -m termforge.agent.template {name}` (wheels lie in {folder})."
    )


@cache
def _load_terminus(name: TemplateName, reply_format: ReplyFormat, folder: Path) -> Template:
    wanted = _RELEASES[name].sha256[reply_format]
    found = copies_in_harbor(f"templates/terminus-{reply_format}-plain.txt", folder)
    for content in found:
        if hashlib.sha256(content).hexdigest() == wanted:
            return Template(name, reply_format, content.decode(), wanted)
    raise missing(f"Terminus 2's text with sha256 {wanted}", name, len(found), folder)


def _installed(path: str) -> list[bytes]:
    try:
        file = Path(str(metadata.distribution("harbor").locate_file(path)))
    except metadata.PackageNotFoundError:
        return []
    return [file.read_bytes()] if file.is_file() else []


def _in_wheels(path: str, folder: Path) -> list[bytes]:
    contents = []
    for wheel in sorted(folder.glob("harbor-*.whl")):
        try:
            with zipfile.ZipFile(wheel) as archive:
                contents.append(archive.read(path))
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
    parser = argparse.ArgumentParser(description="Download the harbor wheel that holds Terminus 2's texts.")
    parser.add_argument("name", choices=[name for name in get_args(TemplateName) if name != "termforge"])
    name: TemplateName = parser.parse_args().name
    wheel = fetch_harbor_wheel(_RELEASES[name].version, wheels_in())
    print(f"{name}: {wheel}, sha256 of the text {load(name).sha256}")


if __name__ == "__main__":
    main()
