"""System administration: one round of log rotation by a configuration: shift, compress, delete, begin anew."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

LOGS = ("access.log", "error.log", "auth.log", "worker.log", "mail.log", "audit.log", "slow.log", "cron.log")
EVENTS = ("request served", "session opened", "queue drained", "cache missed", "token renewed", "retry scheduled")

STRAY = "saved before the upgrade\n"
"""Of a file that belongs to no log, though its name begins with a log's."""


class Log(NamedTuple):
    name: str
    limit: int
    """Bytes from which on it is rotated."""
    keep: int
    compress: bool
    texts: list[str]
    """The current log and its generations from 1 on."""

    @property
    def rotates(self) -> bool:
        return len(self.texts[0]) >= self.limit

    @property
    def kept(self) -> int:
        """Old generations that stay."""
        return min(len(self.texts) - 1, self.keep - 1)

    def after(self) -> dict[str, str]:
        """Texts by name; those of names ending in `.gz` are meant uncompressed."""
        if not self.rotates:
            return {self.name + (f".{place}" if place else ""): text for place, text in enumerate(self.texts)}
        old = {
            f"{self.name}.{place + 1}{'.gz' if self.compress else ''}": self.texts[place]
            for place in range(1, self.kept + 1)
        }
        return {self.name: "", f"{self.name}.1": self.texts[0], **old}


def make(random: Random, setting: Setting) -> Fragment:
    logs = _drawn(random, setting.level)
    folder = setting.folder
    conf, mode = random.choice(("rotate.conf", "logs.conf", "keep.cfg")), random.choice(("640", "600", "660"))
    stray = f"{folder}/log/{logs[0].name}.bak"
    rotated = {name for log in logs if log.rotates for name in log.after()}
    return Fragment(
        title="Rotate the logs by hand",
        brief=_brief(folder, conf, mode),
        files=(
            *(
                text_file(f"{folder}/log/{log.name}{f'.{place}' if place else ''}", text)
                for log in logs
                for place, text in enumerate(log.texts)
            ),
            text_file(stray, STRAY),
            text_file(f"{folder}/{conf}", _configuration(logs)),
        ),
        steps=_steps(random, folder, logs, conf, mode),
        checks=_checks(folder, logs, int(mode, 8) & 0o555),
        outputs=(f"{folder}/rotated.csv", *(f"{folder}/log/{name}" for name in sorted(rotated))),
    )


def _drawn(random: Random, level: int) -> list[Log]:
    """One log has ten generations and more, whose numbers are not in the order of text."""
    logs = []
    for place, name in enumerate(random.sample(LOGS, 4 + level)):
        keep = random.randint(2, 3 + level) + (8 if place == 1 else 0)
        held = (keep + 1, keep, keep - 1, random.randint(1, keep + 1))[place % 4]
        texts = [_text(random, generation) for generation in range(held + 1)]
        size = len(texts[0])
        limit = (size, size - random.randint(1, 90), size + 1, size // 2)[
            place % 4 if place < 4 else random.randrange(4)
        ]
        logs.append(Log(name, limit, keep, place % 2 == 0, texts))
    return random.sample(logs, len(logs))


def _text(random: Random, generation: int) -> str:
    day = 28 - generation
    return "".join(
        f"2025-03-{day:02d}T{random.randrange(24):02d}:{random.randrange(60):02d}Z {random.choice(EVENTS)} "
        f"id={random.randint(1000, 9999)}\n"
        for _ in range(random.randint(3, 6))
    )


def _configuration(logs: list[Log]) -> str:
    lines = [f"{log.name} {log.limit} {log.keep} {'compress' if log.compress else 'plain'}\n" for log in logs]
    return "# name minbytes keep mode\n" + "".join(lines)


def _brief(folder: str, conf: str, mode: str) -> str:
    return f"""\
The daemon that rotates the logs in `{folder}/log` is down; do one round for it. `{folder}/{conf}` has a line per
log: name, least size in bytes, number of generations to keep, `compress` or `plain`. A generation of `x.log` is
called `x.log.<number>`, 1 being the newest. A log is rotated if its size is at least the given one:
- the number of every generation goes up by one, the log itself becomes generation 1, and generations with numbers
  above the number to keep are deleted;
- a new empty log takes its place, with mode {mode};
- for `compress`, generations from 2 on are compressed with gzip and get `.gz` added to their names; generation 1
  stays as it is.

Logs below their size, with all their generations, and files that belong to no log stay as they are. Write
`{folder}/rotated.csv` with the header `log,bytes,deleted`: a row for each rotated log in the order of the
configuration, with its size before and the number of deleted generations."""


