"""Security: tell password guessing from typing mistakes in an SSH daemon's log by a sliding window."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

USERS = ("root", "admin", "deploy", "backup", "oracle", "git", "ubuntu", "maria", "tomas", "postgres", "test")
HOSTS = ("edge-1", "bastion", "gw02", "login-a", "jump")
LOGS = ("auth.log", "secure", "sshd.log")
NOISE = (
    "Connection closed by {address} port {port} [preauth]",
    "Received disconnect from {address} port {port}:11: Bye Bye [preauth]",
    "pam_unix(sshd:session): session closed for user {user}",
    "Server listening on 0.0.0.0 port 22.",
)
KINDS = ("fits", "lasts", "misses", "short")
"""Bursts: as long as the window, going on after it, a second longer, a failure short."""
MINUTE, HOUR = 60, 3600


class Login(NamedTuple):
    second: int
    """Of the day."""
    address: str
    user: str
    accepted: bool = False


class Rule(NamedTuple):
    failures: int
    window: int
    """Seconds from the first of them to the last, at most."""


class Attack(NamedTuple):
    address: str
    failures: int
    users: int
    alarm: int
    """Second of the failure that completes the first full window."""
    breached: bool


def make(random: Random, setting: Setting) -> Fragment:
    rule = Rule(random.randint(4, 7), random.choice((45, 60, 90, 120, 180)))
    logins = _logins(random, setting.level, rule)
    attacks = _attacks(logins, rule)
    log = f"{setting.folder}/{random.choice(LOGS)}"
    day = f"2025-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
    alarms = sorted(attack.alarm for attack in attacks)
    older, newer = _rotated(random, logins, day, alarms[len(alarms) // 2])
    columns = (
        *(Column("address", "key"), Column("failures", "whole"), Column("users", "whole")),
        *(Column("alarm", "whole"), Column("breached", "word")),
    )
    rows = tuple(
        (one.address, str(one.failures), str(one.users), str(one.alarm), "yes" if one.breached else "no")
        for one in attacks
    )
    found = Table(f"{setting.folder}/attacks.csv", columns, rows)
    return Fragment(
        title="Find password guessing in the SSH log",
        brief=_brief(setting.folder, log, rule, found.path),
        files=(text_file(f"{log}.1", older), text_file(log, newer)),
        steps=_steps(random, setting.folder, log, rule, attacks),
        checks=_checks(setting.folder, found),
        outputs=(found.path, f"{setting.folder}/deny.txt"),
        offers=(found,),
    )


def _logins(random: Random, level: int, rule: Rule) -> list[Login]:
    """Bursts that just fit the window, bursts that just do not, and people who mistype; in order of time."""
    addresses = [f"198.51.{number}.{random.randint(2, 250)}" for number in random.sample(range(100), 14 + 4 * level)]
    logins: list[Login] = []
    for place, address in enumerate(addresses):
        kind = KINDS[place % 4] if place > 4 else "fits"
        start = random.randrange(1, 23) * HOUR - random.randint(5, 25)
        logins += _burst(random, rule, address, kind, start)
        logins += _scattered(random, address, (rule.failures, 2, 0)[place % 3])
        if place > 1 and random.random() < 0.5:
            logins.append(Login(start + HOUR // 2 * random.choice((-1, 1)), address, random.choice(USERS), True))
    # One gets in after its alarm, one in the very second of it.
    alarms = {attack.address: attack.alarm for attack in _attacks(sorted(logins), rule)}
    for address, later in zip(addresses, (7, 0), strict=False):
        logins.append(Login(alarms[address] + later, address, "deploy", True))
    return sorted(logins)


def _burst(random: Random, rule: Rule, address: str, kind: str, start: int) -> list[Login]:
    """Failures across a full hour, so that hours and minutes both count."""
    count = rule.failures - (kind == "short")
    length = rule.window + (kind == "misses")
    inner = sorted(random.sample(range(1, length), count - 2))
    more = [length + place for place in range(2, 2 + random.randint(1, 3))] if kind == "lasts" else []
    return [Login(start + offset, address, random.choice(USERS)) for offset in (0, *inner, length, *more)]


def _scattered(random: Random, address: str, count: int) -> list[Login]:
    """Failures around half past, at least half an hour apart and minutes from any burst: no window holds two."""
    return [
        Login(hour * HOUR + random.randint(HOUR // 4, HOUR // 4 * 3), address, random.choice(USERS))
        for hour in random.sample(range(24), count)
    ]


def _attacks(logins: list[Login], rule: Rule) -> list[Attack]:
    """By address, as text."""
    attacks = []
    for address in sorted({login.address for login in logins}):
        own = [login for login in logins if login.address == address]
        failed = [login for login in own if not login.accepted]
        alarms = [
            last.second
            for first, last in zip(failed, failed[rule.failures - 1 :], strict=False)
            if last.second - first.second <= rule.window
        ]
        if alarms:
            breached = any(login.accepted and login.second > alarms[0] for login in own)
            attacks.append(Attack(address, len(failed), len({one.user for one in failed}), alarms[0], breached))
    return attacks


def _clock(second: int) -> str:
    return f"{second // HOUR:02d}:{second % HOUR // MINUTE:02d}:{second % MINUTE:02d}"


def _rotated(random: Random, logins: list[Login], day: str, cut: int) -> tuple[str, str]:
    """The log in two files, before the second `cut` and from it on; at an alarm's, a burst is in both."""
    host = random.choice(HOSTS)
    older, newer = list[str](), list[str]()
    for login in logins:
        said = [_said(random, login)]
        if random.random() < 0.3:
            port = random.randint(1024, 65000)
            said.append(random.choice(NOISE).format(address=login.address, port=port, user="maria"))
        stamp = f"{day}T{_clock(login.second)} {host}"
        lines = [f"{stamp} sshd[{random.randint(800, 9999)}]: {text}\n" for text in said]
        (older if login.second < cut else newer).extend(lines)
    return "".join(older), "".join(newer)


