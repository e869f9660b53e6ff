"""File operations: two replicas hold the parts of a file, some damaged or lost; heal both and put the file together."""

import hashlib
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import File, Step

THEMES = (
    ("harbour.log", "vessel {0} berth {1} draught {2} cm"),
    ("meter-readings.txt", "meter {0} zone {1} reading {2}"),
    ("visitors.log", "gate {1} badge {0} minutes {2}"),
    ("signals.txt", "{2} pulses on channel {1}, trace {0}"),
)
REPLICAS = (("east", "west"), ("tape", "disk"), ("site-a", "site-b"))
FOREIGN = ("0fff.part", "of another file\n")
"""Lies in both folders."""


class Part(NamedTuple):
    name: str
    text: str
    faults: dict[str, str]
    """Replica and what is wrong there: `damaged` or `missing`; never both replicas."""

    @property
    def sum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


class Scene(NamedTuple):
    name: str
    lines: tuple[str, ...]
    replicas: tuple[str, str]
    parts: list[Part]
    """In order."""

    @property
    def faults(self) -> list[list[str]]:
        return sorted([replica, part.name, fault] for part in self.parts for replica, fault in part.faults.items())


def make(random: Random, setting: Setting) -> Fragment:
    scene = _drawn(random, setting.level)
    folder = setting.folder
    restored = f"{folder}/{scene.name}"
    return Fragment(
        title=f"Heal the replicas and restore {scene.name}",
        brief=_brief(folder, scene),
        files=(*_replica_files(random, folder, scene), text_file(f"{folder}/index.csv", _index(random, scene.parts))),
        steps=_steps(random, folder, scene),
        checks=_checks(folder, scene),
        outputs=(
            restored,
            f"{folder}/faults.csv",
            *(f"{folder}/{replica}/{name}" for replica, name, _ in scene.faults),
        ),
        offers=(Lines(restored, scene.lines),),
    )


def _drawn(random: Random, level: int) -> Scene:
    name, form = random.choice(THEMES)
    lines = tuple(
        form.format(random.randint(1000, 9999), random.randint(1, 12), random.randint(50, 950))
        for _ in range(24 + 8 * level)
    )
    text = "".join(f"{line}\n" for line in lines)
    cuts = [0, *sorted(random.sample(range(1, len(text)), 10 + 2 * level)), len(text)]
    names = [f"{number:04x}.part" for number in random.sample(range(4096, 65536), len(cuts) - 1)]
    replicas = random.choice(REPLICAS)
    faults: dict[int, dict[str, str]] = {}
    hit = random.sample(range(len(names)), 3 + level)
    for count, place in enumerate(hit):
        faults[place] = {replicas[count % 2]: ("damaged", "damaged", "missing")[count % 3]}
    parts = [Part(names[i], text[cuts[i] : cuts[i + 1]], faults.get(i, {})) for i in range(len(names))]
    return Scene(name, lines, replicas, parts)


def _replica_files(random: Random, folder: str, scene: Scene) -> list[File]:
    files = []
    for replica in scene.replicas:
        for part in sorted(scene.parts):
            fault = part.faults.get(replica)
            if fault != "missing":
                text = _spoiled(random, part.text) if fault else part.text
                files.append(text_file(f"{folder}/{replica}/{part.name}", text))
        files.append(text_file(f"{folder}/{replica}/{FOREIGN[0]}", FOREIGN[1]))
    return files


def _spoiled(random: Random, text: str) -> str:
    place = random.randrange(len(text))
    return random.choice((f"{text[:place]}~{text[place + 1 :]}", f"{text}-", f"{text}{text[-1]}"))


def _index(random: Random, parts: list[Part]) -> str:
    rows = [f"{number},{part.name},{part.sum}\n" for number, part in enumerate(parts, 1)]
    return "position,part,sha256\n" + "".join(random.sample(rows, len(rows)))


def _brief(folder: str, scene: Scene) -> str:
    one, other = scene.replicas
    return f"""\
A file was cut into parts, and every part of it was stored in both `{folder}/{one}` and `{folder}/{other}`. Since then
some parts were lost or changed in one of the two; of each part at least one copy is still good.
`{folder}/index.csv` lists all parts (position, part, sha256 of the good part). Other files in the two folders belong
to another file and are left alone.
- Write `{folder}/faults.csv` with the header `replica,part,fault`: one row for each bad copy, `replica` being `{one}`
  or `{other}` and `fault` being `missing` or `damaged`, sorted as text by replica, then by part.
- Replace every bad copy by the good one, so that both folders are complete.
- Put the parts together in the order of their positions and write the whole as `{folder}/{scene.name}`."""


