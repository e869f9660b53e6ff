"""The records: what a TerminalTask, a Trajectory and a Verdict are. See the README for the words.

Frozen pydantic models, `extra="forbid"`; bytes travel as base64 in JSON. Columns on disk: termforge/columns.py.
Fields are only added, always with a default: a TerminalTask's id leaves defaults out, so it survives additions.
"""

import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

SCHEMA_VERSION = 1

Domain = Literal[
    "data-processing",
    "data-querying",
    "data-science",
    "debugging",
    "file-operations",
    "scientific-computing",
    "security",
    "software-engineering",
    "system-administration",
    # The release's two further domains share images with software-engineering and data-science.
    "dependency-management",
    "model-training",
]
DOMAINS: tuple[Domain, ...] = get_args(Domain)[:9]
"""The nine domains that have an image of their own."""

SourceName = Literal["math", "code", "swe", "seed", "skill", "forge", "harbor"]


class Need(StrEnum):
    """What a task may ask of its sandbox beyond files, processes and a terminal."""

    USERS = "users"  # chown, useradd, su: several uids
    PACKAGES = "packages"  # an allow-listed package proxy
    SERVICES = "services"  # daemons that outlive a shell, on ports below 1024 too
    PTRACE = "ptrace"  # gdb, strace
    NET_ADMIN = "net_admin"


class Record(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        ser_json_inf_nan="strings",
    )


class File(Record):
    """A file laid into a sandbox before the agent starts (or with the tests)."""

    path: str
    """Absolute and normal: no `..`, no trailing slash."""
    content: bytes
    mode: int = 0o644

    @field_validator("path")
    @classmethod
    def _path_is_absolute_and_normal(cls, path: str) -> str:
        parts = path.split("/")
        if not path.startswith("/") or any(part in ("", ".", "..") for part in parts[1:]) or "\0" in path:
            raise ValueError(f"not an absolute, normal path: {path!r}")
        return path


class ImageRecipe(Record):
    """Which image a task runs on. The recipe, not a build: the same on every machine."""

    name: str
    """One of DOMAINS, or `host` for the bubblewrap pseudo-image of this machine's own /usr."""
    recipe: str
    """Hash of the recipe; empty for `host`, which has none and stays out of real mixtures."""


class Image(Record):
    """What was built or probed here for a recipe: belongs to a trial, not to a task."""

    name: str
    recipe: str
    digest: str
    """Content digest of the built image; for `host` the inventory's hash."""
    inventory: str
    """Hash of the inventory: apt and Python packages with versions."""


class Test(Record):
    id: str
    """`file.py::function` as pytest reports it, relative to /tests."""
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    __test__ = False  # not for pytest


class Verifier(Record):
    """Pytest files and the ids they must report. Grading: termforge/verify.py."""

    files: tuple[File, ...]
    """Under /tests; never in the agent's sandbox."""
    tests: tuple[Test, ...] = Field(min_length=1)
    timeout_s: float = 120.0
    threshold: float = Field(default=1.0, gt=0, le=1)
    """Weighted share of passed tests from which a trial counts as solved."""
    live: bool = False
    """True when the tests need the agent's own machine (services, other paths) instead of a fresh one."""


class Command(Record):
    """One element of `commands` in a Terminus reply."""

    keystrokes: str
    duration_s: float = 1.0


class Step(Record):
    """One reply of a solution: why, and what is typed. The oracle plays these."""

    analysis: str
    plan: str
    commands: tuple[Command, ...]


class Limits(Record):
    max_turns: int = 40
    model_s: float = 1800.0
    """Seconds spent waiting for the teacher, over all turns."""
    container_s: float = 900.0
    """Seconds spent typing, waiting and looking, over all turns."""
    tokens: int = 1_000_000
    """Input and output tokens over all calls."""
    memory_mb: int = 2048
    disk_mb: int = 2048
    pids: int = 256
    cpus: float = 1.0


class Drawn(Record):
    """A primitive that was drawn for a synthesized task, with `weight` over `urn` as its probability."""

    skill: str
    count: int
    """How often it had been drawn before, in the same run."""
    weight: float
    urn: float
    """Sum of the weights of all that could have been drawn then."""


class Provenance(Record):
    """Where a task comes from. Not part of its id."""

    source: SourceName
    generator: str
    """What made it, with a version: `adapt/math@1`, `forge@1`, `synthesize/skill@1`."""
    origin: str = ""
    """Dataset and row, seed record, or random seed: enough to make it again."""
    license: str = ""
    skills: tuple[str, ...] = ()
    difficulty: str = ""
    teacher: str = ""
    """Model that wrote it; empty where none did."""
    prompt_sha256: str = ""
    """Of the rendered prompt that produced it; empty where none did."""
    draw: tuple[Drawn, ...] = ()
    """How `skills` were drawn, in order; empty where nothing was drawn."""


