"""Security: close holes in a small request handler, from SQL injection to open redirects, and keep it working."""

from random import Random

from termforge.forge.damage import Damage, damaged
from termforge.forge.security.request_desk import FAULTS, MANUAL, SOURCE, Desk
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

OWNERS = ("amara", "o'neill", "bjorn", "d'arcy", "celia", "goran", "hana", "n'diaye")
THINGS = ("lamp", "ledger", "camera", "atlas", "drill", "violin", "kettle", "sextant", "loom", "globe")
THEMES = (("loans", "shelf"), ("parcels", "labels"), ("exhibits", "notes"), ("samples", "sheets"))
NAMES = ("handler.py", "desk.py", "service.py", "requests.py")
HOSTS = ("intranet.example", "portal.example", "files.example")


def make(random: Random, setting: Setting) -> Fragment:
    folder, desk = setting.folder, _desk(random)
    program = f"{folder}/{random.choice(NAMES)}"
    broken = random.sample(sorted(FAULTS), 1 + setting.level)
    damages = [
        Damage(program, desk.fill(right), desk.fill(random.choice(wrong)), f"{request}: {cause}")
        for request in broken
        for right, wrong, cause in (random.choice(FAULTS[request]),)
    ]
    healthy = text_file(program, desk.fill(SOURCE))
    return Fragment(
        title=f"Close the holes in {program.rpartition('/')[2]}",
        brief=_brief(folder, program, desk),
        files=(
            *damaged([healthy], damages),
            text_file(f"{folder}/README.md", desk.fill(MANUAL)),
            *(text_file(f"{folder}/{path}", text) for path, text in desk.files.items()),
        ),
        steps=_steps(random, folder, program, healthy.content.decode(), damages),
        checks=_checks(random, desk, program, broken),
        outputs=(program,),
    )


def _desk(random: Random) -> Desk:
    table, shelf = random.choice(THEMES)
    owners = random.sample(OWNERS, 5)
    items = tuple((random.choice(owners), thing) for thing in random.sample(THINGS, 8))
    notes = tuple(
        (path, f"{random.choice(THINGS)} {random.randrange(1000)}")
        for path in ("first.txt", "old/second.txt", "third.txt")
    )
    token = "".join(random.choices("0123456789abcdef", k=20))
    secret = f"{random.randrange(10**6)}\n"
    return Desk(table, shelf, token, random.choice(HOSTS), random.randint(50, 900), items, notes, secret)


def _brief(folder: str, program: str, desk: Desk) -> str:
    return f"""\
`{program}` reads requests from standard input and answers them as `{folder}/README.md` says, as long as nobody means
harm. A review found that some kinds of request can be abused: they tell, allow or print what they must not, or make the
program end with an error. Mend the program in place, so that it follows the README for whatever comes in. It must still
run with plain `python3`, from any working directory, end with status 0, and read `{desk.table}.csv` and
`{desk.shelf}/` beside it, which in use hold more than here. It will be tried with lawful and hostile requests that are
not shown here, also as a copy in another folder."""


def _steps(random: Random, folder: str, program: str, healthy: str, damages: list[Damage]) -> tuple[Step, ...]:
    causes = "; ".join(damage.cause for damage in damages)
    look = step(
        random,
        (
            "The README is the contract. I read it next to the source before trying anything.",
            "I compare what each request promises with how the source does it.",
        ),
        ("Print the README and the source with line numbers.",),
        run(f"cat {folder}/README.md"),
        run(f"cat -n {program}"),
    )
    mend = step(
        random,
        (
            f"Going through the functions one by one, this is what is wrong: {causes}. Each is one line.",
            f"These lines do not hold what the README promises: {causes}. The rest is sound.",
        ),
        ("Put the lines right with patch and see that it took all of them.",),
        write(f"{folder}/holes.diff", _difference(healthy, damages)),
        run(f"patch {program} {folder}/holes.diff"),
    )
    probe = step(
        random,
        (
            "Now a few attacks and a few ordinary requests, to see both refused and answered ones.",
            "A short list of hostile requests shows whether anything still gets through or crashes.",
        ),
        ("Pipe the probes through the program and look at its status.",),
        run(
            "printf '%s\\n' \"find x' OR '1'='1\" 'show ../README.md' 'greet <b>' 'unlock ' 'go https://[x' 'pay -1' "
            f"| timeout 5 python3 {program}; echo status $?",
            1.0,
        ),
    )
    return look, mend, probe


def _difference(healthy: str, damages: list[Damage]) -> str:
    """In diff's plain format, from the damaged program to the healthy one."""
    place = {damage: healthy.split("\n").index(damage.right) + 1 for damage in damages}
    return "\n".join(
        f"{place[damage]}c{place[damage]}\n< {damage.wrong}\n---\n> {damage.right}"
        for damage in sorted(damages, key=lambda damage: place[damage])
    )


Exchange = tuple[str, str]
"""A request line and its answer."""


