"""System administration: in which order, and in which waves, services start; and what stops with one of them."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Step

NAMES = (
    "storage",
    "network",
    "resolver",
    "clock",
    "database",
    "cache",
    "queue",
    "auth",
    "mailer",
    "search",
    "billing",
    "catalog",
    "gateway",
    "reports",
    "webshop",
    "metrics",
)
CLASSES = ("core", "data", "edge", "batch")
COLUMNS = (Column("service", "key"), Column("class", "word"), Column("wave", "whole"))


class Plan(NamedTuple):
    classes: dict[str, str]
    needs: dict[str, list[str]]
    failing: str

    def wave(self, service: str) -> int:
        return 1 + max((self.wave(need) for need in self.needs[service]), default=0)

    def rows(self) -> list[tuple[str, str, str]]:
        waves = {service: self.wave(service) for service in self.needs}
        ordered = sorted(self.needs, key=lambda service: (waves[service], service))
        return [(service, self.classes[service], str(waves[service])) for service in ordered]

    def stopped(self) -> list[str]:
        """What needs the failing service, itself included, directly or not."""
        found = {self.failing}
        for service, _, _ in self.rows():
            if found & set(self.needs[service]):
                found.add(service)
        return sorted(found)


def make(random: Random, setting: Setting) -> Fragment:
    plan = _drawn(random, 8 + 2 * setting.level)
    folder = setting.folder
    listed = [f"{name},{plan.classes[name]},{';'.join(needs)}\n" for name, needs in plan.needs.items()]
    waves = Table(f"{folder}/waves.csv", COLUMNS, tuple(plan.rows()))
    return Fragment(
        title="Work out the start order of the services",
        brief=_brief(folder, plan),
        files=(
            text_file(f"{folder}/services.csv", "service,class,needs\n" + "".join(random.sample(listed, len(listed)))),
        ),
        steps=_steps(random, folder, plan),
        checks=_checks(folder, plan),
        outputs=(f"{folder}/order.txt", waves.path, f"{folder}/stopped.txt"),
        offers=(waves,),
    )


def _drawn(random: Random, count: int) -> Plan:
    names = random.sample(NAMES, count)
    needs: dict[str, list[str]] = {}
    for place, name in enumerate(names):
        fewest = 0 if place < 3 else 1
        needs[name] = random.sample(names[:place], min(place, random.randint(fewest, 3)))
    failing = random.choice([name for name in names if any(name in needs[other] for other in names)])
    return Plan({name: random.choice(CLASSES) for name in names}, needs, failing)


def _brief(folder: str, plan: Plan) -> str:
    return f"""\
`{folder}/services.csv` lists services with their class and the services that each needs (joined by `;`, perhaps
none). A service can be started when all that it needs are running.
- `{folder}/order.txt`: all services, one a line, in an order in which they can be started one after the other. Any
  such order is right.
- `{folder}/waves.csv`: the same with as much at once as possible. Header `service,class,wave`; in wave 1 are services
  that need nothing, and every other one is in the first wave after those of all that it needs. Sort by wave, then by
  service in byte order.
- `{folder}/stopped.txt`: the services that cannot run when `{plan.failing}` fails: itself, those that need it, those
  that need these, and so on; one a line in byte order."""


def _steps(random: Random, folder: str, plan: Plan) -> tuple[Step, ...]:
    pairs = 'NR > 1 { print $1, $1; n = split($3, need, ";"); for (i = 1; i <= n; i++) print need[i], $1 }'
    waves = (
        'NR == FNR { class[$1] = $2; needs[$1] = $3; next } { n = split(needs[$1], need, ";"); top = 0; '
        "for (i = 1; i <= n; i++) if (wave[need[i]] > top) top = wave[need[i]]; wave[$1] = top + 1; "
        'print $1 "," class[$1] "," wave[$1] }'
    )
    down = (
        f'NR == FNR {{ needs[$1] = ";" $3 ";"; next }} {{ hit = ($1 == "{plan.failing}"); for (s in down) '
        'if (index(needs[$1], ";" s ";")) hit = 1; if (hit) { down[$1] = 1; print $1 } }'
    )
    look = Step(
        analysis=random.choice(
            (
                "This is a dependency graph. I look at it, and at the services that need nothing.",
                "I read the list first; services without needs are where a start can begin.",
            )
        ),
        plan=random.choice(("Print the list and the services without needs.", "Show the graph as it is listed.")),
        commands=(run(f"cat {folder}/services.csv"), run(f"grep ',$' {folder}/services.csv")),
    )
    order = Step(
        analysis=random.choice(
            (
                "tsort takes pairs of before and after; a pair of a name with itself keeps services without any edge.",
                "A topological sort gives the order, and tsort would also complain about a circle.",
            )
        ),
        plan=random.choice(("Turn the list into pairs and sort them.", "Feed pairs to tsort.")),
        commands=(run(f"awk -F, '{pairs}' {folder}/services.csv | tsort > {folder}/order.txt"),),
    )
    follow = Step(
        analysis=random.choice(
            (
                "Going through the services in that order, the waves of all needs are known when a service comes up, "
                f"and so is whether any of them falls with {plan.failing}.",
                "With a valid order both other results need a single pass of awk each.",
            )
        ),
        plan=random.choice(("Compute waves and stopped services along the order.", "Two passes of awk, then sort.")),
        commands=(
            run(f"echo service,class,wave > {folder}/waves.csv"),
            run(
                f"awk -F, '{waves}' {folder}/services.csv {folder}/order.txt | sort -t, -k 3,3n -k 1,1 "
                f">> {folder}/waves.csv"
            ),
            run(f"awk -F, '{down}' {folder}/services.csv {folder}/order.txt | sort > {folder}/stopped.txt"),
        ),
    )
    check = Step(
        analysis=random.choice(("All three results are small enough to read.", "I read the results.")),
        plan="Print them and count the services.",
        commands=(
            run(f"cat {folder}/waves.csv"),
            run(f"cat {folder}/stopped.txt"),
            run(f"wc -l {folder}/order.txt {folder}/services.csv"),
        ),
    )
    return look, order, follow, check


def _checks(folder: str, plan: Plan) -> tuple[Check, ...]:
    return (
        Check(
            "order",
            f"order = lines('{folder}/order.txt')\nneeds = {literal(dict(sorted(plan.needs.items())))}\n"
            "assert sorted(order) == list(needs)\n"
            "early = [name for place, name in enumerate(order) if not set(needs[name]) <= set(order[:place])]\n"
            "assert early == []",
            2.0,
        ),
        Check(
            "waves",
            f"header, *waves = table('{folder}/waves.csv')\nassert header == ['service', 'class', 'wave']\n"
            f"assert waves == {literal([list(row) for row in plan.rows()])}",
            2.0,
        ),
        Check("stopped", f"assert lines('{folder}/stopped.txt') == {literal(plan.stopped())}"),
    )


SKILL = Skill(
    name="system-administration/start-order",
    domain="system-administration",
    folders=("boot", "startup", "dependencies", "bring-up"),
    tools=("awk", "tsort", "sort", "cat", "grep", "wc"),
    make=make,
    offers=(Table,),
)
