"""Software engineering: carry the fixes of a history over to its release branch, tag it, drop a branch, hand it on."""

from random import Random

from termforge.forge.history import Revision, names, stream
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Step

AUTHORS = ("Mara Lind <mara@example.org>", "Jon Abe <jon@example.org>", "Sana Rao <sana@example.org>")
FILES = ("parser.txt", "server.txt", "client.txt", "report.txt", "limits.txt", "locale.txt")
KINDS = ("fix", "feat", "docs", "prefix", "fixture")
EPOCH = 1_718_000_000


def make(random: Random, setting: Setting) -> Fragment:
    folder, (major, minor) = setting.folder, (random.randint(1, 4), random.randint(2, 9))
    branch, tag = f"release/{major}.{minor}", f"v{major}.{minor}.{random.randint(3, 8)}"
    revisions = _history(random, branch, 6 + 3 * setting.level)
    source = f"{folder}/{random.choice(('project', 'service', 'library'))}.stream"
    return Fragment(
        title=f"Bring the fixes to {branch}",
        brief=_brief(folder, source, branch, tag),
        files=(text_file(source, stream(revisions)),),
        steps=_steps(random, folder, source, branch, tag),
        checks=_checks(folder, branch, tag, revisions),
        outputs=(f"{folder}/result.stream", f"{folder}/picked.txt"),
    )


def _history(random: Random, branch: str, count: int) -> list[Revision]:
    """Two commits, a release branch with one of its own, what followed on main, and a branch that is to be dropped.

    Every later commit adds a file of its own, so that any of them can be carried over alone.
    """
    files = {name: f"{name} one\n" for name in random.sample(FILES, 3)}
    time = EPOCH + random.randrange(10**6)
    revisions = [Revision("start", AUTHORS[0], time, files)]
    files |= {"VERSION": "dev\n"}
    revisions.append(Revision("fix: add the version", AUTHORS[1], time + 60, dict(files), parent=0))
    frozen = files | {"VERSION": "frozen\n"}
    revisions.append(Revision("chore: freeze", AUTHORS[2], time + 90, frozen, branch=branch, parent=1))
    for number, kind in enumerate(["fix", *random.choices(KINDS, k=count), "fixture", "fix"]):
        time += random.randint(100, 5000)
        subject = f"{kind}: {random.choice(('handle', 'change', 'adjust'))} case {random.randint(100, 999)}"
        files |= {f"{kind}-{number}.txt": f"{subject}\n"}
        parent = len(revisions) - 1 if number else 1
        revisions.append(Revision(subject, random.choice(AUTHORS), time, dict(files), parent=parent))
    scrap = files | {"scrap.txt": "not ready\n"}
    return [*revisions, Revision("fix: try", AUTHORS[0], time + 9, scrap, branch="wip", parent=len(revisions) - 1)]


def _fixes(revisions: list[Revision]) -> list[int]:
    """Positions of what has to be carried over, oldest first."""
    return [place for place, one in enumerate(revisions[3:-1], 3) if one.subject.startswith("fix: ")]


def _brief(folder: str, source: str, branch: str, tag: str) -> str:
    return f"""\
`{source}` is a `git fast-import` stream of a project with the branches `main`, `{branch}` and `wip`. Hand on, as
`{folder}/result.stream`, a stream that `git fast-import` reads into an empty repository and that gives this:
- `{branch}` has, after the commits it has now, a copy of every commit that is on `main` but not on `{branch}` and whose
  subject starts with `fix: `; oldest first. Each copy makes the same change as its original, keeps the author and the
  subject, and its message ends with the line `(cherry picked from commit <full hash of the original>)` after an empty
  line.
- The tag `{tag}` points to the last of these copies.
- `main` is what it was, to the hash, and there is no branch besides `main` and `{branch}`.

Also write `{folder}/picked.txt`: for each copied commit, oldest first, a line with the full hash of the original, a
blank, and its author's e-mail address. Where a repository lies while you work is up to you, but not below `/app`."""


