"""Debugging: an awk filter of a gateway log whose patterns match too much or too little."""

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

SERVICES = ("catalog", "tickets", "maps", "profiles", "invoices", "uploads", "search")


class Theme(NamedTuple):
    methods: tuple[str, str]
    look_alikes: tuple[str, str]
    """Methods that contain one of the two."""
    endings: tuple[str, str, str]


THEMES = (
    Theme(("GET", "POST"), ("MGET", "POSTX"), ("css", "js", "png")),
    Theme(("PUT", "HEAD"), ("INPUT", "HEADER"), ("svg", "map", "ico")),
    Theme(("READ", "LIST"), ("THREAD", "LISTEN"), ("txt", "xml", "gz")),
    Theme(("COPY", "MOVE"), ("XCOPY", "REMOVE"), ("bak", "tmp", "log")),
)


class Request(NamedTuple):
    method: str
    path: str
    status: int


class Fault(NamedTuple):
    rule: str
    right: str
    wrong: str
    cause: str
    telling: tuple[Request, ...]
    """Lines that the right and the wrong filter treat differently."""


def _source(theme: Theme) -> str:
    return f"""\
# Requests for a page: count, bytes, page. The rules are in RULES.md.
/^#/ {{ next }}
$3 !~ /^({"|".join(theme.methods)})$/ {{ next }}
$4 ~ /\\.({"|".join(theme.endings)})$/ {{ next }}
$5 !~ /^[23][0-9][0-9]$/ {{ next }}
{{
    page = $4
    sub(/\\?.*$/, "", page)
    sub(/\\/+$/, "", page)
    if (page == "") page = "/"
    hits[page]++
    bytes[page] += $6
}}
END {{
    for (page in hits) print hits[page], bytes[page], page | "sort -k1,1nr -k3"
}}
"""


def _faults(theme: Theme, page: str) -> tuple[Fault, ...]:
    method, other = theme.methods
    endings = "|".join(theme.endings)
    first = theme.endings[0]
    return (
        Fault(
            "whole_method",
            f"$3 !~ /^({method}|{other})$/",
            f"$3 !~ /({method}|{other})/",
            f"the pattern for the method is not anchored, so {theme.look_alikes[0]} passes for {method}",
            tuple(Request(name, f"/{page}", 200) for name in theme.look_alikes),
        ),
        Fault(
            "real_dot",
            f"$4 ~ /\\.({endings})$/",
            f"$4 ~ /.({endings})$/",
            "the dot before the endings is not escaped and stands for any character",
            tuple(Request(method, f"/{page}/old{ending}", 200) for ending in theme.endings),
        ),
        Fault(
            "status_class",
            "$5 !~ /^[23][0-9][0-9]$/",
            "$5 !~ /^[2-5][0-9][0-9]$/",
            "the class for the status also lets 4xx and 5xx through",
            (Request(method, f"/{page}", 404), Request(other, f"/{page}", 503), Request(method, f"/{page}", 199)),
        ),
        Fault(
            "query_string",
            'sub(/\\?.*$/, "", page)',
            'sub(/\\?[a-z]*$/, "", page)',
            "only a query of small letters is cut off",
            (
                Request(method, f"/{page}?id=7", 200),
                Request(other, f"/{page}?A", 301),
                Request(method, f"/{page}/x.{first}?v=1", 200),
            ),
        ),
        Fault(
            "trailing_slashes",
            'sub(/\\/+$/, "", page)',
            'gsub(/\\/+/, "", page)',
            "every slash of the page is removed instead of those at its end",
            (Request(method, f"/{page}/{first}/", 200), Request(method, f"/{page}/{first}//", 204)),
        ),
        Fault(
            "order",
            "sort -k1,1nr -k3",
            "sort -k1,1r -k3",
            "counts are sorted as text, so 9 comes before 10",
            (Request(method, f"/{page}/top", 200),) * 10 + (Request(other, f"/{page}/low", 200),) * 9,
        ),
    )


def make(random: Random, setting: Setting) -> Fragment:
    theme, pages = random.choice(THEMES), random.sample(SERVICES, 3)
    faults = random.sample(_faults(theme, pages[0]), min(3, 1 + setting.level))
    path = f"{setting.folder}/{random.choice(('pages', 'hits', 'requests'))}.awk"
    healthy = text_file(path, _source(theme))
    damages = [Damage(path, fault.right, fault.wrong, fault.cause) for fault in faults]
    sample = _log(random, theme, pages, faults)
    return Fragment(
        title="An awk filter that counts the wrong requests",
        brief=_brief(setting.folder, path),
        files=(
            *damaged([healthy], damages),
            text_file(f"{setting.folder}/RULES.md", _rules(theme)),
            text_file(f"{setting.folder}/sample.log", _joined(sample)),
            text_file(f"{setting.folder}/sample.out", _joined(_counted(theme, sample))),
        ),
        steps=_steps(random, setting.folder, path, healthy.content.decode(), damages),
        checks=_checks(random, theme, pages, faults, path),
        outputs=(path,),
    )


