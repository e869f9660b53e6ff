"""Skills of the data domains: in every seed the drawn data decide the rules that the instruction states."""

import csv
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from random import Random

from termforge.forge.artifacts import Table
from termforge.forge.catalogue import SKILLS
from termforge.forge.data_processing.clean_orders import BAD_DATES, BAD_QUANTITIES
from termforge.forge.orders import Orders, money
from termforge.forge.skill import Fragment, Setting

SEEDS = range(30)


def parts(name: str) -> Iterator[Fragment]:
    (skill,) = (skill for skill in SKILLS if skill.name == name)
    for seed in SEEDS:
        yield skill.make(Random(seed), Setting("/app/part", 1 + seed % 3))


def text(part: Fragment, ending: str) -> str:
    (file,) = (file for file in part.files if file.path.endswith(ending))
    return file.content.decode()


def rows(source: str) -> list[list[str]]:
    return list(csv.reader(source.splitlines()))


def offered(part: Fragment) -> list[list[str]]:
    (table,) = (artifact for artifact in part.offers if isinstance(artifact, Table))
    return [list(row) for row in table.rows]


def database(part: Fragment) -> sqlite3.Connection:
    loaded = sqlite3.connect(":memory:")
    (dump,) = (file for file in part.files if re.fullmatch(r"/app/part/\w+\.sql", file.path))
    loaded.executescript(dump.content.decode())
    return loaded


def test_amounts_below_nothing_keep_their_sign() -> None:
    assert [money(cents) for cents in (-111, -100, -11, 0, 7, 250)] == [
        "-1.11",
        "-1.00",
        "-0.11",
        "0.00",
        "0.07",
        "2.50",
    ]


def test_clean_orders_rejects_a_later_line_of_an_order_that_stays() -> None:
    for part in parts("data-processing/clean-orders"):
        (orders,) = (artifact for artifact in part.offers if isinstance(artifact, Orders))
        last = {row[0]: row for row in rows(text(part, "export.csv"))[1:]}
        spoiled = [row for row in last.values() if row[1] in BAD_DATES or row[4] in BAD_QUANTITIES]
        assert len({row[0] for row in spoiled} & {order.order_id for order in orders.rows}) == 1


def test_sessionize_has_a_user_who_goes_on_over_midnight() -> None:
    for part in parts("data-processing/sessionize"):
        minutes = int(re.search(r"at most (\d+) minutes", part.brief)[1])  # type: ignore[index]
        ends: list[dict[str, list[int]]] = []
        for file in part.files:
            times = defaultdict(list)
            for line in file.content.decode().splitlines():
                clock, user, _ = line.split()
                hour, minute, second = map(int, clock.split(":"))
                times[user].append(3600 * hour + 60 * minute + second)
            ends.append(times)
        evening, morning = ends
        assert [user for user in evening if min(morning[user]) + 86400 - max(evening[user]) <= 60 * minutes]


def test_parse_log_has_two_longest_requests_of_one_service() -> None:
    for part in parts("data-processing/parse-log"):
        requests = offered(part)
        longest = max(int(row[4]) for row in requests)
        assert list(Counter(row[2] for row in requests if int(row[4]) == longest).values()) == [2]


def test_pivot_has_three_equal_sums() -> None:
    for part in parts("data-processing/pivot"):
        sums: Counter[tuple[str, str]] = Counter()
        for _, date, group, value in rows(part.files[0].content.decode())[1:]:
            sums[group, date[:7]] += int(value.replace(".", ""))
        assert max(Counter(sums.values()).values()) >= 3


def test_bill_of_materials_asks_for_a_piece_on_two_levels_and_in_an_unused_assembly() -> None:
    climbing = """
        WITH RECURSIVE above(part, levels) AS (
            SELECT ?, 0 UNION SELECT parent, levels + 1 FROM above JOIN contains ON contains.part = above.part
        ) SELECT part, min(levels), max(levels) FROM above GROUP BY part
    """
    for part in parts("data-querying/bill-of-materials"):
        asked = re.search(r"part `(P\d\d)`", " ".join(part.brief.split()))[1]  # type: ignore[index]
        found = {name: (least, most) for name, least, most in database(part).execute(climbing, [asked])}
        assert "P28" in found
        assert any(least < most for name, (least, most) in found.items() if name != "P28")


def test_sql_dump_has_ties_between_categories_and_between_best_sellers() -> None:
    for part in parts("data-querying/sql-dump"):
        loaded = database(part)
        revenue = loaded.execute(
            "SELECT sum(quantity * unit_cents) FROM orders JOIN products USING (product) GROUP BY category"
        )
        assert max(Counter(revenue.fetchall()).values()) > 1
        sold = loaded.execute("SELECT region, sum(quantity) FROM orders GROUP BY region, product ORDER BY region")
        regions = [sorted(pieces for _, pieces in group) for _, group in groupby(sold, key=lambda row: row[0])]
        assert any(pieces[-1] == pieces[-2] for pieces in regions if len(pieces) > 1)


def test_repair_queries_has_a_seat_that_costs_nothing() -> None:
    for part in parts("data-querying/repair-queries"):
        free = database(part).execute(
            "SELECT * FROM courses JOIN seats_taken ON course = courses.id WHERE fee IS NULL AND person IS NOT NULL"
        )
        assert free.fetchall()


def test_streaks_has_two_longest_ones_for_each_of_two() -> None:
    for part in parts("data-querying/streaks"):
        days = [(row[1], int(row[4])) for row in offered(part)]
        longest = Counter(who for who, length in days if length == max(length for _, length in days))
        assert list(longest.values()) == [2, 2]


def test_fill_gaps_has_a_group_without_any_value_for_median_and_mode() -> None:
    met = set()
    for part in parts("data-science/fill-gaps"):
        header, *table = rows(part.files[0].content.decode())
        groups = {row[1] for row in table}
        for name, rule in re.findall(r"- `(\w+)`: the (median|most frequent)", part.brief):
            met.add(rule)
            assert groups - {row[1] for row in table if row[header.index(name)].isdigit()}
    assert met == {"median", "most frequent"}