def _lawful(random: Random, desk: Desk) -> list[Exchange]:
    owner = random.choice(desk.items)[0]
    path, text = random.choice(desk.notes)
    thing, amount = random.choice(THINGS), random.randint(1, desk.limit)
    return [
        (f"find {owner}", _owned(desk, owner)),
        (f"show {path}", text),
        (f"show old/../{desk.notes[0][0]}", desk.notes[0][1]),
        (f"greet {thing}", f"<p>Hello {thing}</p>"),
        (f"unlock {desk.token}", "open"),
        (f"go https://{desk.host}/{thing}?page={amount}", f"see https://{desk.host}/{thing}?page={amount}"),
        (f"pay {amount}", f"paid {amount}"),
        (f"sell {thing}", "unknown request"),
    ]


def _owned(desk: Desk, owner: str) -> str:
    return ";".join(sorted(name for one, name in desk.items if one == owner)) or "none"


def _hostile(random: Random, desk: Desk, request: str) -> list[Exchange]:
    """Each fault is shown by at least one of its request's exchanges."""
    thing, cut = random.choice(THINGS), random.randint(4, 16)
    exchanges = {
        "find": [
            *((f"find {owner}", _owned(desk, owner)) for owner in ("o'neill", "d'arcy")),
            (f"find {thing}' OR '1'='1", "none"),
            (f"find ' UNION SELECT owner FROM {desk.table} --", "none"),
        ],
        "show": [
            (f"show ../{desk.shelf}-private/salaries.txt", "refused"),
            (f"show old/../../{desk.table}.csv", "refused"),
            ("show /etc/passwd", "refused"),
            (f"show {thing}\0.txt", "refused"),
            (f"show {thing * 90}", "refused"),
            (f"show {thing}.txt", "refused"),
        ],
        "greet": [
            (f"greet <b>{thing}</b>", f"<p>Hello &lt;b&gt;{thing}&lt;/b&gt;</p>"),
            (f"greet \"{thing}\" & 'co'", f"<p>Hello &quot;{thing}&quot; &amp; &#x27;co&#x27;</p>"),
        ],
        "unlock": [
            ("unlock ", "refused"),
            (f"unlock {desk.token[:cut]}", "refused"),
            (f"unlock {desk.token}{cut}", "refused"),
            (f"unlock {desk.token.upper()}x", "refused"),
        ],
        "go": [
            (f"go https://{desk.host}.{thing}.example/", "refused"),
            (f"go https://{desk.host}@{thing}.example/", "refused"),
            (f"go ftp://{desk.host}/{thing}", "refused"),
            (f"go //{desk.host}/{thing}", "refused"),
            (f"go https://[{thing}", "refused"),
        ],
        "pay": [
            ("pay 0", "refused"),
            ("pay 1", "paid 1"),
            (f"pay -{cut}", "refused"),
            (f"pay {desk.limit}", f"paid {desk.limit}"),
            (f"pay {desk.limit + 1}", "refused"),
            (f"pay {thing}", "refused"),
            ("pay \N{ARABIC-INDIC DIGIT THREE}", "refused"),
            ("pay ", "refused"),
        ],
    }
    return exchanges[request]


def _checks(random: Random, desk: Desk, program: str, broken: list[str]) -> tuple[Check, ...]:
    """One for each hole, and one for everything, in a copy that has more to read than the task shows."""
    there = f"found = output_of({program!r}, '\\n'.join(asked) + '\\n')\n"
    each = tuple(
        _check(request, there, random.sample(told := _hostile(random, desk, request), len(told)), 2.0)
        for request in broken
    )
    more = desk._replace(
        items=(*desk.items, ("yusuf", random.choice(THINGS))),
        notes=(*desk.notes, ("new/fourth.txt", f"{random.choice(THINGS)} {random.randrange(1000)}")),
    )
    everything = [one for request in sorted(FAULTS) for one in _hostile(random, more, request)] + _lawful(random, more)
    everything += [("find yusuf", more.items[-1][1]), (f"show {more.notes[-1][0]}", more.notes[-1][1])]
    shuffled = random.sample(everything, len(everything))
    return (*each, _check("lawful_and_hostile", _copied(program, more), shuffled, 3.0))


def _copied(program: str, desk: Desk) -> str:
    """Source that runs the program in a folder `copy` beside these data."""
    name = f"copy/{program.rpartition('/')[2]}"
    data = {f"copy/{path}": text for path, text in desk.files.items()}
    return (
        "from termforge_grader import run_agent\n\n"
        f"copied = {{{name!r}: content({program!r}), **{literal(data)}}}\n"
        f"ended = run_agent(['python3', {name!r}], stdin='\\n'.join(asked) + '\\n', files=copied)\n"
        "assert ended.returncode == 0, f'a copy ended with status {ended.returncode}'\n"
        "found = ended.stdout.splitlines()\n"
    )


def _check(name: str, asking: str, exchanges: list[Exchange], weight: float) -> Check:
    """`asking` is source that finds the lines that answer `asked`."""
    asked, answers = [request for request, _ in exchanges], [answer for _, answer in exchanges]
    body = (
        f"asked = {literal(asked)}\nanswers = {literal(answers)}\n{asking}"
        "assert len(found) == len(answers)\n"
        "for request, given, wanted in zip(asked, found, answers):\n"
        "    assert given == wanted, f'{request!r} is answered by {given!r}'"
    )
    return Check(name, body, weight)


SKILL = Skill(
    name="security/hostile-input",
    domain="security",
    folders=("request-desk", "pentest", "weak-service", "code-review"),
    tools=("cat", "patch", "printf", "python3", "timeout"),
    make=make,
    repairs=True,
)
