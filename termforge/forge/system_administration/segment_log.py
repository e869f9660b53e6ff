"""System administration: ship a log in segments of bounded size, compressed but for the newest, with an index."""

import hashlib
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Step

HOSTS = ("edge-1", "edge-2", "core", "lb-east", "lb-west")
PROGRAMS = ("kernel", "sshd[814]", "dhcpd[77]", "named[1203]", "smartd[9]")
EVENTS = (
    "link is up",
    "lease renewed for 10.0.{0}.{1}",
    "zone {0} reloaded",
    "accepted key {0}{1}",
    "disk {1} at {0} C",
)


class Shipment(NamedTuple):
    log: Lines
    limit: int
    """Bytes in a segment, at most."""
    prefix: str

    def segments(self) -> list[list[str]]:
        """Each takes as many lines as fit."""
        found: list[list[str]] = []
        size = self.limit + 1
        for line in self.log.lines:
            size += len(line) + 1
            if size > self.limit:
                found.append([])
                size = len(line) + 1
            found[-1].append(line)
        return found


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Lines) else None
    name = random.choice(("messages", "syslog", "daemon.log"))
    log = given or _drawn(random, f"{setting.folder}/{name}", 20 + 10 * setting.level)
    # Some lines fill the first segment exactly, or pass its end by a single byte.
    sizes = [len(line) + 1 for line in log.lines]
    first = next(n for n in range(len(sizes) // 6 + 1, len(sizes) + 1) if sum(sizes[:n]) >= max(sizes) + 1)
    shipment = Shipment(
        log, sum(sizes[:first]) - random.randint(0, 1), random.choice(("segment", "part", "chunk", "ship"))
    )
    out = f"{setting.folder}/spool"
    names = [f"{shipment.prefix}-{place:03d}" for place in range(len(shipment.segments()))]
    return Fragment(
        title="Ship a log in segments",
        brief=_brief(out, shipment, given=given is not None),
        files=() if given else (text_file(log.path, log.text),),
        steps=_steps(random, out, shipment, names),
        checks=_checks(out, shipment, names),
        outputs=(*(f"{out}/{name}.gz" for name in names[:-1]), f"{out}/{names[-1]}", f"{out}/index.csv"),
    )


def _drawn(random: Random, path: str, count: int) -> Lines:
    lines, day = [], random.randint(10, 28)
    for second in sorted(random.sample(range(86400), count)):
        clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        event = random.choice(EVENTS).format(random.randint(1, 99), random.randint(1, 250))
        lines.append(f"Mar {day} {clock} {random.choice(HOSTS)} {random.choice(PROGRAMS)}: {event}")
    return Lines(path, tuple(lines))


def _brief(out: str, shipment: Shipment, *, given: bool) -> str:
    origin = "which another part of this job produces" if given else "taken from a host that is offline now"
    return f"""\
The log collector takes segments of at most {shipment.limit} bytes. Cut `{shipment.log.path}`, {origin}, into such
segments in `{out}`, named `{shipment.prefix}-000`, `{shipment.prefix}-001` and so on. No line is cut, and every
segment takes as many of the lines that are left as fit, line feeds counted. All segments but the last are then
compressed with gzip to `<name>.gz`, and the uncompressed ones are not kept; the last one stays as it is, since it is
still written to. The log itself does not change.

Write `{out}/index.csv` with the header `segment,first_line,lines,bytes,sha256`: one row per segment, in order, with
its name without `.gz`, the number in the log of its first line (counting from 1), its lines, its bytes and the sha256
of its uncompressed content."""


def _steps(random: Random, out: str, shipment: Shipment, names: list[str]) -> tuple[Step, ...]:
    path, prefix = shipment.log.path, shipment.prefix
    index = (
        f"cd {out}\nfirst=1\necho segment,first_line,lines,bytes,sha256 > index.csv\n"
        f"for name in {prefix}-[0-9]*; do\n    lines=$(wc -l < $name)\n"
        '    echo "$name,$first,$lines,$(stat -c %s $name),$(sha256sum < $name | cut -c 1-64)" >> index.csv\n'
        "    first=$((first + lines))\ndone\n"
    )
    look = Step(
        analysis=random.choice(
            (
                "How large is the log, and is there any line that would not fit by itself?",
                "I look at the size of the log and at its longest line.",
            )
        ),
        plan=random.choice(("Count lines, bytes and the longest line.", "Let wc tell the sizes.")),
        commands=(run(f"wc -lcL {path}"), run(f"head -n 3 {path}")),
    )
    cut = Step(
        analysis=random.choice(
            (
                "split -C puts as many whole lines into a file as fit into a number of bytes, which is the rule.",
                "The rule is that of split --line-bytes: full lines up to a size. -d -a 3 numbers with three digits.",
            )
        ),
        plan=random.choice(("Split the log into the spool.", "Make the folder and split.")),
        commands=(
            run(f"mkdir -p {out}"),
            run(f"split -C {shipment.limit} -d -a 3 {path} {out}/{prefix}-"),
            run(f"wc -c {out}/{prefix}-*"),
        ),
    )
    pack = Step(
        analysis=random.choice(
            (
                "The index needs the uncompressed content, so it comes before gzip.",
                "First the index, then all segments but the last are compressed.",
            )
        ),
        plan=random.choice(("Write the index in a loop, then compress.", "Index first, then ls, head and gzip.")),
        commands=(
            run(f"bash <<'EOF'\n{index}EOF", 1.5),
            run(f"ls {out}/{prefix}-* | head -n -1 | xargs gzip -n"),
            run(f"cat {out}/index.csv"),
        ),
    )
    check = Step(
        analysis=random.choice(("Put together again, the segments must give the log.", "The pieces must add up.")),
        plan="Decompress everything into a pipe and compare it with the log.",
        commands=(run(f"zcat -f {out}/{prefix}-* | cmp - {path} && ls -l {out}"),),
    )
    return look, cut, pack, check


def _checks(out: str, shipment: Shipment, names: list[str]) -> tuple[Check, ...]:
    texts = ["".join(f"{line}\n" for line in lines) for lines in shipment.segments()]
    rows, first = [], 1
    for name, text in zip(names, texts, strict=True):
        count = text.count("\n")
        rows.append([name, str(first), str(count), str(len(text)), hashlib.sha256(text.encode()).hexdigest()])
        first += count
    packed = dict(zip(names[:-1], texts, strict=False))
    held = sorted([f"{name}.gz" for name in names[:-1]] + [names[-1], "index.csv"])
    return (
        Check(
            "compressed",
            f"import gzip\nimport zlib\n\nspool = Path({out!r})\nexpected = {literal(packed)}\n"
            "try:\n    found = {name: gzip.decompress(Path(spool, f'{name}.gz').read_bytes()) for name in expected}\n"
            "except (OSError, EOFError, zlib.error) as error:\n"
            "    raise AssertionError(f'cannot be read: {error}') from None\n"
            "assert [name for name in expected if found[name] != expected[name].encode()] == []",
            2.0,
        ),
        Check(
            "newest",
            f"assert content('{out}/{names[-1]}') == {texts[-1]!r}\n"
            f"assert sorted(path.name for path in Path({out!r}).iterdir()) == {literal(held)}\n"
            f"assert content({shipment.log.path!r}) == {literal(shipment.log.text)}, 'the log has changed'",
        ),
        Check(
            "index",
            f"index = table('{out}/index.csv')\nassert ','.join(index[0]) == 'segment,first_line,lines,bytes,sha256'\n"
            f"assert index[1:] == {literal(rows)}",
            2.0,
        ),
    )


SKILL = Skill(
    name="system-administration/segment-log",
    domain="system-administration",
    folders=("shipping", "collector", "log-spool", "forwarding"),
    tools=(
        "wc",
        "head",
        "mkdir",
        "split",
        "bash",
        "stat",
        "sha256sum",
        "cut",
        "ls",
        "xargs",
        "gzip",
        "cat",
        "zcat",
        "cmp",
    ),
    make=make,
    reads=Lines,
)
