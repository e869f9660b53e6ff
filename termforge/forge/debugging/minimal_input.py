"""Debugging: an opaque checker rejects a file because of a few lines together; shrink the file to exactly those."""

from random import Random

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

SUBJECTS = ("valve", "relay", "pump", "sensor", "gate", "fan", "lamp", "door", "meter", "track")
VERBS = ("open", "close", "arm", "reset", "poll", "hold", "trim", "probe")
MESSAGES = ("state table overflow", "replay diverged", "assertion failed in step()", "queue drained twice")
MODULUS = 65521


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Lines) else None
    source = given or Lines(f"{setting.folder}/failing.txt", _drawn(random, 15 + 10 * setting.level))
    needed = _needed(random, source.lines, setting.level + 1)
    folder, message = setting.folder, random.choice(MESSAGES)
    checker = f"{folder}/{random.choice(('replay', 'simulate', 'accept'))}.awk"
    files = [text_file(checker, _checker([source.lines[place] for place in needed], message))]
    if given is None:
        files.append(text_file(source.path, source.text))
    return Fragment(
        title=f'Shrink the input behind "{message}"',
        brief=_brief(folder, source.path, checker, message, produced=given is not None),
        files=tuple(files),
        steps=_steps(random, folder, source.path, checker, message),
        checks=_checks(folder, source, checker, needed, message),
        outputs=(f"{folder}/minimal.txt", f"{folder}/where.txt"),
    )


def _drawn(random: Random, count: int) -> tuple[str, ...]:
    numbers = random.sample(range(100, 999), count)
    lines = [f"{random.choice(VERBS)} {random.choice(SUBJECTS)} {number}" for number in numbers]
    return (*lines, *random.sample(lines[2:], 3))


def _needed(random: Random, lines: tuple[str, ...], count: int) -> list[int]:
    """Positions of first occurrences by code, one of them of a line that is repeated if there is any; not the very
    first, which has to be tried too."""
    first: dict[int, int] = {}
    for place, line in enumerate(lines):
        first.setdefault(_code(line), place)
    fitting = [place for place in first.values() if place] or [0]
    repeated = [place for place in fitting if lines.count(lines[place]) > 1]
    chosen = random.sample(repeated, min(1, len(repeated)))
    others = [place for place in fitting if place not in chosen]
    return sorted(chosen + random.sample(others, min(count - len(chosen), len(others))))


def _code(line: str) -> int:
    code = 7
    for character in line:
        code = (code * 31 + (ord(character) if " " <= character <= "~" else 0)) % MODULUS
    return code


def _checker(lines: list[str], message: str) -> str:
    """Knows the lines by their codes only."""
    codes = " ".join(str(_code(line)) for line in sorted(lines))
    return f"""\
# Acceptance run of the controller: status 0, or a message and status 1.
BEGIN {{
    for (i = 32; i < 127; i++) ord[sprintf("%c", i)] = i
    left = split("{codes}", codes, " ")
    for (i = 1; i <= left; i++) armed[codes[i]] = 1
}}
{{
    code = 7
    for (i = 1; i <= length($0); i++) code = (code * 31 + ord[substr($0, i, 1)]) % {MODULUS}
    if (code in armed) {{ delete armed[code]; left-- }}
}}
END {{
    if (left > 0) exit 0
    print "{message}"
    exit 1
}}
"""


def _brief(folder: str, path: str, checker: str, message: str, *, produced: bool) -> str:
    whence = f"`{path}`, which another part of this job produces," if produced else f"`{path}`"
    return f"""\
`awk -f {checker} FILE` accepts a file with status 0, or prints `{message}` and ends with status 1. It does the latter
for {whence} and has to be reported to its makers with the smallest input that still shows it. Adding lines never
turns a failure into acceptance: whatever contains a failing set of lines fails.
- `{folder}/minimal.txt`: lines of the input that together still fail, while the file without any one of them is
  accepted. Where equal lines occur in the input, use the first one. Lines stay as they are and in their order.
- `{folder}/where.txt`: for each line of that file, in its order, `<n>: <line>` with its number in the input, the first
  line being number 1.

Leave the input and the checker as they are."""


