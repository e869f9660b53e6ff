"""What a Dockerfile leaves behind, as far as files, folders, variables and packages: played without Docker.

What cannot be played so would leave the agent in another place than the author meant, and is refused with its line.
"""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from posixpath import basename, dirname, join, normpath

from termforge.errors import InputError
from termforge.harbor import dockerfile, shell
from termforge.harbor.bases import read_base
from termforge.harbor.dockerfile import Instruction
from termforge.harbor.exporting import mode_on_disk
from termforge.harbor.shell import Package
from termforge.harbor.variables import SYSTEM_PATH, expand
from termforge.schemas import File

SILENT = {"CMD", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "SHELL", "STOPSIGNAL"}
"""Harbor runs a command of its own, and RUN is read here by the same rules whatever its shell."""
FOLDERS = re.compile(
    r"""
      / | /(?:bin|boot|dev|etc|home|lib|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)
    | /etc/(?:alternatives|apt|cron\.(?:d|daily)|default|init\.d|ld\.so\.conf\.d|logrotate\.d|opt|pam\.d|profile\.d)
    | /etc/(?:apt/(?:apt\.conf|sources\.list)\.d|security|skel|ssl|ssl/certs|systemd|systemd/system)
    | /usr/(?:local|lib64|libexec|share/(?:doc|man)|local/(?:etc|man))
    | /usr/(?:local/)?(?:bin|games|include|lib|sbin|share|src)
    | /var/(?:backups|cache|lib|local|lock|log|mail|opt|run|spool|tmp)
    """,
    re.VERBOSE,
)
"""In every base: a file copied to one of these goes below it."""
TEMPORARY = ("/tmp/", "/var/tmp/")
MODE = re.compile(r"[0-7]{3,4}")


