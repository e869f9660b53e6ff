"""Data querying: an SQL dump (and perhaps a CSV from an earlier part) answers a few business questions."""

from collections import defaultdict
from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import NamedTuple

from termforge.forge.orders import CATALOGUE, Order, Orders, draw_orders, money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

MANAGERS = ("Adaeze Obi", "Bruno Keller", "Chiara Conti", "Dmitri Volkov", "Elin Berg", "Farah Aziz", "Gwen Price")


class Data(NamedTuple):
    orders: tuple[Order, ...]
    managers: dict[str, str]
    """Region to manager; one manager may have none of the orders."""
    threshold: int
    """Cents from which an order is a large one."""


class Question(NamedTuple):
    name: str
    """Of the answer's file, without `.csv`."""
    header: str
    asked: str
    query: str
    answer: Callable[[Data], list[list[str]]]


def _by_category(data: Data) -> list[list[str]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for order in data.orders:
        groups[CATALOGUE[order.product]].append(order.cents)
    ranked = sorted(groups.items(), key=lambda group: (-sum(group[1]), group[0]))
    return [[name, str(len(cents)), money(sum(cents))] for name, cents in ranked]


def _best_sellers(data: Data) -> list[list[str]]:
    pieces: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for order in data.orders:
        pieces[order.region][order.product] += order.quantity
    best = {region: min(sold.items(), key=lambda item: (-item[1], item[0])) for region, sold in pieces.items()}
    return [[region, best[region][0], str(best[region][1])] for region in sorted(best)]


def _by_month(data: Data) -> list[list[str]]:
    months: dict[str, int] = defaultdict(int)
    for order in data.orders:
        months[order.month] += order.cents
    names = sorted(months)
    running = accumulate(months[name] for name in names)
    return [[name, money(months[name]), money(total)] for name, total in zip(names, running, strict=True)]


def _large_orders(data: Data) -> list[list[str]]:
    large = dict.fromkeys(data.managers.values(), 0)
    for order in data.orders:
        large[data.managers[order.region]] += order.cents >= data.threshold
    return [[name, str(large[name])] for name in sorted(large)]


QUESTIONS = (
    Question(
        "category_revenue",
        "category,orders,revenue",
        "for each product category with at least one order, the number of orders and the revenue; greatest revenue "
        "first, equal ones by name",
        "SELECT category, COUNT(*), printf('%.2f', SUM(quantity * unit_cents) / 100.0) FROM orders JOIN products "
        "USING (product) GROUP BY category ORDER BY SUM(quantity * unit_cents) DESC, category",
        _by_category,
    ),
    Question(
        "best_sellers",
        "region,product,pieces",
        "for each region with orders, the product of which most pieces were sold there (of equal ones the first by "
        "name) and how many; sorted by region",
        "SELECT region, product, pieces FROM (SELECT region, product, SUM(quantity) AS pieces, ROW_NUMBER() OVER "
        "(PARTITION BY region ORDER BY SUM(quantity) DESC, product) AS place FROM orders GROUP BY region, product) "
        "WHERE place = 1 ORDER BY region",
        _best_sellers,
    ),
    Question(
        "monthly_revenue",
        "month,revenue,running_total",
        "for each month (`YYYY-MM`) with orders, its revenue and the running total up to and including it; sorted by "
        "month",
        "SELECT month, printf('%.2f', cents / 100.0), printf('%.2f', SUM(cents) OVER (ORDER BY month) / 100.0) FROM "
        "(SELECT substr(ordered, 1, 7) AS month, SUM(quantity * unit_cents) AS cents FROM orders GROUP BY 1) ORDER "
        "BY month",
        _by_month,
    ),
    Question(
        "large_orders",
        "manager,large_orders",
        "for each manager in `regions`, also one without any, how many orders of their region amount to at least "
        "{threshold}; "
        "sorted by manager",
        "SELECT manager, COUNT(order_id) FROM regions LEFT JOIN orders ON orders.region = regions.region AND "
        "quantity * unit_cents >= {cents} GROUP BY manager ORDER BY manager",
        _large_orders,
    ),
)


def make(random: Random, setting: Setting) -> Fragment:
    given = _given(setting)
    orders = given.rows if given else _with_ties(random, draw_orders(random, 20 + 20 * setting.level))
    regions = [*sorted({order.region for order in orders}), "Overseas"]
    managers = dict(zip(regions, random.sample(MANAGERS, len(regions)), strict=True))
    amounts = sorted(order.cents for order in orders)
    data = Data(orders, managers, amounts[random.randrange(len(amounts) // 2, len(amounts) - 2)])
    questions = random.sample(QUESTIONS, min(setting.level + 1, len(QUESTIONS)))
    dump = f"{setting.folder}/{random.choice(('shop', 'warehouse', 'catalogue'))}.sql"
    return Fragment(
        title="Answer questions from the database dump",
        brief=_brief(setting, dump, data, questions),
        files=(text_file(dump, _dump(random, data, with_orders=given is None)),),
        steps=_steps(random, setting, dump, data, questions),
        checks=tuple(_check(setting, data, question) for question in questions),
        outputs=tuple(f"{setting.folder}/{question.name}.csv" for question in questions),
    )


def _with_ties(random: Random, orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """With two products that lead a region alike, and two categories of the same revenue."""
    region, elsewhere = random.sample(sorted({order.region for order in orders}), 2)
    orders = _leading_alike(orders, region)
    revenue = dict.fromkeys((CATALOGUE[order.product] for order in orders), 0)
    for order in orders:
        revenue[CATALOGUE[order.product]] += order.cents
    lower, upper = sorted(revenue, key=lambda category: revenue[category])[-2:]
    like = next(order for order in orders if CATALOGUE[order.product] == lower)
    more = like._replace(region=elsewhere, quantity=1, unit_cents=revenue[upper] - revenue[lower])
    return _and_one(orders, more)


def _leading_alike(orders: tuple[Order, ...], region: str) -> tuple[Order, ...]:
    pieces = dict.fromkeys((order.product for order in orders), 0)
    for order in orders:
        pieces[order.product] += order.quantity if order.region == region else 0
    second, best = sorted(pieces, key=lambda product: pieces[product])[-2:]
    like = next(order for order in orders if order.product == second)
    return _and_one(orders, like._replace(region=region, quantity=pieces[best] - pieces[second]))


def _and_one(orders: tuple[Order, ...], more: Order) -> tuple[Order, ...]:
    """With a further order, unless it is for nothing."""
    last = max(int(order.order_id.removeprefix("SO-")) for order in orders)
    return (*orders, more._replace(order_id=f"SO-{last + 5}")) if more.cents else orders


def _given(setting: Setting) -> Orders | None:
    return setting.given if isinstance(setting.given, Orders) else None


def _dump(random: Random, data: Data, *, with_orders: bool) -> str:
    """Tables as text: a database file would differ between SQLite versions."""
    products = sorted({order.product for order in data.orders})
    rows = [f"INSERT INTO products VALUES ('{product}', '{CATALOGUE[product]}');" for product in products]
    rows += [f"INSERT INTO regions VALUES ('{region}', '{name}');" for region, name in data.managers.items()]
    tables = [
        "CREATE TABLE products (product TEXT PRIMARY KEY, category TEXT NOT NULL);",
        "CREATE TABLE regions (region TEXT PRIMARY KEY, manager TEXT NOT NULL);",
    ]
    if with_orders:
        tables.append(
            "CREATE TABLE orders (order_id TEXT PRIMARY KEY, ordered TEXT NOT NULL, region TEXT NOT NULL, product "
            "TEXT NOT NULL, quantity INTEGER NOT NULL, unit_cents INTEGER NOT NULL);"
        )
        rows += [
            f"INSERT INTO orders VALUES ('{o.order_id}', '{o.date}', '{o.region}', '{o.product}', {o.quantity}, "
            f"{o.unit_cents});"
            for o in random.sample(data.orders, len(data.orders))
        ]
    return "\n".join(["BEGIN TRANSACTION;", *tables, *rows, "COMMIT;"]) + "\n"


def _brief(setting: Setting, dump: str, data: Data, questions: list[Question]) -> str:
    given = _given(setting)
    source = (
        f"`{dump}` is an SQLite dump with the tables `products` (product, category) and `regions` (region, manager). "
        f"The orders are those in `{given.path}`, the table that another part of this job produces."
        if given
        else f"`{dump}` is an SQLite dump with the tables `products` (product, category), `regions` (region, manager) "
        "and `orders` (order_id, ordered, region, product, quantity, unit_cents: the price of a piece in cents)."
    )
    asked = "\n".join(
        f"- `{question.name}.csv` with the header `{question.header}`: {_filled(question.asked, data)}."
        for question in questions
    )
    return f"""\
{source}

Write these CSV files into `{setting.folder}`. The amount of an order is quantity times unit price, revenue is the
sum of amounts; money is
written in full units with exactly two decimals and no thousands separator.
{asked}"""


def _filled(text: str, data: Data) -> str:
    return text.replace("{threshold}", money(data.threshold)).replace("{cents}", str(data.threshold))


def _steps(random: Random, setting: Setting, dump: str, data: Data, questions: list[Question]) -> tuple[Step, ...]:
    script = f"{setting.folder}/answers.py"
    look = Step(
        analysis=random.choice(
            (
                f"The questions need joins, so I first check which tables and columns {dump} really defines.",
                "I know the tables only from the description. Their definitions and a few rows tell me the exact "
                "column names.",
            )
        ),
        plan=random.choice(
            ("Print the CREATE TABLE lines and a sample of the inserts.", "Grep the schema, then view some rows.")
        ),
        commands=(
            run(f"grep -n 'CREATE TABLE' {dump}"),
            run(f"grep -c 'INSERT INTO' {dump}"),
            run(f"sed -n '4,9p' {dump}"),
        ),
    )
    names = ", ".join(f"{question.name}.csv" for question in questions)
    answer = Step(
        analysis=random.choice(
            (
                "The schema is small and Python's sqlite3 module can load the dump into memory, so plain SQL answers "
                "everything.",
                "Everything fits into an in-memory SQLite database. Keeping the money in integer cents until the "
                "very end avoids rounding trouble.",
            )
        ),
        plan=random.choice(
            (
                f"Write a script that loads the data, runs one query per question and saves {names}; then run it and "
                "read the results.",
                f"One query for each of {names}, collected in a script, so that the answers can be made again. Show "
                "the files after it.",
            )
        ),
        commands=(
            write(script, _script(setting, dump, data, questions)),
            run(f"python3 {script}", 2.0),
            *(run(f"head -n 8 {setting.folder}/{question.name}.csv") for question in questions),
        ),
    )
    return look, answer


def _script(setting: Setting, dump: str, data: Data, questions: list[Question]) -> str:
    given = _given(setting)
    load = (
        f'''
db.execute("CREATE TABLE orders (order_id, ordered, region, product, quantity INTEGER, unit_cents INTEGER)")
with open("{given.path}", newline="") as table:
    for row in csv.DictReader(table):
        cents = round(float(row["unit_price"]) * 100)
        values = (row["order_id"], row["date"], row["region"], row["product"], int(row["quantity"]), cents)
        db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", values)
'''
        if given
        else ""
    )
    saves = "\n".join(
        f'save("{question.name}", "{question.header}", """\n{_folded(_filled(question.query, data))}\n""")'
        for question in questions
    )
    return f'''
import csv
import sqlite3

db = sqlite3.connect(":memory:")
with open("{dump}") as dump:
    db.executescript(dump.read())
{load}

def save(name, header, query):
    with open(f"{setting.folder}/{{name}}.csv", "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\\n")
        writer.writerow(header.split(","))
        writer.writerows(db.execute(query))


{saves}
'''


def _folded(query: str) -> str:
    for word in ("FROM", "JOIN", "LEFT", "WHERE", "GROUP", "ORDER BY SUM(quantity * unit"):
        query = query.replace(f" {word} ", f"\n{word} ")
    return query.replace("LEFT\nJOIN", "LEFT JOIN")


def _check(setting: Setting, data: Data, question: Question) -> Check:
    expected = [question.header.split(","), *question.answer(data)]
    path = f"{setting.folder}/{question.name}.csv"
    return Check(question.name, f"assert table({path!r}) == {literal(expected)}", 2.0)


SKILL = Skill(
    name="data-querying/sql-dump",
    domain="data-querying",
    folders=("reporting", "questions", "warehouse", "insight"),
    tools=("python3", "cat", "grep", "sed", "head"),
    make=make,
    reads=Orders,
)