def _said(random: Random, login: Login) -> str:
    """Both forms of a failure: names that exist on the host, and names that do not."""
    port = random.randint(1024, 65000)
    if login.accepted:
        return f"Accepted password for {login.user} from {login.address} port {port} ssh2"
    invalid = "invalid user " if login.user in ("oracle", "ubuntu", "test") else ""
    return f"Failed password for {invalid}{login.user} from {login.address} port {port} ssh2"


def _brief(folder: str, log: str, rule: Rule, found: str) -> str:
    return f"""\
`{log}.1` and its continuation `{log}` are one day's log of an SSH daemon, in order of time. A failure is a line that
says `Failed password for USER from ADDRESS` or `Failed password for invalid user USER from ADDRESS`. An address
attacks if any {rule.failures} consecutive failures of it (other addresses and other lines may come between) lie at
most {rule.window} seconds apart from the first to the last of the {rule.failures}. Its alarm is the time of the last
of the first {rule.failures} failures for which that holds.

Write `{found}` with the header `address,failures,users,alarm,breached`: one row per attacking address, with the number
of all its failures, the number of different users it failed for, the alarm in seconds after midnight, and `yes` if a
line `Accepted password for USER from ADDRESS` has a later time than the alarm, else `no`. Sort by address in byte
order. Write the addresses that did not breach anything to `{folder}/deny.txt`, one per line in the form `ADDRESS/32`,
in the same order."""


def _steps(random: Random, folder: str, log: str, rule: Rule, attacks: list[Attack]) -> tuple[Step, ...]:
    script = f"{folder}/attacks.awk"
    look = step(
        random,
        (
            "Counting failures by address shows the candidates, but the rule is about time, so a plain count is not "
            "the answer.",
            "I look at the wording of the lines first. Failures come with and without `invalid user`, which shifts "
            "the fields.",
        ),
        ("Show some lines, and count failures by address.",),
        run(f"head -n 6 {log}.1; wc -l {log}.1 {log}"),
        run(f"grep -h 'Failed password' {log}.1 {log} | grep -oE 'from [0-9.]+' | sort | uniq -c | sort -rn | head"),
    )
    judge = step(
        random,
        (
            f"For each address I keep the times of its failures; a window is full when the failure {rule.failures - 1} "
            f"places back is at most {rule.window} seconds old. Counting from the end of the line finds address and "
            "user in both wordings.",
            f"awk can hold the last times per address. The comparison is `<= {rule.window}`, and only the first alarm "
            "counts. The address is always the fourth field from the end.",
        ),
        (f"Write {script}, feed it both files in order, and sort what it prints.",),
        write(script, _script(rule)),
        run(
            f"(echo address,failures,users,alarm,breached; awk -f {script} {log}.1 {log} | LC_ALL=C sort) > "
            f"{folder}/attacks.csv",
            1.0,
        ),
        run(f'awk -F, \'$5 == "no" {{ print $1 "/32" }}\' {folder}/attacks.csv > {folder}/deny.txt'),
    )
    check = step(
        random,
        (
            f"I expect {len(attacks)} attackers, {sum(one.breached for one in attacks)} of them with a breach. Both "
            "files have to agree on that.",
            "The rows look right if each attacker has enough failures and breached ones are not in the deny list.",
        ),
        ("Print the table and the deny list.",),
        run(f"cat {folder}/attacks.csv"),
        run(f"cat {folder}/deny.txt; grep -c yes {folder}/attacks.csv"),
    )
    return look, judge, check


def _script(rule: Rule) -> str:
    return f"""
{{
    split(substr($1, 12), clock, ":")
    now = clock[1] * {HOUR} + clock[2] * {MINUTE} + clock[3]
    address = $(NF - 3)
}}
/Failed password for / {{
    time[address, failures[address]++] = now
    if (seen[address, $(NF - 5)]++ == 0) users[address]++
    first = failures[address] - {rule.failures}
    if (alarm[address] == "" && first >= 0 && now - time[address, first] <= {rule.window}) {{
        alarm[address] = now
    }}
}}
/Accepted password for / && alarm[address] != "" && now > alarm[address] {{ breached[address] }}
END {{
    for (address in alarm)
        if (alarm[address] != "")
            print address "," failures[address] "," users[address] "," alarm[address] "," \\
                (address in breached ? "yes" : "no")
}}
"""


def _checks(folder: str, found: Table) -> tuple[Check, ...]:
    rows = [list(row) for row in found.rows]
    deny = [f"{row[0]}/32" for row in rows if row[4] == "no"]
    return (
        Check(
            "attackers", f"assert [row[0] for row in table({found.path!r})[1:]] == {literal([r[0] for r in rows])}", 2.0
        ),
        Check(
            "failures_and_users",
            f"rows = table({found.path!r})\nassert rows[0] == {found.header!r}\n"
            f"assert [row[:3] for row in rows[1:]] == {literal([row[:3] for row in rows])}",
            2.0,
        ),
        Check(
            "alarms", f"assert [row[3:] for row in table({found.path!r})[1:]] == {literal([r[3:] for r in rows])}", 2.0
        ),
        Check("deny_list", f"assert lines({f'{folder}/deny.txt'!r}) == {literal(deny)}"),
    )


SKILL = Skill(
    name="security/login-attacks",
    domain="security",
    folders=("sshd-log", "intrusion", "auth-records", "bruteforce"),
    tools=("awk", "cat", "grep", "head", "sort", "uniq", "wc"),
    make=make,
    offers=(Table,),
)
