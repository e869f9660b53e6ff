"""Debugging: a history in which one commit broke a check; find it by bisection and take it back on top."""

from random import Random
from typing import NamedTuple

from termforge.forge.history import Revision, names, stream
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

AUTHORS = (
    "Ines Roth <ines@example.org>",
    "Tomas Bell <tomas@example.org>",
    "Priya Nair <priya@example.org>",
    "Olu Ade <olu@example.org>",
)
CHORES = ("tidy comments", "rename a variable", "update notes", "reword help", "adjust spacing", "refresh examples")
EPOCH = 1_735_700_000


class Project(NamedTuple):
    name: str
    """Of the script, without `.sh`."""
    source: str
    """Reads two whole numbers as arguments."""
    right: str
    wrong: str
    probe: tuple[str, str]
    """Arguments with which the broken script prints something else."""
    printed: str


PROJECTS = (
    Project(
        "pages",
        "items=$1\nper_page=$2\necho $(((items + per_page - 1) / per_page))\n",
        "(items + per_page - 1) / per_page",
        "items / per_page + 1",
        ("40", "10"),
        "4",
    ),
    Project(
        "window",
        "first=$1\nlast=$2\nseq -s ' ' $((first + 0)) $((last + 0))\n",
        "seq -s ' ' $((first + 0)) $((last + 0))",
        "seq -s ' ' $((first + 0)) $((last - 1))",
        ("3", "6"),
        "3 4 5 6",
    ),
    Project(
        "share",
        "part=$1\nwhole=$2\necho $((part * 100 / whole))%\n",
        "part * 100 / whole",
        "part / whole * 100",
        ("3", "4"),
        "75%",
    ),
    Project(
        "shift",
        "hour=$1\nstep=$2\necho $(((hour + step) % 24))\n",
        "(hour + step) % 24",
        "hour + step % 24",
        ("20", "9"),
        "5",
    ),
)


def make(random: Random, setting: Setting) -> Fragment:
    project = random.choice(PROJECTS)
    revisions, bad = _history(random, project, 8 + 6 * setting.level)
    folder = setting.folder
    return Fragment(
        title=f"Which commit broke {project.name}.sh?",
        brief=_brief(folder, project, len(revisions)),
        files=(text_file(f"{folder}/{project.name}.stream", stream(revisions)),),
        steps=_steps(random, folder, project, revisions[bad].subject),
        checks=_checks(folder, project, revisions, bad),
        outputs=(f"{folder}/culprit.txt", f"{folder}/since.txt", f"{folder}/{project.name}.sh"),
    )


def _history(random: Random, project: Project, count: int) -> tuple[list[Revision], int]:
    """Each commit changes a line of its own, so that the bad one can be taken back; the version before it works."""
    bad = random.randint(2, count - 3)
    source, notes, time = project.source, "Notes\n", EPOCH + random.randrange(10**6)
    revisions: list[Revision] = []
    for number in range(count):
        subject = f"{random.choice(CHORES)} ({random.randint(100, 999)})"
        if number == bad:
            source = source.replace(project.right, project.wrong)
        elif number % 3 == 0:
            source = f"# {subject}\n{source}"
        else:
            notes += f"{number}. {subject}\n"
        time += random.randint(600, 90000)
        files = {"NOTES.md": notes, f"{project.name}.sh": source}
        revisions.append(Revision(subject, random.choice(AUTHORS), time, files, parent=number - 1 if number else None))
    return revisions, bad


def _brief(folder: str, project: Project, count: int) -> str:
    return f"""\
`{folder}/{project.name}.stream` is a `git fast-import` stream of {count} commits on the branch `main`. In its first
commit, `bash {project.name}.sh {" ".join(project.probe)}` prints `{project.printed}`; at the tip of `main` it prints
something else. Write:
- `{folder}/culprit.txt`: four lines about the first commit that prints something else: its full hash, its author's
  e-mail address, its subject, and the number of commits on `main` after it.
- `{folder}/since.txt`: those later commits, oldest first, one a line: the abbreviation of the hash to 10 digits, a
  blank, the subject.
- `{folder}/{project.name}.sh`: the script of the tip with the culprit's change undone and every other change kept."""


