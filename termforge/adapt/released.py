"""The published Nemotron-Terminal-Synthetic-Tasks archives as TerminalTasks.

Their folders are Terminal-Bench tasks on a private image into which `COPY files/` bakes the files of one task for all.
Here a task runs on our image of its skill's domain and brings its own files; names repeat across archives, so that
level, skill and name together are its key. Folders that the archive holds empty are made again with a file of no bytes,
and weights count where there are some. No solution was ever published.
"""

import json
import re
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast, get_args

from pydantic import ValidationError

from termforge.errors import InputError
from termforge.findings import Rejected
from termforge.harbor.pytest_ids import looks_beyond, test_ids
from termforge.images import DOMAIN_IMAGES
from termforge.schemas import Domain, File, ImageRecipe, Limits, Provenance, TerminalTask, Test, Verifier

GENERATOR = "released@1"
DATASET = "nvidia/Nemotron-Terminal-Synthetic-Tasks"
LICENSE = "CC-BY-4.0"
TEACHER = "deepseek-ai/DeepSeek-V3.2"
TASK = re.compile(r"(?P<skill>[a-z_]+)_task_\d+")
COPY = re.compile(r"^COPY\s+(?:\./)?files/?\.?\s+(?P<target>\S+)\s*$", re.M)
FILES = "environment/files"
KEEP = ".keep"
NOT_TESTS = {"tests/test.sh", "tests/test_requirements.txt", "tests/weights.json"}
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
    """What `COPY files/` would have baked in; a folder in which nothing lies gets one file of no bytes."""
    copied = COPY.search(_text(members, "environment/Dockerfile"))
    target = copied["target"].rstrip("/") if copied and copied["target"] != "." else "/app"
    for path, content in members.items():
        inside = path.removeprefix(f"{FILES}/")
        if inside == path:
            continue
        if content is not None:
            yield File(path=f"{target}/{inside}", content=content)
        elif not any(other.startswith(f"{path}/") for other in members):
            yield File(path=f"{target}/{inside}/{KEEP}", content=b"")


def _verifier(members: Members, settings: dict[str, Any]) -> Verifier:
    """Binary as published, with threshold 1; weights give a failed trial its share all the same."""
    sources = {path: content for path, content in members.items() if path.startswith("tests/") and content is not None}
    files = [path for path in sources if path not in NOT_TESTS]
    modules = [path for path in files if PurePosixPath(path).name.startswith("test_") and path.endswith(".py")]
    ids = [name for path in modules for name in test_ids(path.removeprefix("tests/"), sources[path])]
    weights = json.loads(sources.get("tests/weights.json", b"{}"))
    return Verifier(
        files=tuple(File(path=f"/{path}", content=sources[path]) for path in files),
        tests=tuple(Test(id=name, weight=_weight(weights, name)) for name in ids),
        timeout_s=settings.get("verifier", {}).get("timeout_sec", 600.0),
        live=any(looks_beyond(sources[path]) for path in modules),
    )


def _weight(weights: dict[str, float], name: str) -> float:
    """By full id or by the function's name; 1 where none is given."""
    return weights.get(name, weights.get(name.rpartition("::")[2].partition("[")[0], 1.0))


def _limits(settings: dict[str, Any]) -> Limits:
    seconds, memory = settings.get("agent", {}).get("timeout_sec"), settings.get("environment", {}).get("memory_mb")
    given = {"model_s": seconds, "container_s": seconds, "memory_mb": memory}
    return Limits.model_validate({name: value for name, value in given.items() if value is not None})


def _settings(members: Members) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(members, "task.toml"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"task.toml: {error}") from None


def _text(members: Members, path: str) -> str:
    if (content := members.get(path)) is None:
        raise InputError(f"there is no {path}")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8") from None
