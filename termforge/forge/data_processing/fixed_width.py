"""Data processing: batches of fixed-width records with implied decimals, checked against their trailers (awk)."""

from itertools import accumulate
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.orders import money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step


class Theme(NamedTuple):
    name: str
    """Of the file, without its ending."""
    reference: str
    """Two letters in front of each reference."""
    place: str
    places: tuple[str, ...]


THEMES = (
    Theme("ledger", "TX", "branch", ("MARKET ST", "HARBOUR", "OLD TOWN", "AIRPORT")),
    Theme("claims", "CL", "office", ("NORTHGATE", "LEEDS", "ST ALBANS", "YORK")),
    Theme("freight", "FR", "depot", ("DOCK 4", "RAILHEAD", "SOUTH YARD", "HUB")),
    Theme("tariff", "MT", "district", ("HILLSIDE", "LOW ROAD", "QUAY", "MILL END")),
)
WIDTHS = {"reference": 8, "date": 8, "place": 12, "amount": 9, "sign": 1}


class Entry(NamedTuple):
    reference: str
    date: str
    """YYYYMMDD."""
    place: str
    cents: int
    sign: str
    """`C` credit, `D` debit."""


class Batch(NamedTuple):
    number: int
    entries: list[Entry]
    told_count: int
    told_cents: int
    """Of the trailer: credits less debits."""

    @property
    def sound(self) -> bool:
        return self.told_count == len(self.entries) and self.told_cents == _balance(self.entries)


def make(random: Random, setting: Setting) -> Fragment:
    theme = random.choice(THEMES)
    order = random.sample(sorted(WIDTHS), len(WIDTHS))
    source = f"{setting.folder}/{theme.name}.{random.choice(('dat', 'txt', 'fix'))}"
    batches = _draw(random, theme, 3 + setting.level)
    good = [entry for batch in batches if batch.sound for entry in batch.entries]
    table = Table(
        f"{setting.folder}/{theme.name}.csv",
        (
            Column("reference", "key"),
            Column("date", "date"),
            Column(theme.place, "word"),
            Column("kind", "word"),
            Column("amount", "money"),
        ),
        tuple(_row(entry) for entry in good),
    )
    return Fragment(
        title=f"Convert the fixed-width {theme.name} file",
        brief=_brief(setting.folder, source, table, theme, order),
        files=(text_file(source, "".join(_batch_text(batch, order) for batch in batches)),),
        steps=_steps(random, setting.folder, source, table, theme, order),
        checks=_checks(setting.folder, table, batches),
        outputs=(table.path, f"{setting.folder}/batches.csv"),
        offers=(table,),
    )


def _draw(random: Random, theme: Theme, count: int) -> list[Batch]:
    """The first two are sound, the third has a wrong sum and the fourth a wrong count."""
    batches = []
    number = random.randint(100, 400)
    reference = random.randint(100000, 500000)
    for place in range(count):
        entries: list[Entry] = []
        for _ in range(random.randint(5, 7)):
            reference += random.randint(1, 40)
            date = f"2025{random.randint(1, 12):02d}{random.randint(1, 28):02d}"
            cents = random.choice((random.randint(1, 99), random.randint(100, 9_999_999)))
            sign = "CD"[len(entries) % 2] if len(entries) < 2 else random.choice("CD")
            entries.append(Entry(f"{theme.reference}{reference}", date, random.choice(theme.places), cents, sign))
        number += random.randint(1, 9)
        batches.append(Batch(number, entries, len(entries) + (place == 3), _balance(entries) + (place == 2)))
    return random.sample(batches, count)


def _balance(entries: list[Entry]) -> int:
    return sum(entry.cents if entry.sign == "C" else -entry.cents for entry in entries)


def _row(entry: Entry) -> tuple[str, ...]:
    date = f"{entry.date[:4]}-{entry.date[4:6]}-{entry.date[6:]}"
    kind = "credit" if entry.sign == "C" else "debit"
    return entry.reference, date, entry.place, kind, money(entry.cents)


def _batch_text(batch: Batch, order: list[str]) -> str:
    details = ["2" + _detail(entry, order) for entry in batch.entries]
    sign = "-" if batch.told_cents < 0 else "+"
    trailer = f"9{batch.number:05d}{batch.told_count:04d}{sign}{abs(batch.told_cents):011d}"
    return "\n".join([f"1{batch.number:05d}", *details, trailer]) + "\n"


def _detail(entry: Entry, order: list[str]) -> str:
    fields = {
        "reference": entry.reference,
        "date": entry.date,
        "place": entry.place.ljust(WIDTHS["place"]),
        "amount": f"{entry.cents:0{WIDTHS['amount']}d}",
        "sign": entry.sign,
    }
    return "".join(fields[name] for name in order)


def _starts(order: list[str]) -> dict[str, int]:
    """First character of each field, counted from 1; the first is the record's type."""
    return dict(zip(order, accumulate((WIDTHS[name] for name in order[:-1]), initial=2), strict=True))


