"""Data processing: a sales export with mixed date styles, prices, casing, repeated and unusable lines becomes clean."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Kind, Table
from termforge.forge.orders import COLUMNS, Order, Orders, draw_orders, money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import File, Step

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BAD_QUANTITIES = ("", "0", "-2", "n/a", "two", "3.5")
BAD_DATES = ("unknown", "2025-13-04", "31/02/2024", "")


class RawLine(NamedTuple):
    cells: list[str]
    kind: str
    """`kept`, `superseded`, `quantity` or `date`."""


def make(random: Random, setting: Setting) -> Fragment:
    source, clean = f"{setting.folder}/export.csv", f"{setting.folder}/orders.csv"
    orders = draw_orders(random, 14 + 12 * setting.level)
    raw = _raw_lines(random, orders, setting.level)
    kept = Orders(clean, orders)
    return Fragment(
        title="Clean the sales export",
        brief=_brief(setting, source, clean),
        files=(_raw_file(random, source, raw),),
        steps=_steps(random, setting, source, clean, raw),
        checks=_checks(setting, kept, raw),
        outputs=(clean, f"{setting.folder}/rejected.csv", f"{setting.folder}/counts.json"),
        offers=(kept, _as_table(kept)),
    )


def _as_table(orders: Orders) -> Table:
    kinds: tuple[Kind, ...] = ("key", "date", "word", "word", "whole", "money", "money")
    columns = tuple(Column(name, kind) for name, kind in zip(COLUMNS, kinds, strict=True))
    return Table(orders.path, columns, tuple(tuple(order.row()) for order in orders.rows))


def _raw_lines(random: Random, orders: tuple[Order, ...], level: int) -> list[RawLine]:
    """The orders shuffled and roughened, with earlier versions of some and unusable lines between them."""
    lines = [RawLine(_roughen(random, order), "kept") for order in random.sample(orders, len(orders))]
    for order in random.sample(orders, 2 + 2 * level):
        position = next(place for place, line in enumerate(lines) if line.cells[0].strip() == order.order_id)
        stale = order._replace(quantity=order.quantity + random.randint(1, 5))
        lines.insert(random.randint(0, position), RawLine(_roughen(random, stale), "superseded"))
    for place, number in enumerate(random.sample(range(9001, 9999), 2 + 2 * level)):
        order, earliest = random.choice(orders), 0
        if place == 0:  # whoever removes repeats before rejecting loses this order
            earliest = 1 + max(row for row, line in enumerate(lines) if line.cells[0] == order.order_id)
        else:
            order = order._replace(order_id=f"SO-{number}")
        cells, kind = _roughen(random, order), random.choice(("quantity", "date"))
        if kind == "quantity":
            cells[4] = random.choice(BAD_QUANTITIES)
        else:
            cells[1] = random.choice(BAD_DATES)
        lines.insert(random.randint(earliest, len(lines)), RawLine(cells, kind))
    return lines


def _roughen(random: Random, order: Order) -> list[str]:
    year, month, day = order.date.split("-")
    dates = (order.date, f"{day}/{month}/{year}", f"{int(day)} {MONTHS[int(month) - 1]} {year}")
    whole, cents = divmod(order.unit_cents, 100)
    prices = (money(order.unit_cents), f"EUR {money(order.unit_cents)}", f"{whole:,}.{cents:02d}")
    region = random.choice((order.region, order.region.lower(), order.region.upper(), f" {order.region} "))
    product = random.choice((order.product, order.product, f"{order.product} ", order.product.upper()))
    return [order.order_id, random.choice(dates), region, product, str(order.quantity), random.choice(prices)]


def _raw_file(random: Random, path: str, raw: list[RawLine]) -> File:
    header = random.choice(("Order ID,Order Date,Region,Product,Qty,Unit Price", "id,ordered,area,item,pieces,price"))
    rows = [",".join(f'"{cell}"' if "," in cell else cell for cell in line.cells) for line in raw]
    return text_file(path, "\n".join([header, *rows]) + "\n")


def _brief(setting: Setting, source: str, clean: str) -> str:
    return f"""\
`{source}` is a sales export that three offices filled in, each in its own way. Its columns are order id, order date,
region, product, quantity and unit price, in this order, below one header line. Dates come as `2025-03-09`,
`09/03/2025`
(day first) or `9 Mar 2025`; prices may carry `EUR` or commas between thousands; cells may have stray blanks around
them and any casing.

Write `{clean}` with the header `{",".join(COLUMNS)}` and these rules:
- `date` is ISO (`YYYY-MM-DD`), `region` has a capital first letter and is otherwise lower case, `product` is lower
  case; no cell has blanks around it.
- `unit_price` and `amount` (quantity times unit price) have exactly two decimals and no thousands separator.
- A line is rejected if its date is not a real calendar date in one of the three styles, or its quantity is not a
  whole
  number of at least 1.
- If several lines that are not rejected share an order id, only the last of them in the export counts.
- Rows are sorted by date, then by order id as text.

