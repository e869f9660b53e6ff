"""Software engineering: a Makefile that rebuilds too little, too much or not at all is put right."""

from pathlib import PurePosixPath
from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Step


class Site(NamedTuple):
    source: str
    """Folder and ending of what is built from."""
    result: str
    """Folder of what is built."""
    frame: str
    """File that every result contains."""
    listing: str


SITES = (
    Site("notes", "public", "frame.tpl", "index.txt"),
    Site("recipes", "cards", "layout.tpl", "contents.txt"),
    Site("letters", "outbox", "paper.tpl", "register.txt"),
    Site("menus", "print", "border.tpl", "overview.txt"),
)
NAMES = ("amber", "basil", "cedar", "dusk", "elder", "fern", "ginger", "hazel")


def _makefile(site: Site) -> str:
    return f"""\
ITEMS := $(sort $(wildcard {site.source}/*.txt))
BUILT := $(ITEMS:{site.source}/%.txt={site.result}/%.out)

.PHONY: clean all

all: $(BUILT) {site.result}/{site.listing}

{site.result}/%.out: {site.source}/%.txt {site.frame} | {site.result}
\tsed -e '/@TEXT@/r $<' -e '/@TEXT@/d' {site.frame} > $@

{site.result}/{site.listing}: $(BUILT)
\tfor item in $(notdir $^); do echo "$$item"; done > $@

{site.result}:
\tmkdir -p $@

clean:
\trm -rf {site.result}
"""


def _damages(site: Site, path: str) -> list[Damage]:
    return [
        Damage(
            path,
            f".txt {site.frame} |",
            ".txt |",
            f"results do not depend on {site.frame}, so a new one changes nothing",
        ),
        Damage(path, f" | {site.result}\n", " |\n", "nothing makes the folder of the results before they are written"),
        Damage(path, "@/r $<", "@/r $^", "all prerequisites stand where the first one belongs"),
        Damage(path, "$(notdir $^)", "$(notdir $<)", "the list is made of its first prerequisite alone"),
        Damage(path, '"$$item"', '"$item"', "make expands $i itself instead of leaving the variable to the shell"),
        Damage(path, ".PHONY: clean all", ".PHONY: all", "a file called clean keeps the target clean from running"),
    ]


def make(random: Random, setting: Setting) -> Fragment:
    site, root = random.choice(SITES), f"{setting.folder}/site"
    makefile = text_file(f"{root}/Makefile", _makefile(site))
    blocking = Damage(makefile.path, "$(ITEMS:", "$(ITEM:", "the list of results comes from a variable that is not set")
    drawn = [blocking, *random.sample(_damages(site, makefile.path), min(3, setting.level + 1))]
    inputs = _inputs(random, site, 2 + setting.level)
    return Fragment(
        title=f"A Makefile for {site.source}",
        brief=_brief(root, site),
        files=(*damaged([makefile], drawn), *(text_file(f"{root}/{name}", text) for name, text in inputs.items())),
        steps=_steps(random, root, site, drawn),
        checks=_checks(random, root, site, inputs),
        outputs=(makefile.path,),
    )


def _inputs(random: Random, site: Site, count: int) -> dict[str, str]:
    items = {
        f"{site.source}/{name}.txt": f"{name} {random.randint(10, 99)}\nsecond line\n"
        for name in random.sample(NAMES, count)
    }
    frame = f"-- {random.randint(100, 999)} --\n@TEXT@\n-- end --\n"
    return {**items, site.frame: frame, "clean": "Old notes on how to clean up by hand.\n"}


def _brief(root: str, site: Site) -> str:
    return f"""\
The Makefile in `{root}` is broken; mend it in place, and change no other file there. It is used with GNU make, from a
copy of that folder in which other `{site.source}/*.txt` may lie.
- `make` (the target `all`) builds `{site.result}/<name>.out` for each `{site.source}/<name>.txt`: the text of
  `{site.frame}` with the line `@TEXT@` replaced by that file. It also builds `{site.result}/{site.listing}`, which has
  the names of these results (`<name>.out`), sorted, one a line. The folder `{site.result}` is made when it is missing.
- A second `make` has nothing to do (`make -q` ends with status 0). After a change of one item only its result and the
  list are made anew; after a change of `{site.frame}`, every result and the list.
- `make clean` removes the folder `{site.result}` with all in it, although there is a file called `clean`."""


