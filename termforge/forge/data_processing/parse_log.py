"""Data processing: a service log in two formats, with noise between, becomes one table of requests (perl)."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SERVICES = ("checkout", "search", "login", "basket", "invoice", "profile", "stock", "mailer")
NOISE = (
    "    at com.example.Pool.borrow(Pool.java:{n})",
    "# rotated after {n} lines",
    "WARN pool exhausted, {n} waiting",
    "[{n}/Mar/2025] truncated",
    "2025-03-04T10:15:02Z INFO {n} no request id",
)


class Request(NamedTuple):
    key: str
    date: str
    """ISO."""
    clock: str
    service: str
    status: int
    ms: int

    @property
    def row(self) -> tuple[str, ...]:
        return self.key, self.date, self.service, str(self.status), str(self.ms)


def make(random: Random, setting: Setting) -> Fragment:
    log = f"{setting.folder}/{random.choice(('gateway', 'frontend', 'api', 'edge'))}.log"
    slow = random.choice((250, 400, 500, 750))
    requests = _draw(random, 10 + 10 * setting.level, slow)
    noise = [random.choice(NOISE).format(n=random.randint(10, 99)) for _ in range(3 + 2 * setting.level)]
    table = Table(
        f"{setting.folder}/requests.csv",
        (
            Column("request", "key"),
            Column("date", "date"),
            Column("service", "word"),
            Column("status", "whole"),
            Column("ms", "whole"),
        ),
        tuple(request.row for request in requests),
    )
    return Fragment(
        title="Turn the service log into a table",
        brief=_brief(setting.folder, log, slow),
        files=(text_file(log, _interleaved(random, requests, noise)),),
        steps=_steps(random, setting.folder, log, slow),
        checks=_checks(setting.folder, table, requests, noise, slow),
        outputs=(table.path, f"{setting.folder}/other.log", f"{setting.folder}/slow.csv"),
        offers=(table,),
    )


def _draw(random: Random, count: int, slow: int) -> list[Request]:
    """In the order of the log; some requests take exactly as long as a slow one, or a millisecond less.

    The longest requests of all are two of the same service.
    """
    services = random.sample(SERVICES, 4)
    year, month = random.choice((2023, 2024, 2025)), random.randint(1, 12)
    times = [slow, slow - 1, slow + 1] + [random.randint(4, 2400) for _ in range(count - 5)]
    times, longest, place = random.sample(times, count - 2), random.randint(2401, 2900), random.randrange(count - 4)
    for twin in (place, place + len(services)):
        times.insert(twin, longest)
    requests = []
    for number, ms in enumerate(times):
        key = f"r{random.randint(16, 255):02x}{number:03d}"
        date = f"{year}-{month:02d}-{1 + number * 27 // count:02d}"
        clock = f"{random.randrange(24):02d}:{random.randrange(60):02d}:{random.randrange(60):02d}"
        status = random.choice((200, 200, 201, 304, 404, 499, 500, 503))
        requests.append(Request(key, date, clock, services[number % len(services)], status, ms))
    return requests


def _interleaved(random: Random, requests: list[Request], noise: list[str]) -> str:
    """Noise keeps its order; both formats occur."""
    formats = [_new_style, _old_style]
    lines = [formats[(number + random.randrange(2)) % 2](request) for number, request in enumerate(requests[2:])]
    lines = [_new_style(requests[0]), _old_style(requests[1]), *lines]
    places = sorted(random.randrange(len(lines) + 1) for _ in noise)
    for place, line in reversed(list(zip(places, noise, strict=True))):
        lines.insert(place, line)
    return "".join(f"{line}\n" for line in lines)


def _new_style(request: Request) -> str:
    stamp = f"{request.date}T{request.clock}Z"
    return f"{stamp} INFO [{request.key}] {request.service} took {request.ms}ms status={request.status}"


def _old_style(request: Request) -> str:
    year, month, day = request.date.split("-")
    stamp = f"[{day}/{MONTHS[int(month) - 1]}/{year}:{request.clock} +0000]"
    seconds = f"{request.ms // 1000}.{request.ms % 1000:03d}"
    return f'{stamp} {request.key} "GET /{request.service}" {request.status} {seconds}'


def _brief(folder: str, log: str, slow: int) -> str:
    return f"""\
Two versions of a service wrote into `{log}` at the same time, so that requests stand there in two formats:

    2025-03-04T10:15:02Z INFO [r8f001] checkout took 231ms status=200
    [04/Mar/2025:10:15:02 +0000] r8f001 "GET /checkout" 200 0.231