def _script(folder: str, scene: Scene) -> str:
    one, other = scene.replicas
    return f"""
cd {folder}
tail -n +2 index.csv | awk -F, '{{ print $3 "  " $2 }}' > sums
echo "replica,part,fault" > faults.csv
for replica in {one} {other}; do
    (cd $replica && sha256sum -c ../sums 2> /dev/null) | awk -F': ' -v replica=$replica -v OFS=, '
        $2 == "FAILED" {{ print replica, $1, "damaged" }}
        $2 == "FAILED open or read" {{ print replica, $1, "missing" }}'
done | sort >> faults.csv
grep '^{one},' faults.csv | cut -d, -f2 | (cd {other} && xargs cp -t ../{one})
grep '^{other},' faults.csv | cut -d, -f2 | (cd {one} && xargs cp -t ../{other})
tail -n +2 index.csv | sort -t, -k 1,1n | cut -d, -f2 | (cd {one} && xargs cat) > {scene.name}
rm sums
"""


def _steps(random: Random, folder: str, scene: Scene) -> tuple[Step, ...]:
    one, other = scene.replicas
    look = Step(
        analysis=random.choice(
            (
                "The index has a checksum for every part, so bad copies can be told without comparing by eye.",
                "Before anything is copied I want to know which copies differ between the replicas.",
            )
        ),
        plan=random.choice(
            ("Look at the index and compare the two folders.", "Show the index, then diff the folders.")
        ),
        commands=(run(f"cat {folder}/index.csv"), run(f"diff -rq {folder}/{one} {folder}/{other}")),
    )
    heal = Step(
        analysis=random.choice(
            (
                f"There are {len(scene.faults)} differences, and sha256sum -c tells which side is wrong: FAILED "
                "stands for a changed file and FAILED open or read for a lost one.",
                "A list in the format of sha256sum lets each folder be checked as a whole. Positions go beyond nine, "
                "so the order has to be numeric.",
            )
        ),
        plan=random.choice(
            ("Record the faults, copy good parts over bad ones, and join.", "Script check, repair and joining in turn.")
        ),
        commands=(
            write(f"{folder}/heal.sh", _script(folder, scene)),
            run(f"bash {folder}/heal.sh", 1.5),
            run(f"cat {folder}/faults.csv"),
        ),
    )
    check = Step(
        analysis=random.choice(
            ("Both replicas should be equal now.", "The repair is done; a second comparison must show no difference.")
        ),
        plan="Compare the folders once more and read the beginning and the end of the restored file.",
        commands=(
            run(f"diff -rq {folder}/{one} {folder}/{other}"),
            run(f"head -n 3 {folder}/{scene.name}"),
            run(f"tail -n 3 {folder}/{scene.name}"),
        ),
    )
    return look, heal, check


def _checks(folder: str, scene: Scene) -> tuple[Check, ...]:
    sums = {FOREIGN[0]: hashlib.sha256(FOREIGN[1].encode()).hexdigest()}
    sums |= {part.name: part.sum for part in sorted(scene.parts)}
    rows = [["replica", "part", "fault"], *scene.faults]
    body = f"""\
from hashlib import sha256
for name, expected in {literal(sums)}.items():
    assert sha256(content('{folder}/%s/' + name).encode()).hexdigest() == expected, name"""
    return (
        Check("faults", f"assert table('{folder}/faults.csv') == {literal(rows)}", 2.0),
        *(Check(f"replica_{place}", body % replica) for place, replica in enumerate(scene.replicas, 1)),
        Check(
            "restored",
            f"restored = lines('{folder}/{scene.name}')\nassert len(restored) == {len(scene.lines)}\n"
            f"assert restored == {literal(list(scene.lines))}",
            2.0,
        ),
    )


SKILL = Skill(
    name="file-operations/rejoin-parts",
    domain="file-operations",
    folders=("rejoining", "part-store", "replicas", "two-copies"),
    tools=("bash", "cat", "diff", "tail", "head", "awk", "sha256sum", "sort", "grep", "cut", "xargs", "cp", "rm"),
    make=make,
    offers=(Lines,),
    repairs=True,
)
