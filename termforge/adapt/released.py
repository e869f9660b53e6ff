"""The published Nemotron-Terminal-Synthetic-Tasks archives as TerminalTasks.

Their folders are Terminal-Bench tasks on a private image into which `COPY files/` bakes the files of one task for all.
Here a task runs on our image of its skill's domain and brings its own files; names repeat across archives, so that
level, skill and name together are its key. Folders that the archive holds empty are made again with a file of no bytes,
and weights count where there are some. No solution was ever published.
"""

import json
import posixpath
import re
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from itertools import groupby, product
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast, get_args

from pydantic import ValidationError

from termforge.errors import InputError
from termforge.findings import Rejected
from termforge.harbor import dockerfile, shell
from termforge.harbor.dockerfile import Instruction
from termforge.harbor.pytest_ids import parse, test_ids
from termforge.harbor.reach import looks_beyond
from termforge.images import DOMAIN_IMAGES
from termforge.schemas import Domain, File, ImageRecipe, Limits, Provenance, TerminalTask, Test, Verifier

GENERATOR = "released@2"
DATASET = "nvidia/Nemotron-Terminal-Synthetic-Tasks"
LICENSE = "CC-BY-4.0"
TEACHER = "deepseek-ai/DeepSeek-V3.2"
TASK = re.compile(r"(?P<skill>[a-z_]+)_task_\d+")
DOCKERFILE = "environment/Dockerfile"
FILES = "environment/files"
WORKING = "/app"
KEEP = ".keep"
WEIGHTS = "tests/weights.json"
NOT_TESTS = {"tests/test.sh", "tests/test_requirements.txt", WEIGHTS}
MAX_BYTES = 64 * 1024 * 1024


class Unfit(NamedTuple):
    """A member that no task may bring."""

    why: str


Members = Mapping[str, bytes | None]
"""Content by path inside a task's folder; None for a folder."""


def released_tasks(archive: Path, level: str, images: Mapping[str, ImageRecipe]) -> Iterator[TerminalTask | Rejected]:
    """The tasks of one archive in its order, one in memory at a time; `images` by name, `level` as easy or mixed.

    Raises: InputError for what is no such archive.
    """
    seen: set[str] = set()
    for folder, members in _folders(archive):
        key = f"{level}/{TASK.fullmatch(folder.name)['skill']}/{folder.name}"  # type: ignore[index]
        if key in seen:
            raise InputError(f"{archive}: the members of {key} do not stand together")
        seen.add(key)
        try:
            yield _task(key, _fit(members), images)
        except (InputError, ValidationError) as error:
            yield Rejected(stage="released", reason="unfit", detail=f"{key}: {error}", row=json.dumps(key))


def _fit(members: dict[str, bytes | Unfit | None]) -> Members:
    fit = {path: content for path, content in members.items() if not isinstance(content, Unfit)}
    if unfit := [content.why for content in members.values() if isinstance(content, Unfit)]:
        raise InputError(unfit[0])
    return fit


def _folders(archive: Path) -> Iterator[tuple[PurePosixPath, dict[str, bytes | Unfit | None]]]:
    try:
        with tarfile.open(archive, "r|*") as tar:
            inside = ((place, member) for member in tar if (place := _place(member.name)))
            for folder, group in groupby(inside, key=lambda found: found[0][0]):
                yield folder, {path: _content(tar, member) for (_, path), member in group if path}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{archive}: cannot be read: {error}") from error


def _place(name: str) -> tuple[PurePosixPath, str] | None:
    """The task's folder and the path inside it; None for what belongs to no task."""
    parts = PurePosixPath(name).parts
    for number, part in enumerate(parts):
        if TASK.fullmatch(part):
            return PurePosixPath(*parts[: number + 1]), "/".join(parts[number + 1 :])
    return None


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | Unfit | None:
    if member.isdir():
        return None
    if not member.isfile() or member.size > MAX_BYTES:
        return Unfit(f"{member.name} is a link, or larger than {MAX_BYTES} bytes")
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def _task(key: str, members: Members, images: Mapping[str, ImageRecipe]) -> TerminalTask:
    level, skill, _ = key.split("/")
    if (domain := skill.replace("_", "-")) not in get_args(Domain):
        raise InputError(f"there is no domain {domain}")
    settings = _settings(members)
    return TerminalTask(
        image=images[DOMAIN_IMAGES[cast(Domain, domain)]],
        domain=cast(Domain, domain),
        instruction=_text(members, "instruction.md"),
        files=tuple(_files(members)),
        verifier=_verifier(members, settings),
        limits=_limits(settings),
        provenance=Provenance(
            source="skill",
            generator=GENERATOR,
            origin=f"{DATASET}:{key}",
            license=LICENSE,
            difficulty=level,
            teacher=TEACHER,
        ),
    )


