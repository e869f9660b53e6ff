"""File operations: carry out a plan of renamings in which names are passed on along chains and round circles."""

from itertools import pairwise
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

THEMES = (
    ("shelf", "scan", "tif", "page of the land register"),
    ("episodes", "take", "wav", "recording of the oral history project"),
    ("plates", "plate", "fits", "exposure of the survey telescope"),
    ("slides", "slide", "svs", "section of the tissue archive"),
)


class Renaming(NamedTuple):
    old: str
    new: str
    result: str


class Plan(NamedTuple):
    shelf: str
    """Name of the folder with the files."""
    texts: dict[str, str]
    """By name before the plan is carried out."""
    renamings: list[Renaming]

    @property
    def after(self) -> dict[str, str]:
        """Texts by name when the plan has been carried out."""
        moved = {entry.old: entry.new for entry in self.renamings if entry.result == "renamed"}
        return {moved.get(name, name): text for name, text in self.texts.items()}


def make(random: Random, setting: Setting) -> Fragment:
    plan = _drawn(random, setting.level)
    folder = setting.folder
    shelf = f"{folder}/{plan.shelf}"
    lines = "".join(f"{entry.old},{entry.new}\n" for entry in plan.renamings)
    return Fragment(
        title="Carry out the plan of renamings",
        brief=_brief(folder, shelf),
        files=(
            *(text_file(f"{shelf}/{name}", text) for name, text in plan.texts.items()),
            text_file(f"{folder}/plan.csv", f"old,new\n{lines}"),
        ),
        steps=_steps(random, folder, shelf, plan),
        checks=_checks(folder, shelf, plan),
        outputs=(
            f"{folder}/result.csv",
            *(f"{shelf}/{entry.new}" for entry in plan.renamings if entry.result == "renamed"),
        ),
    )


def _drawn(random: Random, level: int) -> Plan:
    shelf, stem, ending, what = random.choice(THEMES)
    numbers = iter(random.sample(range(10, 100), 40))
    gap = random.choice(("_", " ", "-"))

    def name() -> str:
        return f"{stem}{gap}{next(numbers)}.{ending}"

    chain = [name() for _ in range(3 + level)]
    circle = [name() for _ in range(1 + level)] if level > 1 else [name(), name()]
    stays, lost, blocked, quiet = name(), [name() for _ in range(level)], name(), [name() for _ in range(2)]
    renamings = [
        *(Renaming(old, new, "renamed") for old, new in pairwise(chain)),
        *(Renaming(old, new, "renamed") for old, new in zip(circle, circle[1:] + circle[:1], strict=True)),
        *(Renaming(old, name(), "missing") for old in lost),
        Renaming(blocked, stays, "taken"),
    ]
    present = [*chain[:-1], *circle, stays, blocked, *quiet]
    texts = {one: f"{what} {random.randint(1000, 9999)}, shelf mark {one}\n" for one in sorted(present)}
    return Plan(shelf, texts, random.sample(renamings, len(renamings)))


def _brief(folder: str, shelf: str) -> str:
    return f"""\
Rename files in `{shelf}` as `{folder}/plan.csv` says (columns `old` and `new`, names without folder; each old and
each new name occurs once). The lines take effect all at once, as if every file were renamed in the same instant: a
file may take over the name of a file that gets another name itself, and two files may exchange their names. Of a
line, the result is
- `missing` if there is no file with the old name,
- `taken` if there is a file with the new name and no line of the plan has that name as its old one,
- `renamed` in all other cases.

Only lines with the result `renamed` are carried out; every other file keeps its name, and no content changes. Write
`{folder}/result.csv` with the header `old,new,result` and the lines in the order of the plan."""


def _script(folder: str, shelf: str) -> str:
    return rf"""
cd {folder}
mkdir -p moving
cut -d, -f1 plan.csv > leaving
echo "old,new,result" > result.csv
tail -n +2 plan.csv | while IFS=, read -r old new; do
    result=renamed
    if [ ! -e "{shelf}/$old" ]; then
        result=missing
    elif [ -e "{shelf}/$new" ] && ! grep -qxF "$new" leaving; then
        result=taken
    else
        mv "{shelf}/$old" "moving/$new"
    fi
    echo "$old,$new,$result" >> result.csv
done
mv moving/* {shelf}/
rmdir moving
rm leaving
"""


def _steps(random: Random, folder: str, shelf: str, plan: Plan) -> tuple[Step, ...]:
    look = Step(
        analysis=random.choice(
            (
                "Renaming one file after the other could overwrite a file that has not been moved yet. I compare the "
                "plan with the names that exist.",
                f"The plan may pass names on from file to file. First I look at the plan and at {shelf}.",
            )
        ),
        plan=random.choice(
            ("Show the plan, the files, and new names that exist already.", "List both sides and their overlap.")
        ),
        commands=(
            run(f"cat {folder}/plan.csv"),
            run(f"ls {shelf}"),
            run(f"tail -n +2 {folder}/plan.csv | cut -d, -f2 | grep -xF -f - <(ls {shelf})"),
        ),
    )
    move = Step(
        analysis=random.choice(
            (
                f"Several of the {len(plan.renamings)} new names exist now. Moving everything into an empty folder "
                "first and back afterwards makes the order of the lines irrelevant.",
                "There are chains and exchanged names, so I go through a staging folder: no file can be overwritten "
                "on the way.",
            )
        ),
        plan=random.choice(
            ("Write the two-phase renaming as a script and run it.", "Stage under the new names, then move back.")
        ),
        commands=(write(f"{folder}/rename.sh", _script(folder, shelf)), run(f"bash {folder}/rename.sh", 1.5)),
    )
    check = Step(
        analysis=random.choice(
            (
                "The script is through. The text of each file still names its old shelf mark, which shows what went "
                "where.",
                "Now every line of the result should agree with the files.",
            )
        ),
        plan="Read the result and the first line of every file.",
        commands=(run(f"cat {folder}/result.csv"), run(f"grep -r . {shelf} | sort")),
    )
    return look, move, check


def _checks(folder: str, shelf: str, plan: Plan) -> tuple[Check, ...]:
    after = plan.after
    moved = {entry.new: after[entry.new] for entry in plan.renamings if entry.result == "renamed"}
    replaced = {name: text for name, text in moved.items() if name in plan.texts}
    rows = [["old", "new", "result"], *(list(entry) for entry in plan.renamings)]
    return (
        Check("names", f"assert sorted(p.name for p in Path({shelf!r}).glob('*')) == {literal(sorted(after))}"),
        Check(
            "passed_on", f"held = {literal(replaced)}\nassert {{n: content(f'{shelf}/{{n}}') for n in held}} == held"
        ),
        Check(
            "everything",
            f"for name, text in {literal(dict(sorted(after.items())))}.items():\n"
            f"    assert content('{shelf}/' + name) == text, f'{{name}} is another file'",
            2.0,
        ),
        Check("result", f"assert table({folder + '/result.csv'!r}) == {literal(rows)}", 2.0),
    )


SKILL = Skill(
    name="file-operations/rename-by-plan",
    domain="file-operations",
    folders=("renaming", "reading-room", "accession", "reels"),
    tools=("bash", "cat", "ls", "tail", "cut", "grep", "mkdir", "mv", "rmdir", "rm", "sort"),
    make=make,
)
