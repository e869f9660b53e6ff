"""Shell pipelines with a manual and the faults that a repair task puts into them; each has a reference in Python."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple


class Fault(NamedTuple):
    name: str
    """Of the file."""
    right: str
    wrong: str
    cause: str


class Pipeline(NamedTuple):
    files: dict[str, str]
    """By name; `run.sh` reads standard input and writes standard output."""
    manual: str
    faults: tuple[Fault, ...]
    """Each shows in the output for every drawn input, alone and with any others."""
    draw: Callable[[Random, int], list[str]]
    reference: Callable[[list[str]], list[str]]


RATES = {"basic": (9, 60), "flex": (15, 30), "solo": (21, 0), "team": (5, 120)}
"""Cents for a minute and free minutes."""

BILLING = Pipeline(
    files={
        "run.sh": """\
set -eu
export LC_ALL=C
cd "$(dirname "$0")"
sed -f clean.sed |
    sort -t, -k2,2 |
    join -t, -1 2 -2 1 - rates.csv |
    awk -F, -f charge.awk |
    sort -t, -k3,3nr -k1,1
""",
        "clean.sed": """\
/^#/d
/^ *$/d
s/ *, */,/g
""",
        "charge.awk": """\
{
    billed = $3 > $5 ? $3 - $5 : 0
    calls[$2]++
    cents[$2] += billed * $4
}
END { for (customer in calls) print customer "," calls[customer] "," cents[customer] }
""",
        "rates.csv": "".join(f"{plan},{cents},{free}\n" for plan, (cents, free) in sorted(RATES.items())),
    },
    manual="""\
Each input line is `customer,plan,minutes`. Empty lines and lines that start with `#` are skipped; blanks around commas
do not count. `rates.csv` has plan, cents a minute and free minutes: of each line the minutes beyond the free ones are
charged, never less than none; lines with a plan that is not in it are dropped. Output: `customer,lines,cents`, most
cents first, equal ones by customer.
""",
    faults=(
        Fault("run.sh", "-k3,3nr", "-k3,3r", "the last sort compares amounts as text"),
        Fault("run.sh", "sort -t, -k2,2 |", "sort -t, -k1,1 |", "join gets lines that are not sorted by plan"),
        Fault("clean.sed", "/^#/d", "/#/d", "lines with a # anywhere are dropped"),
        Fault("clean.sed", "s/ *, */,/g", "s/ *, */,/1", "only the first comma of a line is cleaned"),
        Fault("charge.awk", "billed = $3 > $5 ? $3 - $5 : 0", "billed = $3 - $5", "unused free minutes are refunded"),
    ),
    draw=lambda random, size: _draw_calls(random, size),
    reference=lambda given: _charge(given),
)


def _draw_calls(random: Random, size: int) -> list[str]:
    """Customer K has the fewest cents but the greatest first digit; unit # has a # in its name."""
    lines = [
        "kilo , solo , 4",
        "lima,flex , 90",
        "unit #4,team,300",
        "mike,basic, 40",
        "mike , solo,100",
        "nora,gold,7",
    ]
    for _ in range(size):
        gap = random.choice(("", " "))
        customer = random.choice(("lima", "mike", "oscar", "papa", "unit #4"))
        lines.append(f"{customer}{gap},{random.choice(sorted(RATES))}{gap},{gap}{random.randint(31, 400)}")
    lines = random.sample(lines, len(lines))
    return ["quito,solo,8", "romeo , basic,70", "", "# second sheet", *lines]


def _charge(given: list[str]) -> list[str]:
    sums: dict[str, list[int]] = {}
    for line in given:
        if line.strip() and not line.startswith("#"):
            customer, plan, minutes = (cell.strip() for cell in line.split(","))
            if plan in RATES:
                cents, free = RATES[plan]
                total = sums.setdefault(customer, [0, 0])
                total[:] = [total[0] + 1, total[1] + cents * max(0, int(minutes) - free)]
    ranked = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    return [f"{customer},{lines},{cents}" for customer, (lines, cents) in ranked]


BOTS = ("crawlbot", "monitor/2", "spider")