def _log(random: Random, theme: Theme, pages: list[str], faults: Sequence[Fault]) -> list[str]:
    plain = [
        Request(random.choice(theme.methods), f"/{page}{tail}", status)
        for page in pages
        for tail, status in (("/a.b", 200), ("", 302), (f"/x.{random.choice(theme.endings)}", 200))
    ]
    requests = [*plain, Request("OPTIONS", f"/{pages[1]}", 200), Request(theme.methods[0], "/", 200)]
    requests += [request for fault in faults for request in fault.telling]
    lines = [
        f"{random.randint(10, 23)}:{random.randint(10, 59)} 10.0.{random.randint(0, 9)}.{random.randint(1, 250)} "
        f"{request.method} {request.path} {request.status} {random.randint(120, 9000)}"
        for request in random.sample(requests, len(requests))
    ]
    outage = f"#17:27 10.0.0.1 {theme.methods[0]} /{pages[2]} 200 5"
    return ["# time host method path status bytes", lines[0], outage, *lines[1:]]


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _counted(theme: Theme, lines: list[str]) -> list[str]:
    sizes: dict[str, list[int]] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        _, _, method, path, status, size = line.split(" ")
        if method in theme.methods and not path.endswith(tuple(f".{e}" for e in theme.endings)) and status[0] in "23":
            page = re.sub(r"/+$", "", path.partition("?")[0]) or "/"
            sizes.setdefault(page, []).append(int(size))
    order = sorted(sizes, key=lambda page: (-len(sizes[page]), page))
    return [f"{len(sizes[page])} {sum(sizes[page])} {page}" for page in order]


def _rules(theme: Theme) -> str:
    endings = ", ".join(f"`.{ending}`" for ending in theme.endings)
    return f"""\
# What the filter prints

Input lines are `time host method path status bytes`, separated by single blanks; a line that starts with `#` is a
comment.

- A request counts if its method is exactly {theme.methods[0]} or {theme.methods[1]}, its status is 200 to 399, and its
  path, as it stands in the log, does not end in {endings}.
- Its page is the path without the query (from the first `?` on) and without slashes at the end; if
  nothing is left it is `/`.
- One line a page: `<requests> <sum of bytes> <page>`, most requests first, equal ones by page in byte order.
"""


def _brief(folder: str, path: str) -> str:
    return f"""\
`{path}` counts requests in gateway logs, and its numbers have been wrong since somebody tidied up its patterns. Mend
it in place so that `awk -f {path}` follows `{folder}/RULES.md` for any log on standard input. `{folder}/sample.log` is
a log, `{folder}/sample.out` exactly what belongs to it. It will be run with the `awk` of this machine on logs that are
not shown."""


def _steps(random: Random, folder: str, path: str, right: str, damages: list[Damage]) -> tuple[Step, ...]:
    compare = run(f"awk -f {path} {folder}/sample.log | diff - {folder}/sample.out")
    causes = "; ".join(damage.cause for damage in damages)
    return (
        Step(
            analysis=random.choice(
                (
                    "The sample shows the failure at once; reading the rules beside the patterns should explain it.",
                    "I want to see which counts differ before I read the patterns one by one.",
                )
            ),
            plan=random.choice(
                (
                    "Diff the filter's output against the expected one, print rules and filter.",
                    "Run the filter on the sample, then read RULES.md and the awk source.",
                )
            ),
            commands=(compare, run(f"cat {folder}/RULES.md"), run(f"cat {path}")),
        ),
        Step(
            analysis=random.choice(
                (f"Pattern by pattern against the rules: {causes}.", f"What differs from the rules: {causes}.")
            ),
            plan=random.choice(
                (
                    "The filter is short, so type it again with the right patterns and compare.",
                    "Rewrite the file with these lines put right; the diff should then be empty.",
                )
            ),
            commands=(write(path, right), compare),
        ),
    )


def _checks(random: Random, theme: Theme, pages: list[str], faults: list[Fault], path: str) -> tuple[Check, ...]:
    return (
        *(_check(fault.rule, path, theme, _log(random, theme, pages, [fault]), 1.0) for fault in faults),
        _check("all_rules", path, theme, _log(random, theme, pages, _faults(theme, pages[0])), 2.0),
    )


def _check(name: str, path: str, theme: Theme, log: list[str], weight: float) -> Check:
    return Check(
        name,
        "from termforge_grader import run_agent\n\n"
        f"log = {literal(log)}\n"
        f"found = run_agent(['awk', '-f', {path!r}], stdin=''.join(line + '\\n' for line in log))\n"
        f"assert found.stdout.splitlines() == {literal(_counted(theme, log))}",
        weight,
    )


SKILL = Skill(
    name="debugging/awk-filter",
    domain="debugging",
    folders=("gateway", "edge-log", "pagecount", "traffic"),
    tools=("awk", "cat", "diff", "sort"),
    make=make,
    repairs=True,
)