class Container:
    def __init__(self, context: Path) -> None:
        self.image = ""
        """Ours that it starts from, by name; empty where it starts from another."""
        self.working = "/"
        self.variables: dict[str, str] = {}
        self.needed: dict[Package, str] = {}
        """Packages, with the place that asks for them."""
        self.files: dict[str, File] = {}
        self.folders: set[str] = set()
        self._context = context
        self._arguments: dict[str, str] = {}
        self._outside: dict[str, str] = {}
        """Arguments from above FROM: known below it where they are declared again."""

    def apply(self, instruction: Instruction) -> None:
        """Raises: InputError."""
        known: dict[str, Callable[[Instruction], None]] = {
            "FROM": self._from,
            "ARG": self._argument,
            "ENV": lambda env: self.variables.update(dockerfile.variables(env, self._values)),
            "WORKDIR": self._workdir,
            "COPY": self._copy,
            "ADD": self._copy,
            "RUN": self._run,
            "USER": self._user,
        }
        if instruction.name in SILENT:
            return
        if instruction.name not in known:
            raise instruction.refused("this instruction is not read")
        try:
            known[instruction.name](instruction)
        except InputError:
            raise
        except ValueError as error:  # of words, patterns and paths
            raise instruction.refused(str(error)) from None

    @property
    def _values(self) -> dict[str, str]:
        return {"PATH": SYSTEM_PATH} | self._arguments | self.variables

    def _from(self, instruction: Instruction) -> None:
        self.image, self.working = read_base(expand(instruction.rest, self._arguments))
        if not FOLDERS.fullmatch(self.working):
            self.folders.add(self.working)
        self._outside, self._arguments = self._arguments, {}

    def _argument(self, instruction: Instruction) -> None:
        for name, value in dockerfile.arguments(instruction, self._values).items():
            given = self._outside.get(name) if value is None else value
            if given is not None:
                self._arguments[name] = given

    def _workdir(self, instruction: Instruction) -> None:
        self.working = self._path(expand(instruction.rest, self._values))
        self.folders.add(self.working)

    def _user(self, instruction: Instruction) -> None:
        if expand(instruction.rest, self._values) not in ("root", "0"):
            raise instruction.refused("agents here are root")

    def _copy(self, instruction: Instruction) -> None:
        options, sources, target = dockerfile.copied(instruction, self._values)
        if unread := options.keys() - {"chmod", "chown", "link"}:
            raise instruction.refused(f"--{min(unread)} is not read")
        if options.get("chown", "root") not in ("root", "root:root", "0", "0:0"):
            raise instruction.refused("files here belong to root")
        if "chmod" in options and not MODE.fullmatch(options["chmod"]):
            raise instruction.refused("the mode is not a number")
        mode = int(options["chmod"], 8) if "chmod" in options else None
        found = [path for source in sources for path in self._sources(instruction, source)]
        into = target.endswith(("/", ".")) or len(found) > 1 or self._is_folder(self._path(target))
        for source in found:
            for path, relative in _walk(source):
                if path.is_symlink():
                    raise instruction.refused(f"{path.name} is a link")
                below = relative or (source.name if into else "")
                self._lay(join(target, below) if below else target, path, mode)

    def _sources(self, instruction: Instruction, source: str) -> list[Path]:
        relative = normpath(source.lstrip("/") or ".")
        if instruction.name == "ADD" and re.search(r"://|^git@|\.(?:tar|tgz|tar\.\w+|zip)$", source):
            raise instruction.refused("ADD of a URL or an archive is not read")
        found = [self._context] if relative == "." else sorted(self._context.glob(relative))
        if relative.startswith("..") or any(not self._is_in_context(path) for path in found):
            raise instruction.refused(f"{source} is no file of the build context")
        if not found:
            raise instruction.refused(f"{source} does not exist in the build context")
        return found

    def _is_in_context(self, path: Path) -> bool:
        return path.is_symlink() or path.resolve().is_relative_to(self._context.resolve())

    def _lay(self, target: str, source: Path, mode: int | None) -> None:
        path = self._path(target)
        if source.is_dir():
            self.folders.add(path)
            return
        mode = mode_on_disk(source.stat().st_mode) if mode is None else mode
        self.files[path] = File(path=path, content=source.read_bytes(), mode=mode)

    def _run(self, instruction: Instruction) -> None:
        for words in shell.commands(re.sub(r"^(?:--mount=type=cache\S*\s+)*", "", instruction.rest)):
            self._run_one(instruction, words)

    def _run_one(self, instruction: Instruction, words: list[str]) -> None:
        match words:
            case ["rm", *rest]:
                self._remove(rest)
            case ["mkdir", *rest]:
                paths = [path for path in rest if path not in ("-p", "-v", "-pv", "-vp", "--parents")]
                if options := [path for path in paths if path.startswith("-")]:
                    raise ValueError(f"mkdir's option {options[0]} is not read")
                self.folders |= set(map(self._path, paths))
            case ["chmod", mode, *paths]:
                for path in paths:
                    self._chmod(mode, self._path(path))
            case ["set", *_] | ["true"]:
                pass
            case _:
                if (packages := shell.installed(words)) is None:
                    raise ValueError(f"what {words[0]!r} does to the image cannot be told")
                self.needed |= dict.fromkeys(packages, instruction.place)

    def _remove(self, words: list[str]) -> None:
        options = "".join(word for word in words if word.startswith("-"))
        for word in (word for word in words if not word.startswith("-")):
            path = normpath(join(self.working, word))
            gone = {known for known in (*self.files, *self.folders) if _is_at_or_below(known, path)}
            tidy = shell.TIDY.match(path) or path.startswith(TEMPORARY)
            if re.search(r"[$~{]", word) or not set(options) <= set("-rfRv") or not (gone or tidy):
                raise ValueError(f"what 'rm' of {word} does to the image cannot be told")
            self.files = {known: file for known, file in self.files.items() if known not in gone}
            self.folders -= gone

    def _chmod(self, mode: str, path: str) -> None:
        if path not in self.files or not (MODE.fullmatch(mode) or mode in ("+x", "a+x")):
            raise ValueError("chmod is read with a number or +x, on a copied file")
        file = self.files[path]
        bits = int(mode, 8) if MODE.fullmatch(mode) else file.mode | 0o111
        self.files[path] = file.model_copy(update={"mode": bits})

    def _is_folder(self, path: str) -> bool:
        parents = {parent for known in (*self.files, *self.folders) for parent in _parents(known)}
        return path in self.folders | parents or bool(FOLDERS.fullmatch(path))

    def _path(self, path: str) -> str:
        if re.search(r"[$*?~{]", path):
            raise ValueError(f"{path} is expanded by a shell")
        return "/" + normpath(join(self.working, path)).lstrip("/")  # normpath keeps a second slash


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


def _is_at_or_below(path: str, pattern: str) -> bool:
    return any(fnmatchcase(each, pattern) for each in (path, *_parents(path)))
