"""Data processing: what several collectors recorded of one numbered stream is merged; gaps and conflicts are found."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step

COLLECTORS = ("alder", "birch", "cedar", "elm", "hazel", "maple", "rowan", "willow")
THEMES = {
    "messages": ("valve {a} opened", "valve {a} closed", "pressure {b} hPa", "pump {a} started"),
    "alarms": ("door {a} forced", "smoke at {a}", "battery {b} mV", "reset by guard {a}"),
    "trades": ("buy {b} at {a}", "sell {b} at {a}", "cancel {b}", "halt line {a}"),
    "calls": ("call {b} accepted", "call {b} dropped", "trunk {a} busy", "transfer {b} to {a}"),
}


class Drawn(NamedTuple):
    recorded: dict[str, dict[int, str]]
    """By collector and number."""
    merged: dict[int, str]
    conflicts: list[int]
    missing: list[int]


def make(random: Random, setting: Setting) -> Fragment:
    kind = random.choice(sorted(THEMES))
    drawn = _draw(random, THEMES[kind], setting.level)
    newest_first = random.choice(sorted(drawn.recorded))
    merged = Lines(
        f"{setting.folder}/merged.txt", tuple(f"{number:06d} {drawn.merged[number]}" for number in sorted(drawn.merged))
    )
    files = tuple(
        text_file(f"{setting.folder}/{name}.txt", _file(recorded, reverse=name == newest_first))
        for name, recorded in drawn.recorded.items()
    )
    return Fragment(
        title=f"Merge the recorded {kind}",
        brief=_brief(setting.folder, kind, sorted(drawn.recorded), newest_first),
        files=files,
        steps=_steps(random, setting.folder, sorted(drawn.recorded), newest_first),
        checks=_checks(setting.folder, merged, drawn),
        outputs=(merged.path, f"{setting.folder}/missing.txt", f"{setting.folder}/conflicts.txt"),
        offers=(merged,),
    )


def _draw(random: Random, messages: tuple[str, ...], level: int) -> Drawn:
    """Each number is missing, seen by some collectors alike, or seen by at least two in two wordings."""
    names = sorted(random.sample(COLLECTORS, 3 + (level > 1)))
    first, count = random.randint(1000, 400_000), 22 + 8 * level
    fates = ["missing"] * (2 + level) + ["conflict"] * (2 + level) + ["seen"] * (count - 4 - 2 * level)
    fates = ["seen", *random.sample(fates, len(fates)), "seen"]
    recorded: dict[str, dict[int, str]] = {name: {} for name in names}
    merged: dict[int, str] = {}
    for number, fate in enumerate(fates, first):
        text = random.choice(messages).format(a=random.randint(1, 9), b=random.randint(100, 999))
        seeing = sorted(random.sample(names, random.randint(2 if fate == "conflict" else 1, len(names))))
        for place, name in enumerate(seeing if fate != "missing" else ()):
            changed = fate == "conflict" and place > 0
            recorded[name][number] = text.capitalize() if changed else text
        if fate != "missing":
            merged[number] = text
    conflicts = [number for number, fate in enumerate(fates, first) if fate == "conflict"]
    return Drawn(
        recorded, merged, conflicts, [number for number in range(first, first + len(fates)) if number not in merged]
    )


def _file(recorded: dict[int, str], *, reverse: bool) -> str:
    return "".join(f"{number:06d} {recorded[number]}\n" for number in sorted(recorded, reverse=reverse))


def _brief(folder: str, kind: str, names: list[str], newest_first: str) -> str:
    listed = ", ".join(f"`{name}.txt`" for name in names)
    return f"""\
Several collectors listened to one stream of {kind} and wrote {listed} in `{folder}`. Every line is a number of six
digits, a blank and a text. All but `{newest_first}.txt` are in ascending order of the numbers; that one has the
newest first. No collector heard everything.

- `{folder}/merged.txt` gets every number that was heard at all, once, in ascending order, in the same format. Where
collectors disagree on the text, the one whose file name comes first in the alphabet is right.
- `{folder}/conflicts.txt` lists the numbers on whose text collectors disagree, ascending, one a line.
- `{folder}/missing.txt` lists the numbers between the smallest and the greatest heard that no collector heard,
ascending, one a line.

Numbers always keep their six digits."""


def _steps(random: Random, folder: str, names: list[str], newest_first: str) -> tuple[Step, ...]:
    turned = f"{newest_first}.turned"
    files = " ".join(turned if name == newest_first else f"{name}.txt" for name in names)
    return (
        step(
            random,
            (
                "First I check that the files look as described, the reversed one above all.",
                "A look at the ends of each file shows order and format.",
            ),
            ("Show a few lines of each file and their sizes.", "Print heads and line counts."),
            run(f"cd {folder}"),
            run("head -n 3 *.txt; wc -l *.txt"),
        ),
        step(
            random,
            (
                "tac turns the reversed file round; then all are sorted and sort -m merges them without sorting. With "
                "-u on the number the first file's line survives, so the order of arguments decides conflicts.",
                "These are sorted streams once the reversed one is turned, so a merge is enough. Keeping the first "
                "line of each number means giving the files in alphabetic order.",
            ),
            ("Turn, merge with one line a number, and look at the result.", "Use tac and sort -m, then view it."),
            run(f"tac {newest_first}.txt > {turned}"),
            run(f"sort -m -s -u -k1,1 {files} > merged.txt"),
            run("head merged.txt; wc -l merged.txt"),
        ),
        step(
            random,
            (
                "Numbers left over after identical lines are folded occur with two texts. Missing numbers are those of "
                "the full sequence that merged.txt lacks.",
                "For conflicts I fold equal lines and look for repeated numbers; for gaps I compare with seq.",
            ),
            ("Write conflicts.txt with uniq -d and missing.txt with comm, then read both.", "Derive the two lists."),
            run(f"sort -u {files} | cut -d ' ' -f 1 | uniq -d > conflicts.txt"),
            run("cut -d ' ' -f 1 merged.txt > heard"),
            run("seq -f %06.0f $(head -n 1 heard) $(tail -n 1 heard) | comm -23 - heard > missing.txt"),
            run("rm heard; cat conflicts.txt; echo; cat missing.txt"),
            run(f"rm {turned}; cd /app"),
        ),
    )


def _checks(folder: str, merged: Lines, drawn: Drawn) -> tuple[Check, ...]:
    def listed(numbers: list[int]) -> str:
        return literal([f"{number:06d}" for number in numbers])

    return (
        Check(
            "numbers",
            f"found = [line.split(' ')[0] for line in lines({merged.path!r})]\n"
            f"assert found == {listed(sorted(drawn.merged))}",
        ),
        Check("texts", f"assert content({merged.path!r}).splitlines() == {literal(list(merged.lines))}", 3.0),
        Check("conflicts", f"assert lines({folder + '/conflicts.txt'!r}) == {listed(drawn.conflicts)}", 2.0),
        Check("missing", f"assert lines({folder + '/missing.txt'!r}) == {listed(drawn.missing)}", 2.0),
    )


SKILL = Skill(
    name="data-processing/merge-streams",
    domain="data-processing",
    folders=("collectors", "recordings", "listeners", "capture"),
    tools=("tac", "sort", "comm", "seq", "uniq", "cut", "head", "tail", "wc", "cat", "rm"),
    make=make,
    offers=(Lines,),
)
