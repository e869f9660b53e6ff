"""A small request handler, what it promises, and the ways in which each promise can be broken by one line."""

from typing import NamedTuple

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
    try:
        path = (SHELF / name).resolve()
        if not path.is_relative_to(SHELF) or not path.is_file():
            return "refused"
    except (OSError, ValueError):
        return "refused"
    return path.read_text().strip()


def greet(name):
    return f"<p>Hello {{html.escape(name)}}</p>"


def unlock(token):
    accepted = hmac.compare_digest(token.encode(), TOKEN.encode())
    return "open" if accepted else "refused"


def go(url):
    try:
        parts = urlsplit(url)
    except ValueError:
        return "refused"
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
  leads to no file, or cannot be a file's name.
- `greet NAME`: `<p>Hello NAME</p>`, where `&`, `<`, `>`, `"` and `'` of NAME are written `&amp;`, `&lt;`, `&gt;`,
  `&quot;` and `&#x27;`.
- `unlock TOKEN`: `open` for exactly the token in the source, else `refused`.
- `go URL`: `see URL` if the scheme is https and the host is exactly `{host}`, else `refused`.
- `pay AMOUNT`: `paid AMOUNT` for a whole number, in ASCII digits alone, from 1 to {limit}; else `refused`.
"""


class Fault(NamedTuple):
    right: str
    """A whole line."""
    wrong: tuple[str, ...]
    """Ways to break it."""
    cause: str


FAULTS: dict[str, tuple[Fault, ...]] = {
    "find": (
        Fault(
            '    rows = database().execute("SELECT name FROM {table} WHERE owner = ? ORDER BY name", (owner,))',
            (
                "    rows = database().execute(f\"SELECT name FROM {table} WHERE owner = '{{owner}}' ORDER BY name\")",
                "    rows = database().execute(\"SELECT name FROM {table} WHERE owner = '%s' ORDER BY name\" % owner)",
            ),
            "the owner is pasted into the SQL text instead of being bound",
        ),
    ),
    "show": (
        Fault(
            "        if not path.is_relative_to(SHELF) or not path.is_file():",
            (
                "        if not str(path).startswith(str(SHELF)) or not path.is_file():",
                '        if name.startswith("..") or not path.is_file():',
            ),
            "the check of the path can be passed with a neighbouring folder or with dots in the middle",
        ),
        Fault(
            "    except (OSError, ValueError):",
            ("    except FileNotFoundError:", "    except PermissionError:"),
            "a name that no file can have ends the program",
        ),
    ),
    "greet": (
        Fault(
            '    return f"<p>Hello {{html.escape(name)}}</p>"',
            (
                '    return f"<p>Hello {{name}}</p>"',
                '    return f"<p>Hello {{html.escape(name, quote=False)}}</p>"',
                "    return f\"<p>Hello {{name.replace('<script>', '')}}</p>\"",
            ),
            "the name reaches the page unescaped",
        ),
    ),
    "unlock": (
        Fault(
            "    accepted = hmac.compare_digest(token.encode(), TOKEN.encode())",
            (
                "    accepted = TOKEN.startswith(token)",
                "    accepted = token in TOKEN",
                "    accepted = TOKEN in token",
            ),
            "the token is compared in part only",
        ),
    ),
    "go": (
        Fault(
            '    allowed = parts.scheme == "https" and parts.hostname == HOST',
            (
                '    allowed = url.startswith("https://" + HOST)',
                '    allowed = parts.scheme == "https" and HOST in parts.netloc',
                "    allowed = parts.hostname == HOST",
            ),
            "the URL is compared as text or without its scheme",
        ),
        Fault(
            "    except ValueError:",
            ("    except KeyError:", "    except TypeError:"),
            "an address that is no URL ends the program",
        ),
    ),
    "pay": (
        Fault(
            "    allowed = amount.isascii() and amount.isdecimal() and 0 < int(amount) <= LIMIT",
            ("    allowed = int(amount) <= LIMIT", "    allowed = amount.isdecimal() and int(amount) <= LIMIT"),
            "zero, negative amounts or digits of other scripts are let through",
        ),
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
    private: str
    """What lies beside the shelf and nobody may see."""

    @property
    def files(self) -> dict[str, str]:
        """Texts by path beside the program."""
        return {
            f"{self.table}.csv": "".join(f"{owner},{name}\n" for owner, name in self.items),
            **{f"{self.shelf}/{path}": f"{text}\n" for path, text in self.notes},
            f"{self.shelf}-private/salaries.txt": self.private,
        }

    def fill(self, text: str) -> str:
        return text.format(table=self.table, shelf=self.shelf, token=self.token, host=self.host, limit=self.limit)
