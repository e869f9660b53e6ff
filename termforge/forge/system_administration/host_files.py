"""A made-up host: its accounts, groups, logins and jobs, and the files that describe them."""

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

NAMES = (
    "amara",
    "bjorn",
    "celia",
    "dinesh",
    "emeka",
    "fatima",
    "goran",
    "hana",
    "ivo",
    "jonas",
    "kemal",
    "lucia",
    "mei",
    "nils",
    "olga",
    "petra",
)
SERVICES = ("postgres", "nginx", "backup", "metrics", "mailq")
TEAMS = ("dev", "ops", "analysts", "support")
SYSTEM = (
    "root:x:0:0:root:/root:/bin/bash",
    "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
    "sync:x:4:65534:sync:/bin:/bin/sync",
    "polkitd:x:999:999:polkit:/:/usr/sbin/nologin",
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
)
DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
COMMANDS = (
    "rotate-keys",
    "sync-mirror",
    "prune-cache",
    "send-digest",
    "rebuild-index",
    "check-disks",
    "export-usage",
    "renew-certs",
)


class Account(NamedTuple):
    name: str
    uid: int
    group: str
    others: tuple[str, ...]
    shell: str
    last_login: date | None


class Job(NamedTuple):
    name: str
    user: str
    when: str
    """As the job list words it."""
    fields: str
    """The same as five crontab fields."""


class Host(NamedTuple):
    today: date
    idle_days: int
    accounts: tuple[Account, ...]
    groups: dict[str, int]
    jobs: tuple[Job, ...]

    def status(self, account: Account) -> str:
        if account.shell in ("/usr/sbin/nologin", "/bin/false"):
            return "service"
        idle = account.last_login is None or (self.today - account.last_login).days > self.idle_days
        return "stale" if idle else "active"


def draw_host(random: Random, level: int) -> Host:
    today = date(2025, random.randint(2, 12), random.randint(1, 28))
    idle_days = random.choice((30, 45, 60, 90))
    groups = {name: 3000 + 10 * place for place, name in enumerate(random.sample(TEAMS, 2 + (level > 1)))}
    people = random.sample(NAMES, 5 + 3 * level) + random.sample(SERVICES, 1 + level)
    accounts, start = [], random.randint(1001, 1050)
    for uid, name in zip((1000, *range(start, start + len(people))), people, strict=False):
        service = name in SERVICES
        shell = random.choice(("/usr/sbin/nologin", "/bin/false") if service else ("/bin/bash", "/bin/zsh", "/bin/sh"))
        seen = random.choice(
            (None, idle_days, idle_days + 1, random.randint(0, idle_days), random.randint(idle_days, 300))
        )
        last = None if service or seen is None else today - timedelta(days=seen)
        group, *others = random.sample(list(groups), random.randint(1, len(groups)))
        accounts.append(Account(name, uid, group, tuple(sorted(others)), shell, last))
    # Every status must occur among the owners, or a part of the crontab's rule would not matter.
    accounts[0] = accounts[0]._replace(last_login=today - timedelta(days=1))
    accounts[1] = accounts[1]._replace(last_login=None)
    owners = [accounts[0], accounts[1], accounts[-1], *random.sample(accounts, 1 + level)]
    jobs = [
        _job(random, name, owner.name) for name, owner in zip(random.sample(COMMANDS, len(owners)), owners, strict=True)
    ]
    return Host(today, idle_days, tuple(accounts), groups, tuple(random.sample(jobs, len(jobs))))


def _job(random: Random, name: str, user: str) -> Job:
    hour, minute, day = random.randrange(24), random.randrange(0, 60, 5), random.randrange(7)
    at = f"{hour:02d}:{minute:02d}"
    monthly = random.randint(1, 28)
    pause = random.choice((5, 10, 15, 20))
    when, fields = random.choice(
        (
            (f"every {pause} minutes", f"*/{pause} * * * *"),
            (f"daily {at}", f"{minute} {hour} * * *"),
            (f"weekly {DAYS[day]} {at}", f"{minute} {hour} * * {day}"),
            (f"monthly {monthly} {at}", f"{minute} {hour} {monthly} * *"),
        )
    )
    return Job(name, user, when, fields)


def passwd_text(random: Random, host: Host) -> str:
    lines = [
        f"{a.name}:x:{a.uid}:{host.groups[a.group]}:{a.name.capitalize()}:/home/{a.name}:{a.shell}"
        for a in host.accounts
    ]
    return "\n".join([*SYSTEM[:-1], *random.sample(lines, len(lines)), SYSTEM[-1]]) + "\n"


def group_text(random: Random, host: Host) -> str:
    lines = []
    for group, gid in host.groups.items():
        members = [account.name for account in host.accounts if group in account.others]
        lines.append(f"{group}:x:{gid}:{','.join(random.sample(members, len(members)))}")
    return "\n".join(["root:x:0:", *lines, "nogroup:x:65534:"]) + "\n"


def last_login_text(random: Random, host: Host) -> str:
    """Some who never logged in have no line, others say so."""
    lines = [
        f"{account.name},{account.last_login.isoformat() if account.last_login else 'never'}"
        for account in host.accounts
        if account.last_login or random.random() < 0.5
    ]
    return "\n".join(["user,last_login", *random.sample(lines, len(lines))]) + "\n"


def jobs_text(host: Host) -> str:
    return "\n".join(["job,user,schedule", *(f"{job.name},{job.user},{job.when}" for job in host.jobs)]) + "\n"
