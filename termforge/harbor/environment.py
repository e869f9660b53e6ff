"""What a Harbor task's container holds, as one of our images and files laid into it.

Sound where a Dockerfile starts from a Debian-like base, installs packages that one of the images has, copies files,
makes folders and sets variables. Everything else is refused with file and line.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from termforge.errors import InputError
from termforge.harbor import dockerfile
from termforge.harbor.bases import WORKING
from termforge.harbor.container import Container
from termforge.harbor.shell import Package
from termforge.harbor.variables import PROFILE, profile
from termforge.images import IMAGES, Inventory
from termforge.schemas import File

KEEP = ".keep"
"""A folder that nothing lies in gets one empty file of this name: a task has files and no folders."""
HARBORS_OWN = ("/tests", "/logs", "/solution", "/oracle")
HARMLESS = re.compile(
    r"DEBIAN_FRONTEND|PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|(?:PIP|UV)_\w+|(?:LANG|LC_ALL)=(?:C|en_US)\.UTF-8"
    r"|TZ=(?:Etc/)?UTC"
)


class Environment(NamedTuple):
    image: str
    files: tuple[File, ...]
    variables: tuple[str, ...]
    """Names that only login shells have: the tests do not see them."""


def read_environment(
    folder: Path,
    inventories: Mapping[str, Inventory],
    *,
    variables: Mapping[str, str],
    packages: Sequence[Package],
    wanted: str,
) -> Environment:
    """The environment/ of a task, with variables and packages that it is given beside its Dockerfile.

    `wanted` is the image that serves it best if it has everything.

    Raises: InputError naming file, line and reason.
    """
    for name in ("docker-compose.yaml", ".dockerignore"):
        if (folder / name).exists():
            raise InputError(f"{folder / name}: is not read, and changes what the container holds")
    container = Container(folder)
    for instruction in dockerfile.read(folder / "Dockerfile"):
        container.apply(instruction)
    if container.working != WORKING:
        raise InputError(f"{folder / 'Dockerfile'}: the last WORKDIR is {container.working}; agents here start in /app")
    given = container.variables | dict(variables)
    kept = {name: value for name, value in given.items() if not _harmless(name, value)}
    needed = container.needed | dict.fromkeys(packages, "tests/test.sh")
    return Environment(_image(container.image, needed, inventories, wanted), _laid(container, kept), tuple(kept))


def _laid(container: Container, variables: Mapping[str, str]) -> tuple[File, ...]:
    files = dict(container.files)
    if variables:
        files[PROFILE] = profile(variables)
    for folder in container.folders:
        own = folder == WORKING or f"{folder}/".startswith(tuple(f"{path}/" for path in HARBORS_OWN))
        if not own and not any(path.startswith(f"{folder}/") for path in files):
            files[f"{folder}/{KEEP}"] = File(path=f"{folder}/{KEEP}", content=b"")
    return tuple(files[path] for path in sorted(files))


def _harmless(name: str, value: str) -> bool:
    return bool(HARMLESS.fullmatch(name) or HARMLESS.fullmatch(f"{name}={value}"))


def _image(start: str, needed: Mapping[Package, str], inventories: Mapping[str, Inventory], wanted: str) -> str:
    """Where a task starts from one of ours, that one; else the wanted image if it has every package, or the first.

    Raises: InputError naming the packages that the best of them lacks.
    """
    if start and not needed:
        return start
    lacking = {
        name: [package for package in needed if not package.is_in(inventories[name])]
        for name in sorted(inventories, key=lambda name: (name != wanted, IMAGES.index(name)))
        if start in ("", name)
    }
    if not lacking:
        raise InputError(f"{next(iter(needed.values()))}: it is not known what the image {start} has")
    best = min(lacking, key=lambda name: len(lacking[name]))
    if missing := lacking[best]:
        raise InputError(
            f"{needed[missing[0]]}: no image has all packages; {best} lacks {', '.join(map(str, missing))}"
        )
    return best
