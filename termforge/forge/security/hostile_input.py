"""Security: close holes in a small request handler, from SQL injection to open redirects, and keep it working."""

from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

OWNERS = ("amara", "o'neill", "bjorn", "d'arcy", "celia", "goran", "hana", "n'diaye")
THINGS = ("lamp", "ledger", "camera", "atlas", "drill", "violin", "kettle", "sextant", "loom", "globe")
THEMES = (("loans", "shelf"), ("parcels", "labels"), ("exhibits", "notes"), ("samples", "sheets"))
NAMES = ("handler.py", "desk.py", "service.py", "requests.py")
HOSTS = ("intranet.example", "portal.example", "files.example")
SOURCE = '''\
"""Answers requests, one a line; README.md says how."""

import hmac
import html
import sqlite3
import sys
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
SHELF = HERE / "{shelf}"
TOKEN = "{token}"
HOST = "{host}"
LIMIT = {limit}


def database():
    store = sqlite3.connect(":memory:")
    store.execute("CREATE TABLE {table} (owner TEXT, name TEXT)")
    rows = [line.split(",") for line in (HERE / "{table}.csv").read_text().splitlines()]
    store.executemany("INSERT INTO {table} VALUES (?, ?)", rows)
    return store


def find(owner):
    rows = database().execute("SELECT name FROM {table} WHERE owner = ? ORDER BY name", (owner,))
    return ";".join(name for (name,) in rows) or "none"


def show(name):
    path = (SHELF / name).resolve()
    if not path.is_relative_to(SHELF) or not path.is_file():
        return "refused"
    return path.read_text().strip()


def greet(name):
    return f"<p>Hello {{html.escape(name)}}</p>"


def unlock(token):
    accepted = hmac.compare_digest(token.encode(), TOKEN.encode())
    return "open" if accepted else "refused"


def go(url):
    parts = urlsplit(url)
    allowed = parts.scheme == "https" and parts.hostname == HOST
    return f"see {{url}}" if allowed else "refused"


def pay(amount):
    allowed = amount.isascii() and amount.isdecimal() and 0 < int(amount) <= LIMIT
    return f"paid {{int(amount)}}" if allowed else "refused"


ANSWERS = {{"find": find, "show": show, "greet": greet, "unlock": unlock, "go": go, "pay": pay}}

for line in sys.stdin:
    request, _, argument = line.rstrip("\\n").partition(" ")
    answer = ANSWERS.get(request)
    print(answer(argument) if answer else "unknown request")
'''
MANUAL = """\
# Requests

A request is a word, one blank, and an argument that reaches to the end of the line (it may be empty). Each is answered
by one line; another word is answered by `unknown request`.

- `find OWNER`: the names of that owner's {table}, sorted, joined by `;`, or `none`. `{table}.csv` has owner and name.
  Owners may contain any character but a comma.
- `show NAME`: the text of a file below `{shelf}/`, at any depth; `refused` where NAME leads out of it, by whatever way,
  or to no file.
- `greet NAME`: `<p>Hello NAME</p>`, where `&`, `<`, `>`, `"` and `'` of NAME are written `&amp;`, `&lt;`, `&gt;`,
  `&quot;` and `&#x27;`.
- `unlock TOKEN`: `open` for exactly the token in the source, else `refused`.
- `go URL`: `see URL` if the scheme is https and the host is exactly `{host}`, else `refused`.
- `pay AMOUNT`: `paid AMOUNT` for a whole number, in ASCII digits alone, from 1 to {limit}; else `refused`.
"""
FAULTS = {
    "find": (
        '    rows = database().execute("SELECT name FROM {table} WHERE owner = ? ORDER BY name", (owner,))',
        (
            "    rows = database().execute(f\"SELECT name FROM {table} WHERE owner = '{{owner}}' ORDER BY name\")",
            "    rows = database().execute(\"SELECT name FROM {table} WHERE owner = '%s' ORDER BY name\" % owner)",
        ),
        "the owner is pasted into the SQL text instead of being bound",
    ),
    "show": (
        "    if not path.is_relative_to(SHELF) or not path.is_file():",
        (
            "    if not str(path).startswith(str(SHELF)) or not path.is_file():",
            '    if name.startswith("..") or not path.is_file():',
        ),
        "the check of the path can be passed with a neighbouring folder or with dots in the middle",
    ),
    "greet": (
        '    return f"<p>Hello {{html.escape(name)}}</p>"',
        (
            '    return f"<p>Hello {{name}}</p>"',
            '    return f"<p>Hello {{html.escape(name, quote=False)}}</p>"',
            "    return f\"<p>Hello {{name.replace('<script>', '')}}</p>\"",
        ),
        "the name reaches the page unescaped",
    ),
    "unlock": (
        "    accepted = hmac.compare_digest(token.encode(), TOKEN.encode())",
        ("    accepted = TOKEN.startswith(token)", "    accepted = token in TOKEN", "    accepted = TOKEN in token"),
        "the token is compared in part only",
    ),
    "go": (
        '    allowed = parts.scheme == "https" and parts.hostname == HOST',
        (
            '    allowed = url.startswith("https://" + HOST)',
            '    allowed = parts.scheme == "https" and HOST in parts.netloc',
            "    allowed = parts.hostname == HOST",
        ),
        "the URL is compared as text or without its scheme",
    ),
    "pay": (
        "    allowed = amount.isascii() and amount.isdecimal() and 0 < int(amount) <= LIMIT",
        ("    allowed = int(amount) <= LIMIT", "    allowed = amount.isdecimal() and int(amount) <= LIMIT"),
        "zero, negative amounts or digits of other scripts are let through",
    ),
}