def _script(folder: str, conf: str, mode: str) -> str:
    return rf"""
cd {folder}/log
echo "log,bytes,deleted" > ../rotated.csv
grep -v '^#' ../{conf} | while read -r name minimum keep mode; do
    size=$(stat -c %s "$name")
    [ "$size" -ge "$minimum" ] || continue
    deleted=0
    for number in $(ls | grep -E "^$name[.][0-9]+$" | sed 's/.*[.]//' | sort -rn); do
        if [ "$number" -ge "$keep" ]; then
            rm "$name.$number"
            deleted=$((deleted + 1))
            continue
        fi
        next=$name.$((number + 1))
        mv "$name.$number" "$next"
        [ "$mode" = plain ] || gzip -n "$next"
    done
    mv "$name" "$name.1"
    install -m {mode} /dev/null "$name"
    echo "$name,$size,$deleted" >> ../rotated.csv
done
"""


def _steps(random: Random, folder: str, logs: list[Log], conf: str, mode: str) -> tuple[Step, ...]:
    look = Step(
        analysis=random.choice(
            (
                "Sizes against limits decide what is rotated, so I print both.",
                "I read the configuration and list the logs with their sizes before anything moves.",
            )
        ),
        plan=random.choice((f"Show {conf} and the folder.", "List sizes beside the configuration.")),
        commands=(run(f"cat {folder}/{conf}"), run(f"ls -l {folder}/log")),
    )
    rotate = Step(
        analysis=random.choice(
            (
                f"There are {len(logs)} logs. Generations must be shifted from the highest number down, or one would "
                "overwrite the next; the number to keep is compared before the shift.",
                "Within a log I go from the oldest generation to the newest and move the log itself last. A file such "
                "as .bak is no generation, so the pattern asks for digits.",
            )
        ),
        plan=random.choice(("Write the round as a script and run it.", f"Save {folder}/rotate.sh and run it once.")),
        commands=(write(f"{folder}/rotate.sh", _script(folder, conf, mode)), run(f"bash {folder}/rotate.sh", 1.5)),
    )
    check = Step(
        analysis=random.choice(
            ("The new state should have empty logs where one was rotated.", "I compare the folder with the report.")
        ),
        plan="List the folder again and read the report.",
        commands=(run(f"ls -l {folder}/log"), run(f"cat {folder}/rotated.csv")),
    )
    return look, rotate, check


def _checks(folder: str, logs: list[Log], readable: int) -> tuple[Check, ...]:
    rotated = [log for log in logs if log.rotates]
    plain = {name: text for log in rotated for name, text in log.after().items() if not name.endswith(".gz")}
    packed = {name: text for log in rotated for name, text in log.after().items() if name.endswith(".gz")}
    names = sorted([name for log in logs for name in log.after()] + [f"{logs[0].name}.bak"])
    still = {name: text for log in logs if not log.rotates for name, text in log.after().items()}
    still[f"{logs[0].name}.bak"] = STRAY
    begun = [log.name for log in rotated]
    rows = [["log", "bytes", "deleted"]]
    rows += [[log.name, str(len(log.texts[0])), str(len(log.texts) - 1 - log.kept)] for log in rotated]
    return (
        Check(
            "newest_generations",
            f"for name, text in {literal(plain)}.items():\n    assert content('{folder}/log/' + name) == text, name\n"
            f"modes = {{Path('{folder}/log', name).stat().st_mode & 0o555 for name in {begun}}}\n"
            f"assert modes == {{0o{readable:o}}}",
            2.0,
        ),
        Check(
            "compressed_generations",
            f"import gzip\nimport zlib\n\nfor name, text in {literal(packed)}.items():\n"
            f"    path = Path('{folder}/log', name)\n    assert path.is_file(), f'{{name}} is missing'\n"
            "    try:\n        found = gzip.decompress(path.read_bytes())\n"
            "    except (OSError, EOFError, zlib.error) as error:\n"
            "        raise AssertionError(f'{name}: {error}') from None\n"
            "    assert found.decode(errors='replace') == text, name",
            2.0,
        ),
        Check(
            "folder",
            f"assert sorted(path.name for path in Path('{folder}/log').glob('*')) == {literal(names)}\n"
            f"for name, text in {literal(still)}.items():\n    assert content('{folder}/log/' + name) == text, name\n"
            f"assert table('{folder}/rotated.csv')[0] == {rows[0]}",
        ),
        Check("report", f"assert table('{folder}/rotated.csv') == {literal(rows)}", 2.0),
    )


SKILL = Skill(
    name="system-administration/rotate-logs",
    domain="system-administration",
    folders=("rotation", "log-round", "logs-host", "logkeeping"),
    tools=("bash", "cat", "ls", "grep", "stat", "sed", "sort", "rm", "mv", "gzip", "install"),
    make=make,
)