def _brief(folder: str, source: str, table: Table, theme: Theme, order: list[str]) -> str:
    told = {
        "reference": "the reference",
        "date": "the date as YYYYMMDD",
        "place": f"the {theme.place}, padded with blanks on the right",
        "amount": "the amount in cents, padded with zeros",
        "sign": "`C` for credit or `D` for debit",
    }
    fields = "\n".join(f"- {_characters(start, WIDTHS[name])}: {told[name]}" for name, start in _starts(order).items())
    return f"""\
`{source}` comes from a mainframe and has fixed-width records. The first character of a record is its type. A batch is
a type 1 record (characters 2 to 6: batch number), its type 2 records and a type 9 record (characters 2 to 6: batch
number, 7 to 10: number of type 2 records, 11: `+` or `-`, 12 to 22: the batch's balance in cents, which is credits
less debits). A type 2 record has:
{fields}

Write `{folder}/batches.csv` with the header `batch,records,balance,valid` and a row for each batch in the order of
the file: the number without leading zeros, how many type 2 records there really are, their balance in full units
with exactly two decimals (`-` in front if negative), and `yes` if the type 9 record states just this number and
balance, else `no`. Write `{table.path}` with the header `{",".join(table.header)}`: the type 2 records of valid
batches in the order of the file, with an ISO date, no padding, `credit` or `debit` as kind, and the amount in full
units with exactly two decimals and without leading zeros (`0.07`)."""


def _characters(start: int, width: int) -> str:
    return f"characters {start} to {start + width - 1}" if width > 1 else f"character {start}"


def _steps(random: Random, folder: str, source: str, table: Table, theme: Theme, order: list[str]) -> tuple[Step, ...]:
    script = f"{folder}/convert.awk"
    return (
        step(
            random,
            (
                "Fixed-width data is best checked by eye once: do the positions of the description fit?",
                f"I want to count characters in a real record of {source} before I trust the layout.",
            ),
            ("Show the first records and count the types.", "Print some records, then tabulate the type character."),
            run(f"head {source}"),
            run(f"cut -c 1 {source} | sort | uniq -c"),
        ),
        step(
            random,
            (
                "A batch can only be judged at its trailer, so awk keeps the rows of a batch until then and works in "
                "whole cents.",
                "The rows of a batch must wait for the type 9 record. I collect them in a variable and print them if "
                "count and balance agree.",
            ),
            (
                "Write the awk program with the positions of the layout and run it.",
                "Cut the fields with substr, keep sums in cents, and write both files from one pass.",
            ),
            write(script, _script(folder, table, theme, order)),
            run(f"awk -f {script} {source}"),
        ),
        step(
            random,
            (
                "No error. The batches marked `no` deserve a look against the raw trailers.",
                "Both files are written; I compare the verdicts with the type 9 records.",
            ),
            ("Show the batches, the raw trailers and the first rows.", "Print the verdicts next to the trailers."),
            run(f"cat {folder}/batches.csv"),
            run(f"grep ^9 {source}"),
            run(f"head {table.path}"),
        ),
    )


def _script(folder: str, table: Table, theme: Theme, order: list[str]) -> str:
    start = _starts(order)
    return f"""
function units(cents) {{
    sign = sub(/^-/, "", cents) ? "-" : ""
    return sprintf("%s%d.%02d", sign, int(cents / 100), cents % 100)
}}
BEGIN {{
    rows = "{table.path}"
    batches = "{folder}/batches.csv"
    print "{",".join(table.header)}" > rows
    print "batch,records,balance,valid" > batches
}}
/^1/ {{ held = ""; count = 0; balance = 0 }}
/^2/ {{
    day = substr($0, {start["date"]}, 8)
    {theme.place} = substr($0, {start["place"]}, 12)
    sub(/ +$/, "", {theme.place})
    cents = substr($0, {start["amount"]}, 9) + 0
    credit = substr($0, {start["sign"]}, 1) == "C"
    day = substr(day, 1, 4) "-" substr(day, 5, 2) "-" substr(day, 7)
    kind = credit ? "credit" : "debit"
    balance += credit ? cents : -cents
    count++
    held = held substr($0, {start["reference"]}, 8) "," day "," {theme.place} "," kind "," units(cents) "\\n"
}}
/^9/ {{
    told = substr($0, 12) * (substr($0, 11, 1) == "-" ? -1 : 1)
    valid = substr($0, 7, 4) == sprintf("%04d", count) && told == balance
    print substr($0, 2, 5) + 0 "," count "," units(balance) "," (valid ? "yes" : "no") > batches
    if (valid) printf "%s", held > rows
}}
"""


def _checks(folder: str, table: Table, batches: list[Batch]) -> tuple[Check, ...]:
    verdicts = [
        [
            str(batch.number),
            str(len(batch.entries)),
            ("-" if _balance(batch.entries) < 0 else "") + money(abs(_balance(batch.entries))),
            "yes" if batch.sound else "no",
        ]
        for batch in batches
    ]
    references = [row[0] for row in table.rows]
    return (
        Check(
            "batches",
            f"assert cells({folder + '/batches.csv'!r}) == "
            f"{literal([['batch', 'records', 'balance', 'valid'], *verdicts])}",
            2.0,
        ),
        Check(
            "references",
            f"rows = table({table.path!r})\n"
            f"assert rows[0] == {table.header!r}\nassert [row[0] for row in rows[1:]] == {literal(references)}",
        ),
        Check("records", f"assert cells({table.path!r})[1:] == {literal([list(row) for row in table.rows])}", 3.0),
    )


SKILL = Skill(
    name="data-processing/fixed-width",
    domain="data-processing",
    folders=("mainframe", "batches", "legacy-feed", "transfer-file"),
    tools=("awk", "cat", "head", "cut", "sort", "uniq", "grep"),
    make=make,
    offers=(Table,),
)