class Desk(NamedTuple):
    table: str
    shelf: str
    token: str
    host: str
    limit: int
    items: tuple[tuple[str, str], ...]
    """Owner and name."""
    notes: tuple[tuple[str, str], ...]
    """Path below the shelf and text."""

    def fill(self, text: str) -> str:
        return text.format(table=self.table, shelf=self.shelf, token=self.token, host=self.host, limit=self.limit)


def make(random: Random, setting: Setting) -> Fragment:
    folder, desk = setting.folder, _desk(random)
    program = f"{folder}/{random.choice(NAMES)}"
    broken = random.sample(sorted(FAULTS), 1 + setting.level)
    damages = [
        Damage(program, desk.fill(right), desk.fill(random.choice(wrong)), f"{request}: {cause}")
        for request in broken
        for right, wrong, cause in (FAULTS[request],)
    ]
    healthy = text_file(program, desk.fill(SOURCE))
    return Fragment(
        title=f"Close the holes in {program.rpartition('/')[2]}",
        brief=_brief(folder, program, desk),
        files=(
            *damaged([healthy], damages),
            text_file(f"{folder}/README.md", desk.fill(MANUAL)),
            text_file(f"{folder}/{desk.table}.csv", "".join(f"{owner},{name}\n" for owner, name in desk.items)),
            *(text_file(f"{folder}/{desk.shelf}/{path}", f"{text}\n") for path, text in desk.notes),
            text_file(f"{folder}/{desk.shelf}-private/salaries.txt", f"{random.randrange(10**6)}\n"),
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
    return Desk(table, shelf, token, random.choice(HOSTS), random.randint(50, 900), items, notes)


def _brief(folder: str, program: str, desk: Desk) -> str:
    return f"""\
`{program}` reads requests from standard input and answers them as `{folder}/README.md` says, as long as nobody means
harm. A review found that some kinds of request can be abused: they tell, allow or print what they must not, or make the
program end with an error. Mend the program in place, so that it follows the README for whatever comes in. It must still
run with plain `python3`, from any working directory, end with status 0, and read `{desk.table}.csv` and
`{desk.shelf}/`. It will be tried with lawful and hostile requests that are not shown here."""


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
            f"printf '%s\\n' \"find x' OR '1'='1\" 'show ../README.md' 'greet <b>' 'unlock ' 'pay -1' | "
            f"timeout 5 python3 {program}; echo status $?",
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
        ],
        "pay": [
            ("pay 0", "refused"),
            ("pay 1", "paid 1"),
            (f"pay -{cut}", "refused"),
            (f"pay {desk.limit}", f"paid {desk.limit}"),
            (f"pay {desk.limit + 1}", "refused"),
            (f"pay {thing}", "refused"),
            ("pay ", "refused"),
        ],
    }
    return exchanges[request]


def _checks(random: Random, desk: Desk, program: str, broken: list[str]) -> tuple[Check, ...]:
    each = tuple(
        _check(request, program, random.sample(told := _hostile(random, desk, request), len(told)), 2.0)
        for request in broken
    )
    everything = [one for request in sorted(FAULTS) for one in _hostile(random, desk, request)] + _lawful(random, desk)
    return (*each, _check("lawful_and_hostile", program, random.sample(everything, len(everything)), 3.0))


def _check(name: str, program: str, exchanges: list[Exchange], weight: float) -> Check:
    asked, answers = [request for request, _ in exchanges], [answer for _, answer in exchanges]
    body = (
        f"asked = {literal(asked)}\nanswers = {literal(answers)}\n"
        f"found = output_of({program!r}, '\\n'.join(asked) + '\\n')\n"
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
