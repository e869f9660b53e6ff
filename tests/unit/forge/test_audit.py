"""The breadth audit on skills made up here: every check can fail."""

from random import Random

import pytest

from termforge.forge.artifacts import Lines
from termforge.forge.audit import (
    Figure,
    Shape,
    audit_skills,
    audit_tasks,
    closest,
    dependent_assertions,
    forged_shape,
    report,
    samples,
    vocabulary,
)
from termforge.forge.skill import Check, Fragment, Setting, Skill, python, run, text_file, write
from termforge.forge.typed import keystrokes
from termforge.schemas import DOMAINS, Command, Domain, Step


def fragment(*commands: Command, checks: tuple[Check, ...] = ()) -> Fragment:
    return Fragment("Title", "Brief.", (), (Step(analysis="a", plan="p", commands=commands),), checks, ())


def count_words(random: Random, setting: Setting) -> Fragment:
    path, owner, limit = (
        f"{setting.folder}/notes.txt",
        "".join(random.choices("aeioubdgkmn", k=6)),
        random.randint(2, 900),
    )
    return Fragment(
        title="Count words",
        brief=f"Count the words of `{path}` that {owner} wrote.",
        files=(text_file(path, f"{owner}\n" * limit),),
        steps=fragment(run(f"grep -c {owner} {path} | tee {setting.folder}/count.txt | head -n {limit}")).steps,
        checks=(
            Check("count", f"found = content({path!r})\nassert found == '{limit}'\nassert_same(found, {owner!r})"),
            Check("always", f"assert content({path!r})"),
        ),
        outputs=(f"{setting.folder}/count.txt",),
    )


def copy_of_count_words(random: Random, setting: Setting) -> Fragment:
    """The same with other numbers, names and paths."""
    original = count_words(random, setting)
    text = original.steps[0].commands[0].keystrokes.replace("notes.txt", "diary.csv").replace("count.txt", "n.json")
    steps = fragment(run(text.strip())).steps
    return original._replace(steps=steps)


def list_owners(random: Random, setting: Setting) -> Fragment:
    return Fragment(
        title="List the owners",
        brief="Who owns what?",
        files=(),
        steps=fragment(run(f"find {setting.folder} -printf '%u %p\\n' | sort -k 2 | uniq --count")).steps,
        checks=(Check("owners", f"owners = dict(table({setting.folder!r}))\nassert max(owners) == {random.random()}"),),
        outputs=(),
    )


def skill(name: str, make: object, domain: Domain = "debugging", **fields: object) -> Skill:
    tools = ("grep", "tee", "head", "find", "sort", "uniq")
    return Skill(name=name, domain=domain, folders=("place",), make=make, **{"tools": tools, **fields})


def figure(figures: list[Figure], what: str) -> Figure:
    return next(figure for figure in figures if figure.what.startswith(what))


def like(*skills: Skill) -> float:
    return closest("solutions", {one.name: [keystrokes(part) for part in samples(one)] for one in skills}).value


def test_a_copy_with_other_numbers_names_and_paths_is_found() -> None:
    one, copy = skill("one", count_words), skill("copy", copy_of_count_words)
    figures = audit_skills([(one, samples(one)), (copy, samples(copy))])
    assert figure(figures, "likeness of solutions").value == 1
    assert not figure(figures, "likeness of solutions").met
    assert figure(figures, "likeness of tests").where == "one and copy"
    assert not figure(figures, "likeness of tests").met


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("head -n 5 list", "head -n 12 list"),
        ("cut -c 3 /app/a/list.csv", "cut -c 3 /app/b/names.csv"),
        ("rows = load()\nshow(rows)", "lines = load()\nshow(lines)"),
        ("for item in $list; do check $item", "for name in $all; do check $name"),
    ],
)
def test_numbers_paths_and_bound_names_do_not_tell_two_skills_apart(one: str, other: str) -> None:
    assert closest("solutions", {"one": [one], "other": [other]}).value == 1


def test_other_work_is_not_alike() -> None:
    assert like(skill("one", count_words), skill("two", list_owners)) < 0.4


def test_every_pair_that_is_too_much_alike_is_named() -> None:
    texts = {"a": ["sort -u x.txt"], "b": ["sort -u y.txt"], "c": ["sort -u z.txt"], "d": ["make all"]}
    assert closest("solutions", texts).where == "b and c; a and c; a and b"


def test_programs_count_where_they_are_commands_and_declared() -> None:
    lines = (
        "find . -name 'x; sort' | xargs -n 1 -0 grep -l head",
        "if uniq -c x; then LC_ALL=C tee y; fi",
        'echo "x,$(head -n 1 "$z") sort"',
        "undeclared x",
        "find . -exec chmod u=rw {} +; timeout 5 perl sort.pl",
        "find . | xargs -d q -a list cp sort --parents",
        "case $1 in\n  a) rev ;;\n  *) echo sort ;;\nesac",
    )
    tools = ("find", "xargs", "grep", "head", "uniq", "tee", "sort", "chmod", "perl", "cp", "rev")
    part = fragment(*(run(line) for line in lines))
    assert vocabulary([(skill("one", count_words, tools=tools), [part])]) == set(tools) - {"sort"}