def _files(members: Members) -> Iterator[File]:
    """What the Dockerfile's COPY would have baked in; a folder in which nothing lies gets one file of no bytes."""
    inside = {path.removeprefix(f"{FILES}/"): path for path in members if path.startswith(f"{FILES}/")}
    targets = _targets(_text(members, DOCKERFILE))
    if inside and not targets:
        raise InputError(f"{DOCKERFILE}: no COPY brings in what lies in {FILES}")
    for target, (short, path) in product(targets, inside.items()):
        if (content := members[path]) is not None:
            yield File(path=f"{target}/{short}", content=content)
        elif not any(other.startswith(f"{path}/") for other in members):
            yield File(path=f"{target}/{short}/{KEEP}", content=b"")


def _targets(text: str) -> list[str]:
    """Folders into which the folder of files is copied as a whole; relative ones lie below the WORKDIR of their place.

    Raises: InputError for a copy of less than the whole, or with options that matter to anybody but an owner.
    """
    working, targets = WORKING, []
    for number, line in shell.lines(text):
        name, _, rest = line.partition(" ")
        instruction = Instruction(Path(DOCKERFILE), number, name.upper(), rest.strip())
        if instruction.name == "WORKDIR":
            working = posixpath.normpath(posixpath.join(working, instruction.rest.strip("\"'")))
        elif instruction.name in ("COPY", "ADD"):
            targets += [posixpath.normpath(posixpath.join(working, target)) for target in _copied_to(instruction)]
    return targets


def _copied_to(instruction: Instruction) -> Iterator[str]:
    try:
        copied = dockerfile.copied(instruction, {})
    except ValueError as error:
        raise instruction.refused(str(error)) from None
    for source in map(posixpath.normpath, copied.sources):
        if source.partition("/")[0] == "files" and (source != "files" or copied.options.keys() - {"chown"}):
            raise instruction.refused("files are read where they are copied as a whole, and as they are")
        if source in ("files", "."):
            yield copied.target if source == "files" else posixpath.join(copied.target, "files")


def _verifier(members: Members, settings: dict[str, Any]) -> Verifier:
    """Binary as published, with threshold 1; weights give a failed trial its share all the same."""
    sources = {path: content for path, content in members.items() if path.startswith("tests/") and content is not None}
    files = [path for path in sources if path not in NOT_TESTS]
    modules = [path.removeprefix("tests/") for path in files if re.search(r"/test_[^/]*\.py$", path)]
    beside = {path.split("/")[1].removesuffix(".py") for path in files}
    trees = {path: parse(path, sources[f"tests/{path}"], beside) for path in modules}
    ids = [name for path, tree in trees.items() for name in test_ids(path, tree)]
    weights = _weights(sources.get(WEIGHTS, b"{}"))
    return Verifier(
        files=tuple(File(path=f"/{path}", content=sources[path]) for path in files),
        tests=tuple(Test(id=name, weight=_weight(weights, name)) for name in ids),
        timeout_s=_section(settings, "verifier").get("timeout_sec", 600.0),
        live=any(map(looks_beyond, trees.values())),
    )


def _weights(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{WEIGHTS}: not valid JSON ({error})") from None
    if not isinstance(found, dict):
        raise InputError(f"{WEIGHTS}: weights by name are expected, not {type(found).__name__}")
    return found


def _weight(weights: dict[str, Any], name: str) -> Any:
    """By full id or by the function's name; 1 where none is given. The record refuses what is no number."""
    return weights.get(name, weights.get(name.rpartition("::")[2].partition("[")[0], 1.0))


def _limits(settings: dict[str, Any]) -> Limits:
    seconds = _section(settings, "agent").get("timeout_sec")
    memory = _section(settings, "environment").get("memory_mb")
    given = {"model_s": seconds, "container_s": seconds, "memory_mb": memory}
    return Limits.model_validate({name: value for name, value in given.items() if value is not None})


def _settings(members: Members) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(members, "task.toml"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"task.toml: {error}") from None


def _section(settings: dict[str, Any], name: str) -> dict[str, Any]:
    section = settings.get(name, {})
    if not isinstance(section, dict):
        raise InputError(f"task.toml: {name} is {section!r}, and no section")
    return section


def _text(members: Members, path: str) -> str:
    if (content := members.get(path)) is None:
        raise InputError(f"there is no {path}")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8") from None
