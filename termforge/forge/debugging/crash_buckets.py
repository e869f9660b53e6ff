"""Debugging: sort the tracebacks of a service log into buckets by the frame of our own code where each began."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

SERVICES = {
    "billing": ("invoice", "refund", "ledger", "rates", "mail"),
    "catalog": ("import_feed", "search", "pricing", "images", "stock"),
    "tickets": ("seats", "hold", "checkout", "barcode", "venue"),
    "metering": ("decode", "tariff", "rollup", "export", "device"),
}
ERRORS = ("KeyError", "ValueError", "TypeError", "TimeoutError", "ZeroDivisionError")
LIBRARIES = ("json/decoder.py", "urllib/request.py", "decimal.py", "socket.py")
CHAINED = "During handling of the above exception, another exception occurred:"


class Crash(NamedTuple):
    error: str
    module: str
    line: int
    deeper: str
    """A library's file in which it was raised; empty for our own code."""
    chained: bool
    """A second error was raised while this one was handled."""

    @property
    def bucket(self) -> str:
        return f"{self.error}@{self.module}:{self.line}"


def make(random: Random, setting: Setting) -> Fragment:
    folder, service = setting.folder, random.choice(sorted(SERVICES))
    log_path = f"{folder}/{service}.log"
    crashes = _drawn(random, service, setting.level)
    blocks = [_traceback(random, service, crash) for crash in crashes]
    buckets = _buckets(f"{folder}/buckets.csv", crashes)
    first = next(block for block, crash in zip(blocks, crashes, strict=True) if crash.bucket == buckets.rows[0][0])
    return Fragment(
        title=f"Crash buckets of {service}",
        brief=_brief(folder, log_path, service),
        files=(text_file(log_path, "".join(_with_noise(random, block) for block in blocks)),),
        steps=_steps(random, folder, log_path, service),
        checks=_checks(folder, buckets, crashes, first),
        outputs=(buckets.path, f"{folder}/errors.txt", f"{folder}/top.txt"),
        offers=(buckets,),
    )


def _drawn(random: Random, service: str, level: int) -> list[Crash]:
    """At least nine buckets; the first two tie, and the same line fails in two ways, each with a second error."""
    kinds = [
        Crash(error, module, random.randint(10, 400), random.choice(("", *LIBRARIES)), random.random() < 0.3)
        for module in SERVICES[service]
        for error in random.sample(ERRORS, 2)
    ]
    kinds[:2] = [kind._replace(line=kinds[0].line, chained=True) for kind in kinds[:2]]
    crashes = [kind for kind in kinds for _ in range(random.randint(1, 1 + level))]
    crashes += [kind for kind in kinds[:2] for _ in range(3 + level - crashes.count(kind))]
    return random.sample(crashes, len(crashes))


def _traceback(random: Random, service: str, crash: Crash) -> list[str]:
    top = [
        "Traceback (most recent call last):",
        f'  File "/srv/{service}/main.py", line 31, in serve',
        "    handle(job)",
    ]
    where = [f'  File "/srv/{service}/{crash.module}.py", line {crash.line}, in {crash.module}', "    return step(job)"]
    if crash.deeper:
        library = f"/usr/lib/python3/{crash.deeper}"
        where += [f'  File "{library}", line {random.randint(100, 900)}, in call', "    raise error"]
    block = [*top, *where, f"{crash.error}: job {random.randint(1000, 9999)}"]
    if crash.chained:
        again = [f'  File "/srv/{service}/main.py", line 36, in serve', "    report(error)", "OSError: report failed"]
        block += ["", CHAINED, "", top[0], *again]
    return block


def _with_noise(random: Random, block: list[str]) -> str:
    noise = [f"INFO job {random.randint(1000, 9999)} done" for _ in range(random.randint(1, 3))]
    return "".join(f"{line}\n" for line in [*block, *noise])


def _buckets(path: str, crashes: Sequence[Crash]) -> Table:
    counts = {crash.bucket: crashes.count(crash) for crash in crashes}
    kinds = {crash.bucket: crash for crash in crashes}
    order = sorted(counts, key=lambda bucket: (-counts[bucket], bucket))
    columns = (Column("bucket", "key"), Column("error", "word"), Column("module", "word"), Column("crashes", "whole"))
    rows = tuple((bucket, kinds[bucket].error, kinds[bucket].module, str(counts[bucket])) for bucket in order)
    return Table(path, columns, rows)