class Control(Record):
    """A pass without work that was once found: whatever tests a task has, these files must not be judged solved."""

    name: str
    files: tuple[File, ...]
    """What is put beside and over the task's own files."""


class TerminalTask(Record):
    """The datum. It has no Dockerfile: shared images, files that arrive at the start."""

    image: ImageRecipe
    domain: Domain | None = None
    """None for adapted prompts, which have a source instead."""
    instruction: str
    files: tuple[File, ...] = ()
    verifier: Verifier | None = None
    """None for the paper's adapted prompts: such a trial is ungraded."""
    graded_paths: tuple[str, ...] = ("/app",)
    needs: frozenset[Need] = frozenset()
    solution: tuple[Step, ...] | None = None
    limits: Limits = Limits()
    controls: tuple[Control, ...] = ()
    provenance: Provenance

    @property
    def id(self) -> str:
        """Sixteen hex digits over everything but controls and provenance; equal on every machine and Python version."""
        return digest(self.content)[:16]

    @property
    def content(self) -> dict[str, Any]:
        """What the id is hashed from: JSON values of what the agent and its grader meet, defaults left out."""
        content = self.model_dump(mode="json", exclude={"controls", "provenance"}, exclude_defaults=True)
        if "needs" in content:
            content["needs"] = sorted(content["needs"])
        return content


class Usage(Record):
    """Tokens and money of one or more calls; None where the service does not say."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None

    @classmethod
    def total(cls, usages: Iterable[Self]) -> Self:
        """The sum; its cost is None as soon as one is unknown."""
        usages = list(usages)
        costs = [usage.cost_usd for usage in usages]
        return cls(
            input_tokens=sum(usage.input_tokens for usage in usages),
            cached_tokens=sum(usage.cached_tokens for usage in usages),
            output_tokens=sum(usage.output_tokens for usage in usages),
            cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        )


Stage = Literal["summary", "questions", "answers", "short summary"]


class Exchange(Record):
    """A call beside the turns, by which an agent hands its work over to a shorter conversation."""

    stage: Stage
    prompt: str
    reply: str
    """Empty where none came: the call was longer than the model's window, or its service failed."""
    reasoning: str | None = None
    usage: Usage = Usage()
    teacher_s: float = 0.0


class Turn(Record):
    """One exchange: what the model was told, what it replied, what was done and seen."""

    handover: tuple[Exchange, ...] = ()
    """Calls made before this turn because the conversation outgrew the model's window; it starts anew here."""
    prompt: str
    """The user message of this call, verbatim."""
    reply: str
    """The model's content, verbatim; reasoning apart."""
    reasoning: str | None = None
    commands: tuple[Command, ...] = ()
    """As executed: durations capped."""
    error: str | None = None
    """Why the reply could not be parsed; nothing was executed."""
    warning: str | None = None
    task_complete: bool = False
    truncated: bool = False
    """The reply hit the output limit."""
    observation: str = ""
    """What the terminal showed afterwards, as limited; empty when nothing ran."""
    usage: Usage = Usage()
    """Of this call; those of the handover have their own."""
    at_s: float = 0.0
    """When it began, in seconds from the start of the trial."""
    teacher_s: float = 0.0
    waited_s: float = 0.0
    harness_s: float = 0.0

    @property
    def spent(self) -> Usage:
        """Of this call and of the handover before it."""
        return Usage.total([*(exchange.usage for exchange in self.handover), self.usage])


class Ending(StrEnum):
    """How the agent's part of a trial ended. The last group is infrastructure: retried, never scored."""

    COMPLETED = "completed"  # said so twice
    TURN_LIMIT = "turn limit"
    MODEL_TIME_LIMIT = "model time limit"
    CONTAINER_TIME_LIMIT = "container time limit"
    TOKEN_LIMIT = "token limit"
    CONTEXT_LIMIT = "context limit"
    PROTOCOL_ERRORS = "protocol errors"  # too many unusable replies in a row
    TERMINAL_CLOSED = "terminal closed"
    TERMINAL_TAMPERED = "terminal tampered"
    RESOURCE_LIMIT = "resource limit"  # the sandbox was ended for the disk or the memory it used
    BUDGET_EXHAUSTED = "budget exhausted"
    SANDBOX_LOST = "sandbox lost"
    TERMINAL_LOST = "terminal lost"
    TEACHER_UNAVAILABLE = "teacher unavailable"

    @property
    def infrastructure(self) -> bool:
        return self in INFRASTRUCTURE_ENDINGS


INFRASTRUCTURE_ENDINGS = frozenset(
    {Ending.BUDGET_EXHAUSTED, Ending.SANDBOX_LOST, Ending.TERMINAL_LOST, Ending.TEACHER_UNAVAILABLE}
)