The second format gives the duration in seconds. All other lines are no requests.

- `{folder}/requests.csv` has the header `request,date,service,status,ms` and one row for each request in the order
of the log: the date is ISO, `ms` the duration in whole milliseconds without leading zeros.
- `{folder}/other.log` holds the lines that are no requests, unchanged and in their order.
- `{folder}/slow.csv` has the header `service,slow,worst`: for each service with at least one request of {slow} ms
or more, how many such requests it has and the id of its longest request (of equally long ones the first in the log),
sorted by service."""


def _steps(random: Random, folder: str, log: str, slow: int) -> tuple[Step, ...]:
    script = f"{folder}/parse.pl"
    return (
        step(
            random,
            (
                f"I need to see how the two formats and the noise look in {log}.",
                "The description gives one line of each format; the real log may have more surprises.",
            ),
            ("Print the start of the log and count its lines.", "Look at the head of the log and at its size."),
            run(f"head {log}"),
            run(f"wc -l {log}"),
        ),
        step(
            random,
            (
                "Two regular expressions cover the requests, a table of months turns the old stamps into ISO dates, "
                "and whatever matches neither goes to other.log.",
                "Perl is made for this: one pattern a format, month names by a hash, and the rest is passed on as it "
                "is.",
            ),
            (
                "Write the parser, run it with the three outputs on separate streams, and show the table.",
                "Save the parser as a script, let it split the log, then read the first rows.",
            ),
            write(script, PARSER),
            run(f"perl {script} {log} > {folder}/requests.csv 2> {folder}/other.log"),
            run(f"head {folder}/requests.csv; cat {folder}/other.log"),
        ),
        step(
            random,
            (
                "The table is there. For the slow services I sort by service and falling duration; the sort has to be "
                "stable so that the first of equals wins.",
                "With the table the slow requests are a filter, a stable sort and a count.",
            ),
            ("Filter, sort and count with awk and sort, then show the result.", "Build slow.csv from requests.csv."),
            run(f"echo service,slow,worst > {folder}/slow.csv"),
            run(
                f"awk -F, 'NR > 1 && $5 >= {slow}' {folder}/requests.csv | sort -s -t, -k3,3 -k5,5nr | "
                "awk -F, '{count[$3]++} count[$3] == 1 {worst[$3] = $1} "
                'END {for (name in count) print name "," count[name] "," worst[name]}\' | '
                f"sort >> {folder}/slow.csv"
            ),
            run(f"cat {folder}/slow.csv"),
        ),
    )


PARSER = r"""
use strict;
my $number = 0;
my %month = map { $_ => ++$number } qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
print "request,date,service,status,ms\n";
while (<>) {
    if (/^(\d+-\d+-\d+)T\S+ \w+ \[(\w+)\] (\w+) took (\d+)ms status=(\d+)$/) {
        print "$2,$1,$3,$5,$4\n";
    } elsif (m{^\[(\d+)/(\w+)/(\d+):\S+ \S+\] (\w+) "\w+ /(\w+)" (\d+) (\d+)\.(\d+)$}) {
        printf "%s,%s-%02d-%s,%s,%s,%d\n", $4, $3, $month{$2}, $1, $5, $6, "$7$8";
    } else {
        print STDERR $_;
    }
}
"""


def _checks(folder: str, table: Table, requests: list[Request], noise: list[str], slow: int) -> tuple[Check, ...]:
    slowest = []
    for service in sorted({request.service for request in requests}):
        own = [request for request in requests if request.service == service and request.ms >= slow]
        if own:
            slowest.append([service, str(len(own)), max(own, key=lambda request: request.ms).key])
    rows = [list(row) for row in table.rows]
    return (
        Check("requests", f"assert table({table.path!r}) == {literal([table.header, *rows])}", 3.0),
        Check("other_lines", f"assert lines({folder + '/other.log'!r}) == {literal(noise)}"),
        Check(
            "slow_services",
            f"expected = {literal(slowest)}\n"
            f"found = table({folder + '/slow.csv'!r})\n"
            "assert found[0] == ['service', 'slow', 'worst'], found[0]\n"
            "assert found[1:] == expected",
            2.0,
        ),
    )


SKILL = Skill(
    name="data-processing/parse-log",
    domain="data-processing",
    folders=("service-log", "requests", "traffic", "gateway-log"),
    tools=("perl", "awk", "sort", "head", "cat", "wc"),
    make=make,
    offers=(Table,),
)