def test_programs_of_a_typed_shell_script_count_and_its_data_do_not() -> None:
    script = write("/app/x/job.sh", "# sort\nset -e\nwhile read -r line; do\n    grep -q a <<< $line\ndone")
    data = write("/app/x/plan.txt", "uniq\nhead")
    one = skill("one", count_words, tools=("grep", "sort", "uniq", "head", "cat"))
    assert vocabulary([(one, [fragment(script, data)])]) == {"grep", "cat"}


def test_library_calls_count_by_the_imported_name_and_methods_of_values_do_not() -> None:
    program = python("""
import csv, os.path
import numpy as np
from pathlib import Path
from billing import total

text = Path("x").read_text()
np.linalg.norm([1]), os.path.join("a", "b"), total(text.split())
rows = list(csv.reader([text]))
rows.sort()
""")
    one = skill("one", count_words, tools=(), modules=("numpy",))
    calls = {"csv.reader", "os.path.join", "numpy.linalg.norm", "pathlib.Path"}
    assert vocabulary([(one, [fragment(program)])]) == calls
    assert vocabulary([(one._replace(modules=()), [fragment(program)])]) == calls - {"numpy.linalg.norm"}


def test_a_broken_program_ends_the_audit() -> None:
    with pytest.raises(SyntaxError):
        vocabulary([(skill("one", count_words), [fragment(python("def x(:"))])])


def test_assertions_count_where_another_random_source_changes_their_test() -> None:
    assert dependent_assertions(samples(skill("one", count_words))) == {1: 2, 2: 2, 3: 2}
    assert dependent_assertions(samples(skill("two", list_owners))) == {1: 1, 2: 1, 3: 1}


def test_domains_are_counted_each_for_itself() -> None:
    rich = [
        skill(f"{domain}/{number}", count_words, domain, repairs=number < 2, offers=(Lines,), reads=Lines)
        for domain in DOMAINS
        for number in range(10)
    ]
    figures = audit_skills([(one, samples(one)) for one in rich])
    for what in ("skills", "skills, fewest", "skills that repair", "skills that offer", "skills that read"):
        assert figure(figures, what).met
        assert not figure(audit_skills([(one, samples(one)) for one in rich[1:9]]), what).met
    poorer = audit_skills([(one, samples(one)) for one in rich[1:]])
    assert figure(poorer, "skills, fewest").where == DOMAINS[0]
    assert not figure(poorer, "skills that repair").met


@pytest.mark.parametrize(
    ("what", "less"),
    [
        ("skills that repair", {"repairs": False}),
        ("skills that offer", {"offers": ()}),
        ("skills that read", {"reads": None}),
    ],
)
def test_each_trait_of_skills_is_counted(what: str, less: dict[str, object]) -> None:
    full = [
        skill(f"{domain}/{n}", count_words, domain, repairs=True, offers=(Lines,), reads=Lines)
        for domain in DOMAINS
        for n in range(3)
    ]
    assert figure(audit_skills([(one, samples(one)) for one in full]), what).met
    few = [one._replace(**less) if one.domain == "security" else one for one in full]
    missed = figure(audit_skills([(one, samples(one)) for one in few]), what)
    assert (missed.value, missed.where) == (0, "security")


def shapes(count: int, **fields: object) -> list[Shape]:
    return [Shape(("one",), 1, 8, 2, f"text {number}")._replace(**fields) for number in range(count)]


@pytest.mark.parametrize(
    ("what", "poor"),
    [
        ("steps", {"steps": 7}),
        ("input files", {"files": 1}),
        ("assertions", {"level": 2}),
        ("distinct", {"skeleton": ""}),
    ],
)
def test_each_figure_of_tasks_can_miss_its_bar(what: str, poor: dict[str, object]) -> None:
    dependent = {"one": {1: 6.0, 2: 5.0}}
    assert all(figure.met for figure in audit_tasks(shapes(5000), dependent))
    missed = [figure.what for figure in audit_tasks(shapes(5000, **poor), dependent) if not figure.met]
    assert [name.startswith(what) for name in missed] == [True]


def test_a_task_is_counted_without_its_frame() -> None:
    counted = forged_shape(0)
    assert 3 <= len(counted.skills) <= 5
    assert counted.steps >= 2 + 2 * len(counted.skills)
    assert counted == forged_shape(0)
    assert counted.skeleton != forged_shape(1).skeleton
    assert "/app" not in counted.skeleton
    assert "network" not in counted.skeleton


def test_a_missed_bar_is_marked_and_ends_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([Figure("wide", 3, 3), Figure("alike", 0.5, 0.6, below=True)]) == 0
    assert "MISSED" not in capsys.readouterr().out
    assert report([Figure("wide", 2, 3), Figure("alike", 0.6, 0.6, below=True, where="a and b")]) == 1
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["wide", "2", ">=", "3", "MISSED"],
        ["alike", "0.6", "<", "0.6", "MISSED", "a", "and", "b"],
    ]