class TestResult(Record):
    id: str
    weight: float
    passed: bool
    message: str = ""
    """Why it failed, cut to a few lines; `missing` when the run never reported it."""

    __test__ = False


class Verdict(Record):
    """What grading says of one trial, formed outside the sandbox from the test ids known beforehand."""

    results: tuple[TestResult, ...] = ()
    score: float = 0.0
    """Weighted share of passed tests, 0 to 1."""
    solved: bool = False
    live: bool = False
    """Graded on the agent's own machine: weaker evidence."""
    error: str | None = None
    """Grading broke; score and solved say nothing."""
    seconds: float = 0.0


class LeftFile(Record):
    """What a trial left at one path below the graded ones."""

    path: str
    bytes: int
    sha256: str
    mode: int


class Trajectory(Record):
    """The record of one Trial."""

    trial_id: str
    task_id: str
    sample: int = 0
    """Index among the trials of this task in this growth."""
    attempt: int = 0
    """0 for the first; a later one follows an infrastructure ending only."""
    model: str
    """As litellm names it, or `termforge/oracle`."""
    sampling: dict[str, Any] = Field(default_factory=dict)
    template: str
    """Name of the agent's first-message template."""
    template_sha256: str
    reply_format: Literal["json", "xml"] = "json"
    observation_mode: Literal["terminus2", "clean"] = "clean"
    wait_mode: Literal["settle", "full"] = "settle"
    overflow: Literal["end", "summarize"] = "end"
    """What happens when the conversation outgrows the model's window."""
    thinking: Literal["kept", "dropped", "none"] = "none"
    """What became of the model's reasoning in later calls: sent back to it (`kept`) or left out (`dropped`), whether or
    not it gave any. `none`, where it gave none, stands in rows of earlier versions only."""
    image: Image
    sandbox: Literal["docker", "bubblewrap"]
    limits_by: str = ""
    """What enforced memory and process limits: `cgroup`, `rlimit`, ..."""
    turns: tuple[Turn, ...] = ()
    abandoned: tuple[Exchange, ...] = ()
    """Calls of a handover after which no turn came: the trial ended in it."""
    ending: Ending
    detail: str = ""
    """The error's text where an error ended the trial."""
    left: tuple[LeftFile, ...] | None = None
    """Every regular file below the graded paths afterwards, by path; None where they could not be looked at."""
    verdict: Verdict | None = None
    started: str = ""
    """ISO 8601, UTC."""
    start_s: float = 0.0
    grading_s: float = 0.0
    recording: str = ""
    """The terminal as asciicast v2, where it was asked for."""

    @property
    def usage(self) -> Usage:
        """Of all calls; cost is None as soon as one priced call is unknown."""
        return Usage.total([*(turn.spent for turn in self.turns), *(exchange.usage for exchange in self.abandoned)])

    @property
    def outcome(self) -> str:
        """One word per row for tables: solved, unsolved, ungraded, or the ending that stood in the way."""
        if self.ending.infrastructure or self.ending is Ending.TERMINAL_TAMPERED:
            return self.ending.value
        if self.verdict is not None and self.verdict.error is not None:
            return "verifier failed"
        if self.verdict is not None and self.verdict.solved:
            return "solved"
        if self.ending is not Ending.COMPLETED:
            return self.ending.value
        return "ungraded" if self.verdict is None else "unsolved"


class Part(Record):
    """One Parquet file of a dataset version."""

    name: str
    rows: int
    bytes: int
    sha256: str


class DatasetRef(Record):
    """What passes between stages: a name and a version, relative to a store."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


Kind = Literal["tasks", "trajectories", "verdicts", "rejected", "replays", "difficulties", "attacks", "corpus"]
"""What rows of a dataset are; the columns of each: termforge/columns.py."""


class DatasetRecord(Record):
    """Written last: a version exists when its record exists."""

    name: str
    version: str
    kind: Kind
    schema_version: int = SCHEMA_VERSION
    parts: tuple[Part, ...]
    rows: int
    config: dict[str, Any] = Field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    """name@version of each dataset it was made from."""
    counts: dict[str, int] = Field(default_factory=dict)
    """Rows in, rows out, reasons for exclusion."""
    code_version: str = ""
    created: str = ""
    """ISO 8601, UTC."""

    @property
    def ref(self) -> DatasetRef:
        return DatasetRef(name=self.name, version=self.version)


def digest(content: Any) -> str:
    """sha256 of the canonical JSON of `content`."""
    return hashlib.sha256(canonical(content).encode("utf-8", "surrogatepass")).hexdigest()


def canonical(content: Any) -> str:
    """The one JSON text of `content`: keys sorted, no blanks."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