TRAFFIC = Pipeline(
    files={
        "run.sh": """\
set -eu
export LC_ALL=C
cd "$(dirname "$0")"
grep -v -i -F -f bots.txt |
    awk -f pages.awk |
    sort -u |
    cut -d ' ' -f 1,3 |
    awk '{ seen[$1]++; bytes[$1] += $2 } END { for (page in seen) print seen[page], bytes[page], page }' |
    sort -k1,1nr -k3,3
""",
        "bots.txt": "".join(f"{bot}\n" for bot in BOTS),
        "pages.awk": """\
$3 == "GET" && $5 ~ /^2/ {
    page = tolower($4)
    sub(/[?].*/, "", page)
    if (page != "/") sub(/\\/$/, "", page)
    print page, $2, $6
}
""",
    },
    manual="""\
Each input line is `time address method path status bytes agent`. Lines whose text contains an entry of `bots.txt`, in
any casing, do not count, nor do methods other than GET and statuses other than 200 to 299. Paths are compared in lower
case, without anything from `?` on and without a `/` at the end (but `/` alone stays). The same address and number of
bytes counts once for each page. Output: `views bytes page` for each page, most views first, equal ones by page.
""",
    faults=(
        Fault("run.sh", "grep -v -i -F", "grep -v -F", "agents in other casing are not recognised as bots"),
        Fault("run.sh", "-f 1,3", "-f 1,2", "the address is summed in place of the bytes"),
        Fault("run.sh", "sort -u |", "sort |", "repeated requests are counted again"),
        Fault("pages.awk", "$5 ~ /^2/", "$5 ~ /2/", "statuses such as 302 count as well"),
        Fault("pages.awk", "[?].*", "[?]$", "only a question mark at the end is removed from a path"),
        Fault("pages.awk", "page = tolower($4)", "page = $4", "paths keep their casing"),
    ),
    draw=lambda random, size: _draw_requests(random, size),
    reference=lambda given: _count_pages(given),
)


def _draw_requests(random: Random, size: int) -> list[str]:
    pages = ("/", "/News", "/news/", "/shop?item=7", "/shop", "/About/?lang=en", "/team")
    lines = [
        "07:58 10.0.0.4 GET /jobs/ 200 111 Safari",
        "07:59 10.0.0.4 GET /maps 200 640 Safari",
        "08:00 10.0.0.1 GET /News 200 410 Firefox",
        "08:00 10.0.0.1 GET /shop?item=9 200 300 Firefox",
        "08:01 10.0.0.1 GET /news 200 410 Safari",
        "08:02 10.0.0.2 GET /team 302 77 Firefox",
        "08:03 10.0.0.3 GET /team 200 520 CrawlBot",
        "08:03 10.0.0.3 GET /team 201 90 Edge",
    ]
    for _ in range(size):
        clock = f"{random.randint(9, 23):02d}:{random.randrange(60):02d}"
        method, status = random.choice(("GET", "GET", "GET", "POST")), random.choice((200, 200, 204, 404, 502))
        agent = random.choice(("Firefox", "Safari", "Monitor/2", "curl"))
        address = f"10.0.0.{random.randint(1, 9)}"
        lines.append(f"{clock} {address} {method} {random.choice(pages)} {status} {random.randint(50, 999)} {agent}")
    return lines


def _count_pages(given: list[str]) -> list[str]:
    views: dict[tuple[str, str, str], None] = {}
    for line in given:
        _, address, method, path, status, size, _ = line.split(" ")
        if method == "GET" and status.startswith("2") and not any(bot in line.lower() for bot in BOTS):
            page = path.lower().split("?")[0]
            views[page if page == "/" else page.removesuffix("/"), address, size] = None
    pages: dict[str, list[int]] = {}
    for page, _, size in views:
        pages.setdefault(page, []).append(int(size))
    ranked = sorted(pages.items(), key=lambda item: (-len(item[1]), item[0]))
    return [f"{len(sizes)} {sum(sizes)} {page}" for page, sizes in ranked]


PIPELINES = {"billing": BILLING, "traffic": TRAFFIC}