def _steps(random: Random, folder: str, path: str, checker: str, message: str) -> tuple[Step, ...]:
    script = f"""
cd {folder}
cp {path} minimal.txt
number=$(wc -l < minimal.txt)
while [ "$number" -ge 1 ]; do
    sed "${{number}}d" minimal.txt > trial.txt
    if ! awk -f {checker} trial.txt > /dev/null; then
        cp trial.txt minimal.txt
    fi
    number=$((number - 1))
done
rm trial.txt
awk '
NR == FNR {{ kept[$0]; next }}
$0 in kept {{ print FNR ": " $0; delete kept[$0] }}
' minimal.txt {path} > where.txt
"""
    return (
        Step(
            analysis=random.choice(
                (
                    f'I reproduce "{message}" with the whole input before anything is removed.',
                    "The checker works on codes of lines, so reading it will not tell me which ones matter. First I "
                    "see it fail.",
                )
            ),
            plan=random.choice(("Run it, count the lines, look at the start.", "Reproduce, then look at the input.")),
            commands=(
                run(f"awk -f {checker} {path}; echo status $?"),
                run(f"wc -l {path}"),
                run(f"head -n 12 {path}"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "Failing sets only grow, so one pass that tries to drop each line leaves a minimal file. Going "
                    "from the last line to the first keeps the numbers valid and the first of equal lines.",
                    "Because more lines never help, greedy deletion is enough: a line whose removal still fails is "
                    "not needed. Backwards, the numbering of what is left to try does not shift.",
                )
            ),
            plan=random.choice(
                ("Write the loop as a script and run it.", "Save the reduction as shrink.sh, run it, print the result.")
            ),
            commands=(
                write(f"{folder}/shrink.sh", script),
                run(f"bash {folder}/shrink.sh", 4.0),
                run(f"cat {folder}/where.txt"),
                run(f"awk -f {checker} {folder}/minimal.txt; echo status $?"),
            ),
        ),
    )


def _checks(folder: str, source: Lines, checker: str, needed: list[int], message: str) -> tuple[Check, ...]:
    minimal = [source.lines[place] for place in needed]
    where = [f"{place + 1}: {source.lines[place]}" for place in needed]
    path = f"{folder}/minimal.txt"
    return (
        Check("minimal", f"assert content({path!r}).splitlines() == {literal(minimal)}", 3.0),
        Check("where", f"assert content({folder + '/where.txt'!r}).splitlines() == {literal(where)}", 2.0),
        Check(
            "none_to_spare",
            "from termforge_grader import run_agent\n\n"
            f"kept = content({path!r}).splitlines(keepends=True)\n"
            f"assert content({checker!r}) == {_checker(minimal, message)!r}\n"
            "for left_out in (None, *range(len(kept))):\n"
            "    trial = ''.join(line for place, line in enumerate(kept) if place != left_out)\n"
            f"    found = run_agent(['awk', '-f', {checker!r}], stdin=trial).stdout\n"
            f"    assert found == ({message + chr(10)!r} if left_out is None else '')",
            2.0,
        ),
        Check(
            "only_from_the_input",
            f"assert content({source.path!r}) == {source.text!r}\n"
            f"kept = content({path!r}).splitlines()\n"
            f"assert len(kept) == len(set(kept)) == {len(needed)}\n"
            f"assert set(kept) <= set(content({source.path!r}).splitlines())",
        ),
    )


SKILL = Skill(
    name="debugging/minimal-input",
    domain="debugging",
    folders=("shrink", "minimal-case", "reduce", "repro"),
    tools=("awk", "wc", "head", "bash", "cp", "sed", "rm", "cat"),
    make=make,
    reads=Lines,
)