def _steps(random: Random, root: str, site: Site, damages: list[Damage]) -> tuple[Step, ...]:
    causes = "; ".join(damage.cause for damage in damages)
    return (
        Step(
            analysis=random.choice(
                (
                    "The rules are few, so I read them beside a listing of what they are about.",
                    "I read the Makefile with numbers of lines, and look at what lies beside it.",
                )
            ),
            plan=random.choice(("Print the Makefile and the tree.", "cat -n, then a recursive listing.")),
            commands=(run(f"cat -n {root}/Makefile"), run(f"ls -R {root}"), run(f"head {root}/{site.frame}")),
        ),
        Step(
            analysis=random.choice((f"Rule by rule: {causes}.", f"What is wrong with the rules: {causes}.")),
            plan=random.choice(
                (
                    "Replace these texts in place and build in a copy.",
                    "Edit the lines, then try everything in a copy so that the folder stays clean.",
                )
            ),
            commands=(
                *(run(f"sed -i '{_edit(damage)}' {root}/Makefile") for damage in damages),
                run(f"cp -R {root} /tmp/site; make -C /tmp/site", 1.0),
                run("make -q -C /tmp/site && echo nothing to do"),
                run(f"head /tmp/site/{site.result}/*; make -C /tmp/site clean"),
            ),
        ),
    )


def _edit(damage: Damage) -> str:
    """As a substitution of sed; a line end in the texts is its `$`."""
    wrong = damage.wrong
    for character in "\\.*[^$":
        wrong = wrong.replace(character, f"\\{character}")
    return f"s#{wrong}#{damage.right}#".replace("\n#", "$#", 1).replace("\n", "")


def _checks(random: Random, root: str, site: Site, inputs: dict[str, str]) -> tuple[Check, ...]:
    """Times are set by hand, since builds are quicker than clocks."""
    result, added = site.result, f"{random.choice(('zebra', 'yarrow', 'willow'))}"
    items = {PurePosixPath(name).stem: text for name, text in inputs.items() if name.startswith(site.source)}
    changed = random.choice(sorted(items))
    head, _, tail = inputs[site.frame].partition("@TEXT@\n")
    shown = [line for name in sorted(items) for line in f"{head}{items[name]}{tail}".splitlines()]
    listing = [f"{name}.out" for name in sorted(items)]
    old = f"find . -type f | xargs touch -d 2020-01-01; make > log; touch -d 2021-01-01 {result}/*"
    new = f"make > log; find {result} -type f -newermt 2022-01-01 | sort"
    every = sorted(f"{result}/{name}" for name in (*listing, site.listing))
    return (
        _check("build", root, f"make > log && cat {result}/*.out {result}/{site.listing}", [*shown, *listing], 2.0),
        _check(
            "new_item",
            root,
            f"echo more > {site.source}/{added}.txt; make > log; cat {result}/{added}.out {result}/{site.listing}",
            [*f"{head}more\n{tail}".splitlines(), *sorted([*listing, f"{added}.out"])],
            1.0,
        ),
        _check(
            "changed_item",
            root,
            f"{old}; make -q; echo $?; echo more > {site.source}/{changed}.txt; {new}",
            ["0", *sorted([f"{result}/{changed}.out", f"{result}/{site.listing}"])],
            2.0,
        ),
        _check("changed_frame", root, f"{old}; echo more >> {site.frame}; {new}; make -q; echo $?", [*every, "0"], 2.0),
        _check("clean", root, f"make > log; ls {result}; make clean > log; ls -d {result} clean", _left(every), 1.0),
    )


def _left(built: list[str]) -> list[str]:
    return [*(path.partition("/")[2] for path in built), "clean"]


def _check(name: str, root: str, command: str, expected: list[str], weight: float) -> Check:
    return Check(
        name,
        "from termforge_grader import run_agent\n\n"
        f"content({root + '/Makefile'!r})\n"
        f"found = run_agent(['bash', '-c', {f'cp -R {root} copy && cd copy && chmod -R u+w . && {command}'!r}])\n"
        f"assert found.stdout.splitlines() == {literal(expected)}, found.stderr[-400:]",
        weight,
    )


SKILL = Skill(
    name="software-engineering/makefile-dependencies",
    domain="software-engineering",
    folders=("makefile", "incremental", "buildrules", "site-build"),
    tools=("cat", "ls", "head", "sed", "cp", "make"),
    make=make,
    repairs=True,
)