Write `{setting.folder}/rejected.csv` with the header `order_id,reason`, one row for each rejected line in the order
of the export;
the reason is `date` or `quantity` (no line has both faults). Write `{setting.folder}/counts.json`, an object with
the integers `lines`
(data lines in the export), `rejected`, `superseded` (lines dropped because a later one has the same order id) and
`kept`."""


def _steps(random: Random, setting: Setting, source: str, clean: str, raw: list[RawLine]) -> tuple[Step, ...]:
    script = f"{setting.folder}/clean_orders.py"
    look = Step(
        analysis=random.choice(
            (
                f"The export at {source} mixes conventions, so I want to see real lines before I write a parser for "
                "it.",
                "Three offices wrote this export in three styles. I should look at the actual variety of dates and "
                "prices instead of trusting the description alone.",
                f"Before cleaning {source} I need its header, its size and a feeling for the odd cells.",
            )
        ),
        plan=random.choice(
            (
                "Show the first lines, count the lines, and list the distinct quantities to spot the bad ones.",
                "Print the head of the file and its length, then tabulate the quantity column.",
            )
        ),
        commands=(
            run(f"head -n 12 {source}"),
            run(f"wc -l {source}"),
            run(f"awk -F, 'NR > 1 {{print $5}}' {source} | sort | uniq -c | sort -rn | head -n 15"),
        ),
    )
    clean_up = Step(
        analysis=random.choice(
            (
                f"The file has {len(raw)} data lines. Dates come in three styles, prices sometimes carry EUR or "
                "quoted thousands, and quantities such as empty cells or words are unusable, so a proper CSV reader "
                "is the safe choice.",
                "The lines look as described: quoted prices with commas rule out splitting at commas, and repeated "
                "order ids mean that the last accepted line has to win. A short Python program with the csv module "
                "handles all of it.",
            )
        ),
        plan=random.choice(
            (
                "Write a program that tries the three date styles, rejects before it removes repeats, and writes the "
                "three files. Then run it.",
                "Put the rules into one script: parse, reject, keep the last line per order in a dict, sort, write. "
                "Run it once.",
            )
        ),
        commands=(write(script, _script(setting, source, clean)), run(f"python3 {script}", 2.0)),
    )
    rejected = sum(line.kind in ("date", "quantity") for line in raw)
    check = Step(
        analysis=random.choice(
            (
                f"The script ran. I expect {rejected} rejected lines; the counts should add up to {len(raw)}.",
                "No error was printed. The three outputs still need a look: sums of the counts, order of rows, two "
                "decimals.",
            )
        ),
        plan="Read the counts, the rejected lines and the first cleaned rows.",
        commands=(
            run(f"cat {setting.folder}/counts.json"),
            run(f"cat {setting.folder}/rejected.csv"),
            run(f"head -n 6 {clean}"),
        ),
    )
    return look, clean_up, check


def _script(setting: Setting, source: str, clean: str) -> str:
    return f'''
import csv
import json
from datetime import datetime


def iso(text):
    for style in ("%Y-%m-%d", "%d/%m/%Y", "%d %b %Y"):
        try:
            return datetime.strptime(text, style).date().isoformat()
        except ValueError:
            pass
    return None


rejected, latest, lines = [], {{}}, 0
with open("{source}", newline="") as export:
    for cells in list(csv.reader(export))[1:]:
        order_id, day, region, product, quantity, price = [cell.strip() for cell in cells]
        lines += 1
        if iso(day) is None:
            rejected.append([order_id, "date"])
        elif not quantity.isdigit() or int(quantity) < 1:
            rejected.append([order_id, "quantity"])
        else:
            cents = round(float(price.replace("EUR", "").replace(",", "")) * 100)
            names = [region.capitalize(), product.lower()]
            prices = [f"{{cents / 100:.2f}}", f"{{int(quantity) * cents / 100:.2f}}"]
            latest[order_id] = [order_id, iso(day), *names, quantity, *prices]

kept = sorted(latest.values(), key=lambda row: (row[1], row[0]))
for path, header, rows in (
    ("{clean}", "{",".join(COLUMNS)}", kept),
    ("{setting.folder}/rejected.csv", "order_id,reason", rejected),
):
    with open(path, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
superseded = lines - len(rejected) - len(kept)
counts = {{"lines": lines, "rejected": len(rejected), "superseded": superseded, "kept": len(kept)}}
with open("{setting.folder}/counts.json", "w") as out:
    json.dump(counts, out)
'''


def _checks(setting: Setting, kept: Orders, raw: list[RawLine]) -> tuple[Check, ...]:
    rejected = [[line.cells[0], line.kind] for line in raw if line.kind in ("date", "quantity")]
    superseded = sum(line.kind == "superseded" for line in raw)
    counts = {"lines": len(raw), "rejected": len(rejected), "superseded": superseded, "kept": len(kept.rows)}
    rows = [order.row() for order in kept.rows]
    return (
        Check(
            "header_and_order_ids",
            f"rows = table({kept.path!r})\nassert rows[0] == {list(COLUMNS)!r}\n"
            f"assert [row[0] for row in rows[1:]] == {literal([row[0] for row in rows])}",
        ),
        Check("every_cell", f"assert cells({kept.path!r})[1:] == {literal(rows)}", 3.0),
        Check(
            "rejected_lines",
            f"assert table({setting.folder + '/rejected.csv'!r}) == {literal([['order_id', 'reason'], *rejected])}",
            2.0,
        ),
        Check("counts", f"assert_same(document({setting.folder + '/counts.json'!r}), {literal(counts)})"),
    )


SKILL = Skill(
    name="data-processing/clean-orders",
    domain="data-processing",
    folders=("sales", "export", "orders", "intake"),
    tools=("python3", "cat", "head", "wc", "awk", "sort", "uniq"),
    make=make,
    offers=(Orders, Table),
)