def _brief(folder: str, log: str, service: str) -> str:
    return f"""\
`{log}` mixes messages with Python tracebacks. Each crash is to be filed under the error that came first: where one
traceback follows another after the line `{CHAINED}`, both are one crash and only the earlier one counts. A crash's
bucket is `<error>@<module>:<line>`: the class of the error, then file name (without `.py`) and line number of the last
frame of that traceback that lies in `/srv/{service}/`; frames of libraries are passed over. Write:
- `{folder}/buckets.csv`, header `bucket,error,module,crashes`, a row for each bucket; most crashes first, equal ones by
  bucket in byte order.
- `{folder}/errors.txt`: `<error> <crashes>` for each class of error, sorted by name.
- `{folder}/top.txt`: the lines of the first crash in the log that belongs to the first bucket, from its `Traceback`
  line to its last line of error, a chained traceback included, byte for byte."""


def _steps(random: Random, folder: str, log: str, service: str) -> tuple[Step, ...]:
    program = rf"""
import re
from collections import Counter
from pathlib import Path

folder = Path("{folder}")
end = r"^\w+Error: [^\n]*$"
crashes = re.findall(rf"^Traceback.*?{{end}}(?:\n\nDuring.*?{{end}})?", Path("{log}").read_text(), re.M | re.S)
buckets, errors, first = Counter(), Counter(), {{}}
for crash in crashes:
    root = crash.partition("\n\nDuring")[0]
    module, line = re.findall(r'File "/srv/{service}/(\w+)\.py", line (\d+)', root).pop()
    error = root.splitlines().pop().partition(":")[0]
    bucket = f"{{error}}@{{module}}:{{line}}", error, module
    buckets[bucket] += 1
    errors[error] += 1
    first.setdefault(bucket, crash)
order = sorted(buckets, key=lambda bucket: (-buckets[bucket], bucket))
with (folder / "buckets.csv").open("w") as file:
    print("bucket,error,module,crashes", file=file)
    for bucket in order:
        print(*bucket, buckets[bucket], sep=",", file=file)
with (folder / "errors.txt").open("w") as file:
    for error in sorted(errors):
        print(error, errors[error], file=file)
(folder / "top.txt").write_text(first[order[0]] + "\n")
"""
    return (
        Step(
            analysis=random.choice(
                (
                    "I want to see what a crash looks like in this log, above all a chained one.",
                    "Before I parse anything I count the tracebacks and look at one with a second error.",
                )
            ),
            plan=random.choice(("Count, show the start and a chain.", "Grep the log for crashes and chains.")),
            commands=(
                run(f"grep -c ^Traceback {log}"),
                run(f"head -n 14 {log}"),
                run(f"grep -m 1 -B 7 -A 6 '^During' {log}"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "A regular expression can take a traceback with what is chained to it as one match; the part "
                    "before the chain holds the root error, and its last own frame names the bucket.",
                    "One match a crash, cut at the word During: the rest follows from the last frame of our own "
                    "code and the last line of that part.",
                )
            ),
            plan=random.choice(("Write it in Python and look at the files.", "Type the program, print its reports.")),
            commands=(
                write(f"{folder}/triage.py", program),
                run(f"python3 {folder}/triage.py", 2.0),
                run(f"head -n 20 {folder}/buckets.csv"),
                run(f"cat {folder}/errors.txt {folder}/top.txt"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "The counts of both reports must add up to the number of crashes, chains counted once.",
                    "A cross-check: the sums of both reports have to agree.",
                )
            ),
            plan=random.choice(("Add up both columns.", "Sum with awk and compare.")),
            commands=(
                run(f"awk -F , '{{ sum += $4 }} END {{ print sum }}' {folder}/buckets.csv"),
                run(f"awk '{{ sum += $2 }} END {{ print sum }}' {folder}/errors.txt"),
            ),
        ),
    )


def _checks(folder: str, buckets: Table, crashes: Sequence[Crash], first: list[str]) -> tuple[Check, ...]:
    errors = sorted({crash.error for crash in crashes})
    counts = [f"{error} {sum(crash.error == error for crash in crashes)}" for error in errors]
    rows = [buckets.header, *(list(row) for row in buckets.rows)]
    counted = {row[0]: row[3] for row in buckets.rows}
    return (
        Check("buckets", f"assert table({buckets.path!r}) == {literal(rows)}", 3.0),
        Check(
            "counts",
            f"found = {{row[0]: row[-1] for row in table({buckets.path!r})[1:]}}\n"
            f"assert found == {literal(dict(sorted(counted.items())))}",
        ),
        Check("errors", f"assert lines({folder + '/errors.txt'!r}) == {counts!r}", 2.0),
        Check("top", f"assert content({folder + '/top.txt'!r}).splitlines() == {literal(first)}", 2.0),
    )


SKILL = Skill(
    name="debugging/crash-buckets",
    domain="debugging",
    folders=("triage", "crashes", "tracebacks", "incidents"),
    tools=("grep", "head", "python3", "cat", "awk"),
    make=make,
    offers=(Table,),
)
