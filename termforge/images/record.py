"""What was built here: one JSON file an image under `<state>/images`, with the inventory of what is inside.

Synthesis prompts, the lint of test imports and people read it. An inventory is probed by running PROBE inside.
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from termforge.errors import SetupError
from termforge.images.recipe import Locked
from termforge.schemas import Image, ImageRecipe, Record, digest
from termforge.state import default_state

PROBE = r"""
import importlib.metadata, json, os, re, subprocess, sys
dpkg = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n"],
                      capture_output=True, text=True).stdout if os.path.exists("/usr/bin/dpkg-query") else ""
apt = dict(line.split("\t")[1:] for line in dpkg.splitlines() if line.startswith("ii"))
python, pip, modules = {}, [], set()
for found in importlib.metadata.distributions():
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"] or "").lower()
    if name and name not in python:
        python[name] = found.version
        if "/dist-packages" not in str(found.locate_file("")) or str(found.locate_file("")).startswith("/usr/local"):
            pip.append(name)
for entry in sys.path:
    if os.path.isdir(entry) and "-packages" in entry:
        for name in os.listdir(entry):
            stem = name.split(".")[0]
            if stem.isidentifier() and (name.endswith((".py", ".so")) or os.path.isdir(os.path.join(entry, name))):
                modules.add(stem)
commands = {name for folder in os.environ.get("PATH", "/usr/bin:/bin").split(":") if os.path.isdir(folder)
            for name in os.listdir(folder) if os.access(os.path.join(folder, name), os.X_OK)}
json.dump({"apt": apt, "python": python, "pip": sorted(pip), "commands": sorted(commands),
           "modules": sorted(modules - {"__pycache__"} | set(sys.stdlib_module_names))}, sys.stdout, indent=0)
print()
"""
"""Python source that prints an inventory as JSON; standard library only, Python 3.10 or newer."""


class Inventory(Record):
    """What a task's author may count on inside an image."""

    apt: dict[str, str]
    """Debian packages with versions."""
    python: dict[str, str]
    """Python distributions with versions, by normalized name (`pyyaml`)."""
    pip: tuple[str, ...] = ()
    """Names in `python` that pip installed; the rest came with Debian packages."""
    commands: tuple[str, ...]
    """Names on root's PATH."""
    modules: tuple[str, ...] = ()
    """Top-level names that `import` finds, the standard library's among them."""

    @property
    def hash(self) -> str:
        return digest([self.apt, self.python])

    def locked(self, below: "Inventory | None" = None) -> Locked:
        """As a lock entry: what is here and not in the same version in the image `below`."""
        apt, pip = self.apt, {name: self.python[name] for name in self.pip}
        if below is not None:
            apt = dict(apt.items() - below.apt.items())
            pip = dict(pip.items() - {name: below.python[name] for name in below.pip}.items())
        return Locked(apt=apt, python=pip)


class BuiltImage(Record):
    image: Image
    inventory: Inventory
    base: Literal["pulled", "bootstrapped", "local"]
    """Where the Debian below came from: a registry, mmdebstrap, or an image that was here already."""
    dockerfile: str
    bytes: int
    """Size as the engine reports it, shared layers included."""
    seconds: float = 0.0
    built: str
    """ISO 8601, UTC."""
    drift: tuple[str, ...] = ()
    """Apt packages whose version differs from the lock: Debian's archive keeps only the newest."""


def parse_probe(output: bytes) -> Inventory:
    """Raises: SetupError when PROBE did not print an inventory."""
    try:
        return Inventory.model_validate_json(output)
    except ValidationError as error:
        raise SetupError(f"the image's inventory cannot be read: {output[:200]!r}") from error


def built(recipe: ImageRecipe, state: Path | None = None) -> BuiltImage:
    """What was built here for a recipe.

    Raises: SetupError when it was not, or from another recipe, with the command that builds it.
    """
    path = record_path(recipe.name, state)
    remedy = f"run `make images` (only this one: `python -m termforge.images build {recipe.name}`)"
    if not path.is_file():
        raise SetupError(f"the image {recipe.name!r} is not built on this machine: {remedy}")
    try:
        record = BuiltImage.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise SetupError(f"{path} is from another version of termforge or damaged: {remedy}") from error
    if record.image.recipe != recipe.recipe:
        raise SetupError(
            f"the image {recipe.name!r} here was built from another recipe ({record.image.recipe}): {remedy}"
        )
    return record


def write(record: BuiltImage, state: Path | None = None) -> None:
    path = record_path(record.image.name, state)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(path)


def record_path(name: str, state: Path | None = None) -> Path:
    return (state or default_state()) / "images" / f"{name}.json"
