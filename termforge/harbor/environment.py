"""What a Harbor task's container holds, as one of our images and files laid into it.

Sound where a Dockerfile starts from a Debian-like base, installs packages that one of the images has, copies files,
makes folders and sets variables. Everything else would leave the agent in another place than its author meant, and is
refused with file and line.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from posixpath import basename, dirname, join, normpath
from typing import NamedTuple

from termforge.errors import InputError
from termforge.harbor import dockerfile, shell
from termforge.harbor.dockerfile import Instruction
from termforge.harbor.shell import Package
from termforge.images import IMAGES, Inventory
from termforge.images.recipe import recipe
from termforge.schemas import File

WORKING = "/app"
PROFILE = "/etc/profile.d/harbor.sh"
KEEP = ".keep"
"""A folder that nothing lies in gets one empty file of this name: a task has files and no folders."""
HARBORS_OWN = ("/tests", "/logs", "/solution", "/oracle")
OURS = re.compile(r"termforge/(?P<image>[\w-]+):(?P<recipe>\w+)")
DEBIAN_LIKE = re.compile(
    r"(?:(?:docker\.io/)?(?:library/)?(?:debian|ubuntu)(?::[\w.-]+)?|(?:docker\.io/)?(?:library/)?python:3\.11(?!.*alpine)[\w.-]*)"
)
"""Ours are Debian 12 with Python 3.11: a base that promises another Python is another place."""
DEBIAN_LIKE_IN_APP = re.compile(r"ghcr\.io/(?:laude-institute|harbor-framework)/t-bench/(?:ubuntu-\S+|python-3-11\S*)")
SILENT = {"ARG", "CMD", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "SHELL", "STOPSIGNAL"}
"""Harbor runs a command of its own, and RUN is read here by the same rules whatever its shell."""
HARMLESS = re.compile(
    r"DEBIAN_FRONTEND|PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|(?:PIP|UV)_\w+|(?:LANG|LC_ALL)=(?:C|en_US)\.UTF-8"
    r"|TZ=(?:Etc/)?UTC"
)
FOLDERS = ("/", "/etc", "/home", "/mnt", "/opt", "/root", "/srv", "/tmp", "/usr/local", "/usr/local/bin", "/var")
"""In every base: a file copied to one of these goes below it."""
MODE = re.compile(r"[0-7]{3,4}")


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
    reader = _Reader(folder)
    for instruction in dockerfile.read(folder / "Dockerfile"):
        reader.apply(instruction)
    reader.needed |= dict.fromkeys(packages, "tests/test.sh")
    if reader.working != WORKING:
        raise InputError(f"{folder / 'Dockerfile'}: the last WORKDIR is {reader.working}; agents here start in /app")
    reader.variables |= variables
    kept = {name: value for name, value in reader.variables.items() if not _harmless(name, value)}
    return Environment(reader.image or _image(reader.needed, inventories, wanted), reader.laid(kept), tuple(kept))


class _Reader:
    """Plays a Dockerfile on nothing but a table of files."""

    def __init__(self, context: Path) -> None:
        self.image = ""
        self.working = "/"
        self.variables: dict[str, str] = {}
        self.needed: dict[Package, str] = {}
        """Packages, with the place that asks for them."""
        self._context = context
        self._files: dict[str, File] = {}
        self._folders: set[str] = set()

    def apply(self, instruction: Instruction) -> None:
        known: dict[str, Callable[[Instruction], None]] = {
            "FROM": self._from,
            "WORKDIR": self._workdir,
            "ENV": lambda env: self.variables.update(dockerfile.variables(env)),
            "COPY": self._copy,
            "ADD": self._copy,
            "RUN": self._run,
            "USER": self._user,
        }
        if instruction.name in known:
            known[instruction.name](instruction)
        elif instruction.name not in SILENT:
            raise instruction.refused("this instruction is not read")

    def laid(self, variables: Mapping[str, str]) -> tuple[File, ...]:
        files = dict(self._files)
        if variables:
            files[PROFILE] = File(path=PROFILE, content=_profile(variables).encode())
        for folder in self._folders:
            own = folder == WORKING or f"{folder}/".startswith(tuple(f"{path}/" for path in HARBORS_OWN))
            if not own and not any(path.startswith(f"{folder}/") for path in files):
                files[f"{folder}/{KEEP}"] = File(path=f"{folder}/{KEEP}", content=b"")
        return tuple(files[path] for path in sorted(files))

    def _from(self, instruction: Instruction) -> None:
        base = re.sub(r"^--platform=\S+\s+|\s+as\s+\S+$", "", instruction.rest, flags=re.IGNORECASE)
        if ours := OURS.fullmatch(base):
            self.image, self.working = ours["image"], WORKING
            if ours["image"] not in IMAGES or recipe(ours["image"]).recipe != ours["recipe"]:
                raise instruction.refused("no image has this recipe here")
        elif DEBIAN_LIKE_IN_APP.fullmatch(base):
            self.working = WORKING
        elif not DEBIAN_LIKE.fullmatch(base):
            raise instruction.refused("this base is not like one of our images (Debian 12 with Python 3.11)")

    def _workdir(self, instruction: Instruction) -> None:
        self.working = self._path(instruction, instruction.rest)
        self._folders.add(self.working)

    def _user(self, instruction: Instruction) -> None:
        if instruction.rest not in ("root", "0"):
            raise instruction.refused("agents here are root")

    def _copy(self, instruction: Instruction) -> None:
        options, sources, target = dockerfile.copied(instruction)
        if unread := options.keys() - {"chmod", "chown", "link"}:
            raise instruction.refused(f"--{min(unread)} is not read")
        if options.get("chown", "root") not in ("root", "root:root", "0", "0:0"):
            raise instruction.refused("files here belong to root")
        if "chmod" in options and not MODE.fullmatch(options["chmod"]):
            raise instruction.refused("the mode is not a number")
        mode = int(options["chmod"], 8) if "chmod" in options else None
        found = [path for source in sources for path in self._sources(instruction, source)]
        into = target.endswith(("/", ".")) or len(found) > 1 or self._is_folder(self._path(instruction, target))
        for source in found:
            for path, relative in _walk(source):
                if path.is_symlink():
                    raise instruction.refused(f"{path.name} is a link")
                below = relative or (source.name if into else "")
                self._lay(instruction, join(target, below) if below else target, path, mode)

    def _sources(self, instruction: Instruction, source: str) -> list[Path]:
        relative = normpath(source.lstrip("/") or ".")
        if instruction.name == "ADD" and re.search(r"://|^git@|\.(?:tar|tgz|tar\.\w+|zip)$", source):
            raise instruction.refused("ADD of a URL or an archive is not read")
        if relative.startswith("..") or "$" in source:
            raise instruction.refused(f"{source} is no file of the build context")
        found = [self._context] if relative == "." else sorted(self._context.glob(relative))
        if not found:
            raise instruction.refused(f"{source} does not exist in the build context")
        return found

    def _lay(self, instruction: Instruction, target: str, source: Path, mode: int | None) -> None:
        path = self._path(instruction, target)
        if source.is_dir():
            self._folders.add(path)
            return
        mode = source.stat().st_mode & 0o7777 if mode is None else mode
        self._files[path] = File(path=path, content=source.read_bytes(), mode=mode)

    def _run(self, instruction: Instruction) -> None:
        text = re.sub(r"^(?:--mount=type=cache\S*\s+)*", "", instruction.rest)
        try:
            simple = shell.commands(text)
            for words in simple:
                self._run_one(instruction, words)
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise instruction.refused(str(error)) from None

    def _run_one(self, instruction: Instruction, words: list[str]) -> None:
        if (packages := shell.installed(words)) is not None:
            self.needed |= dict.fromkeys(packages, instruction.place)
            return
        match words:
            case ["mkdir", *rest]:
                self._folders |= {self._path(instruction, path) for path in rest if not path.startswith("-")}
            case ["chmod", mode, *paths]:
                for path in paths:
                    self._chmod(instruction, mode, self._path(instruction, path))
            case ["set", *_] | ["true"]:
                pass
            case _:
                raise instruction.refused(f"what {words[0]!r} does to the image cannot be told")

    def _chmod(self, instruction: Instruction, mode: str, path: str) -> None:
        if path not in self._files or not (MODE.fullmatch(mode) or mode in ("+x", "a+x")):
            raise instruction.refused("chmod is read with a number or +x, on a copied file")
        file = self._files[path]
        bits = int(mode, 8) if MODE.fullmatch(mode) else file.mode | 0o111
        self._files[path] = file.model_copy(update={"mode": bits})

    def _is_folder(self, path: str) -> bool:
        parents = {parent for file in self._files for parent in _parents(file)}
        return path in {*FOLDERS, *self._folders, *parents, WORKING if self.image else "/"}

    def _path(self, instruction: Instruction, path: str) -> str:
        if re.search(r"[$*?~{]", path):
            raise instruction.refused(f"{path} is expanded by a shell")
        return normpath(join(self.working, path))


def _walk(source: Path) -> Iterator[tuple[Path, str]]:
    """What a source stands for, with paths below the target; a folder stands for what is in it."""
    if source.is_symlink() or not source.is_dir():
        yield source, ""
        return
    for path in sorted(source.rglob("*")):
        yield path, path.relative_to(source).as_posix()


def _parents(path: str) -> Iterator[str]:
    while basename(path):
        path = dirname(path)
        yield path


def _harmless(name: str, value: str) -> bool:
    return bool(HARMLESS.fullmatch(name) or HARMLESS.fullmatch(f"{name}={value}"))


def _profile(variables: Mapping[str, str]) -> str:
    """Docker expands `$NAME` as a shell does between double quotes, and nothing else."""
    lines = (f'export {name}="{_escaped(value)}"\n' for name, value in variables.items())
    return "".join(lines)


def _escaped(value: str) -> str:
    return re.sub(r"\$(?![A-Za-z_{])", r"\\$", re.sub(r'[\\"`]', r"\\\g<0>", value))


def _image(packages: Mapping[Package, str], inventories: Mapping[str, Inventory], wanted: str) -> str:
    """The wanted image if it has every package, else the first that does.

    Raises: InputError naming the packages that the best of them lacks.
    """
    needed = [package for package in packages if package.name not in shell.GRADERS_OWN]
    lacking = {
        name: [package for package in needed if not package.is_in(inventories[name])]
        for name in sorted(inventories, key=lambda name: (name != wanted, IMAGES.index(name)))
    }
    best = min(lacking, key=lambda name: len(lacking[name]))
    if missing := lacking[best]:
        raise InputError(
            f"{packages[missing[0]]}: no image has all packages; {best} lacks {', '.join(map(str, missing))}"
        )
    return best