def _steps(random: Random, folder: str, source: str, branch: str, tag: str) -> tuple[Step, ...]:
    wanted = f"git rev-list --reverse --grep='^fix: ' {branch}..main"
    return (
        Step(
            analysis=random.choice(
                (
                    "I import the stream into a scratch repository and look at where the branches part.",
                    "A graph of all branches shows what is on main and not on the release branch.",
                )
            ),
            plan=random.choice(
                ("Init, import, check out the release branch, draw the graph.", "Import and print the log as a graph.")
            ),
            commands=(
                run("git init -q -b main /tmp/surgery; cd /tmp/surgery"),
                run(f"git fast-import --quiet < {source}"),
                run(f"git checkout -q {branch}"),
                run("git log --graph --oneline --all | head -n 32"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "rev-list with --grep picks exactly the subjects that start with the word; cherry-pick -x keeps "
                    "authors and notes the origin.",
                    "The commits of main that the release lacks, filtered by subject and reversed, go to cherry-pick.",
                )
            ),
            plan=random.choice(
                (
                    "Set an identity, list the originals, pick them, tag, delete wip, export everything.",
                    "Report first, then pick, tag, drop the branch, and write the stream.",
                )
            ),
            commands=(
                run("git config user.name Releases; git config user.email releases@example.org"),
                run(f"{wanted} | xargs git log --no-walk=unsorted --format='%H %ae' > {folder}/picked.txt"),
                run(f"{wanted} | xargs git cherry-pick -x > /dev/null", 3.0),
                run(f"git tag {tag}"),
                run("git branch -q -D wip"),
                run(f"git fast-export --all > {folder}/result.stream"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "The stream should hold the copies behind the freeze and nothing of wip.",
                    "I look at what was exported: its refs, the copies, and the report.",
                )
            ),
            plan=random.choice(("Grep the refs, show the log of the tag.", "Refs, log and report once more.")),
            commands=(
                run(f"grep -E '^(reset|commit) refs' {folder}/result.stream | sort | uniq -c"),
                run(f"git log --oneline {tag} | head -n 12"),
                run(f"cat {folder}/picked.txt; cd /app"),
            ),
        ),
    )


def _checks(folder: str, branch: str, tag: str, revisions: list[Revision]) -> tuple[Check, ...]:
    hashes = names(revisions)
    fixes = _fixes(revisions)
    mails = [revision.author.partition("<")[2].rstrip(">") for revision in revisions]
    copies = [
        f"{revisions[place].author}|{revisions[place].subject}|(cherry picked from commit {hashes[place]})"
        for place in reversed(fixes)
    ]
    tree = sorted({*revisions[2].files, *(name for place in fixes for name in _added(revisions, place))})
    texts = dict(revisions[2].files) | {n: revisions[-1].files[n] for place in fixes for n in _added(revisions, place)}
    picked = [f"{hashes[place]} {mails[place]}" for place in fixes]
    listed = f"git log --format='%an <%ae>|%s|%b' {hashes[2]}..{branch}"
    shown = "; ".join(f"git show {branch}:{name}" for name in tree)
    main = next(place for place in range(len(revisions) - 2, 0, -1) if revisions[place].branch == "main")
    return (
        Check(
            "picked",
            f"assert lines({folder + '/picked.txt'!r}) == {literal(picked)}\n"
            # Worktrees have a file `.git`, repositories without one a file `HEAD`.
            f"held = {{path.name for path in Path({folder!r}).rglob('*')}}\n"
            "assert held.isdisjoint(('.git', 'HEAD')), 'a repository lies below /app'",
        ),
        _check("copies", folder, listed, copies, 3.0),
        _check(
            "refs",
            folder,
            f"git for-each-ref --format='%(refname)'; git rev-parse main; git rev-list --count {hashes[2]}..{tag}",
            ["refs/heads/main", f"refs/heads/{branch}", f"refs/tags/{tag}", hashes[main], str(len(fixes))],
            2.0,
        ),
        _check(
            "files",
            folder,
            f"git ls-tree -r --name-only {tag}; {shown}; git cat-file -p {branch}:VERSION",
            [*tree, *(line for name in tree for line in texts[name].splitlines()), "frozen"],
            2.0,
        ),
    )


def _added(revisions: list[Revision], place: int) -> set[str]:
    parent = revisions[place].parent
    return set(revisions[place].files) - set(revisions[parent or 0].files)


def _check(name: str, folder: str, command: str, expected: list[str], weight: float) -> Check:
    path = f"{folder}/result.stream"
    return Check(
        name,
        "from termforge_grader import run_agent\n\n"
        f"stream = content({path!r})\n"
        f"command = {f'git init -q -b main . && git fast-import --quiet || exit 1; {command}'!r}\n"
        "found = run_agent(['bash', '-c', command], stdin=stream).stdout.splitlines()\n"
        f"assert [line for line in found if line] == {literal(expected)}",
        weight,
    )


SKILL = Skill(
    name="software-engineering/history-surgery",
    domain="software-engineering",
    folders=("cherry-pick", "release-branch", "maintenance", "fast-export"),
    tools=("git", "head", "xargs", "grep", "sort", "uniq", "cat"),
    make=make,
)
