"""task.toml: what a Harbor task asks for, as Limits; settings that change the task and cannot be kept are refused.

Older forms (`version`, `memory = "2G"`) are read too. Keys that only describe (`[task]`, `[metadata]`) or only collect
(`artifacts`) are left aside.
"""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from termforge.errors import InputError
from termforge.harbor.variables import NAME
from termforge.schemas import Limits, Need, Record

FILE = "task.toml"


class Ours(Record):
    """`[metadata.termforge]`: what our own exports have no other place for."""

    needs: frozenset[Need] = frozenset()
    graded_paths: tuple[str, ...] = ("/app",)
    threshold: float = 1.0
    live: bool = False
    limits: Limits = Limits()


class _Table(BaseModel):
    """Refuses what it does not know: an unknown key may change the task."""

    model_config = ConfigDict(extra="forbid")


class _Agent(_Table):
    timeout_sec: float | None = Field(default=None, gt=0)
    network_mode: str | None = None
    user: str | int | None = None


class _Verifier(_Table):
    timeout_sec: float = Field(default=600.0, gt=0)
    network_mode: str | None = None
    user: str | int | None = None
    environment_mode: str | None = None


class _Environment(_Table):
    build_timeout_sec: float = 600.0
    docker_image: str | None = None
    os: str = "linux"
    cpus: float | None = None
    memory_mb: int | None = None
    storage_mb: int | None = None
    memory: str | None = None
    storage: str | None = None
    gpus: int = 0
    gpu_types: list[str] | None = None
    env: dict[str, str] = Field(default_factory=dict)
    mcp_servers: list[Any] = Field(default_factory=list)
    workdir: str | None = None
    network_mode: str | None = None
    allow_internet: bool | None = None


class _Solution(_Table):
    env: dict[str, str] = Field(default_factory=dict)


class _Metadata(BaseModel):
    """Free, but for our own table."""

    model_config = ConfigDict(extra="allow")
    category: Any = ""
    difficulty: Any = ""
    termforge: Ours | None = None


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: str | None = None
    schema_version: str | None = None
    source: str | None = None
    artifacts: list[Any] = Field(default_factory=list)
    task: dict[str, Any] = Field(default_factory=dict)
    metadata: _Metadata = _Metadata()
    agent: _Agent = _Agent()
    verifier: _Verifier = _Verifier()
    environment: _Environment = _Environment()
    solution: _Solution = _Solution()

    @property
    def limits(self) -> Limits:
        """Harbor's agent time covers both thinking and working."""
        if self.metadata.termforge is not None:
            return self.metadata.termforge.limits
        environment, seconds = self.environment, self.agent.timeout_sec
        memory_mb = environment.memory_mb or _megabytes(environment.memory)
        disk_mb = environment.storage_mb or _megabytes(environment.storage)
        given = {"memory_mb": memory_mb, "disk_mb": disk_mb, "cpus": environment.cpus}
        given |= {"model_s": seconds, "container_s": seconds}
        return Limits(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]

    @property
    def promises_internet(self) -> bool:
        """In so many words: it is Harbor's default too."""
        modes = {self.environment.network_mode, self.agent.network_mode}
        return self.environment.allow_internet is True or "public" in modes


def read_settings(folder: Path) -> Settings:
    """Raises: InputError naming the key."""
    path = folder / FILE
    try:
        settings = Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {key}: {_words(first['type'], first['msg'])}") from None
    except ValueError as error:  # neither UTF-8 nor TOML
        raise InputError(f"{path}: {error}") from None
    if fault := _fault(settings):
        raise InputError(f"{path}: {fault}")
    return settings


def _words(kind: str, message: str) -> str:
    return "this setting has no counterpart here" if kind == "extra_forbidden" else message


def _fault(settings: Settings) -> str:
    environment, verifier = settings.environment, settings.verifier
    users = {settings.agent.user, verifier.user} - {None, "root", 0, "0"}
    modes = {environment.network_mode, settings.agent.network_mode, verifier.network_mode}
    variables = [*environment.env.items(), *settings.solution.env.items()]
    templates = [value for _, value in variables if "${" in value]
    faults = {
        "environment.os: only linux runs here": environment.os.lower() != "linux",
        "environment.gpus: sandboxes have no GPU": bool(environment.gpus),
        "environment.mcp_servers: agents here have a terminal and nothing else": bool(environment.mcp_servers),
        "environment.workdir: agents here start in /app": environment.workdir not in (None, "/app"),
        "user: agents and tests here run as root": bool(users),
        "network_mode: there is no list of allowed hosts here": "allowlist" in modes,
        "verifier.environment_mode: a separate environment for tests is not read": verifier.environment_mode
        == "separate",
        "env: a value comes from the machine that runs Harbor": bool(templates),
        "env: shells have no variable of such a name": not all(NAME.fullmatch(name) for name, _ in variables),
    }
    return next((text for text, holds in faults.items() if holds), "")


def _megabytes(size: str | None) -> int | None:
    """`2G`, `512M`; 1G is 1024 MB.

    Raises: InputError.
    """
    if size is None:
        return None
    try:
        return int(float(size.strip()[:-1]) * {"G": 1024.0, "M": 1.0, "K": 1 / 1024}[size.strip()[-1:].upper()])
    except (KeyError, ValueError, OverflowError):
        raise InputError(f"{FILE}: {size!r} is no size such as 2G or 512M") from None