def _steps(random: Random, folder: str, project: Project, subject: str) -> tuple[Step, ...]:
    verdict, repository = f"{folder}/verdict.sh", f"/tmp/{project.name}"
    return (
        Step(
            analysis=random.choice(
                (
                    "The repository exists only as a stream. I import it and read what main looks like now.",
                    "First the history has to become a repository, outside /app; then I can look at its tip.",
                )
            ),
            plan=random.choice(
                ("Import, check out main, list the log, read the script.", "git init, fast-import, look at the tip.")
            ),
            commands=(
                run(f"git init -q -b main {repository}; cd {repository}"),
                run(f"git fast-import --quiet < {folder}/{project.name}.stream"),
                run("git reset -q --hard"),
                run("git log --oneline | head -n 8"),
                run(f"cat {project.name}.sh"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "A script that tells good from bad by its exit status lets git bisect do the search.",
                    "Bisection needs a command with an exit status, so I write one outside the repository.",
                )
            ),
            plan=random.choice(
                (
                    "Bisect between the root commit and main and keep the culprit as a tag.",
                    "Let git bisect run the verdict, tag refs/bisect/bad, then reset.",
                )
            ),
            commands=(
                write(verdict, f'test "$(bash {project.name}.sh {" ".join(project.probe)})" = "{project.printed}"'),
                run("git rev-list main | tail -n 1 | xargs git bisect start main"),
                run(f"git bisect run bash {verdict}", 3.0),
                run("git tag culprit refs/bisect/bad"),
                run("git bisect reset"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    f'The first bad commit is "{subject}". Reverting it must leave the later commits alone.',
                    f'Bisection ends at "{subject}". A revert on top of main mends the script.',
                )
            ),
            plan=random.choice(
                (
                    "Write the reports, revert without committing, save the script and try it.",
                    "Let git print both reports; then revert, copy the script out and run the verdict.",
                )
            ),
            commands=(
                run(f"git log -1 --format='%H%n%ae%n%s' culprit > {folder}/culprit.txt"),
                run(f"git rev-list --count culprit..main >> {folder}/culprit.txt"),
                run(f"git log --reverse --abbrev=10 --format='%h %s' culprit..main > {folder}/since.txt"),
                run("git revert --no-commit culprit"),
                run(f"cp {project.name}.sh {folder}/"),
                run(f"bash {verdict} && cat {folder}/culprit.txt {folder}/since.txt; cd /app"),
            ),
        ),
    )


def _checks(folder: str, project: Project, revisions: list[Revision], bad: int) -> tuple[Check, ...]:
    culprit = revisions[bad]
    hashes = names(revisions)
    mail = culprit.author.partition("<")[2].rstrip(">")
    report = [hashes[bad], mail, culprit.subject, str(len(revisions) - 1 - bad)]
    since = [f"{name[:10]} {later.subject}" for name, later in zip(hashes, revisions, strict=True)][bad + 1 :]
    path = f"{folder}/{project.name}.sh"
    return (
        Check("culprit", f"assert lines({folder + '/culprit.txt'!r}) == {report!r}", 3.0),
        Check("since", f"assert lines({folder + '/since.txt'!r}) == {literal(since)}"),
        Check("behaviour", f"assert output_of({path!r}, arguments={project.probe!r}) == [{project.printed!r}]", 2.0),
        Check("nothing_else", f"assert lines({path!r}) == {literal(_tip(project, revisions))}", 2.0),
    )


def _tip(project: Project, revisions: list[Revision]) -> list[str]:
    return revisions[-1].files[f"{project.name}.sh"].replace(project.wrong, project.right).splitlines()


SKILL = Skill(
    name="debugging/bisect-history",
    domain="debugging",
    folders=("bisect", "culprit", "broken-build", "history-hunt"),
    tools=("git", "head", "tail", "bash", "xargs", "cat", "cp"),
    make=make,
)
