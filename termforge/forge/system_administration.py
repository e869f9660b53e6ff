"""System administration: judge the accounts of a passwd file and turn a list of jobs into a crontab. No real users."""

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

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


def make(random: Random, setting: Setting) -> Fragment:
    host = _drawn(random, setting.level)
    folder = setting.folder
    return Fragment(
        title="Audit the accounts and rebuild the crontab",
        brief=_brief(folder, host),
        files=(
            text_file(f"{folder}/passwd", _passwd(random, host)),
            text_file(f"{folder}/group", _group(random, host)),
            text_file(f"{folder}/last-login.csv", _last_login(random, host)),
            text_file(f"{folder}/jobs.csv", _jobs(host)),
        ),
        steps=_steps(random, folder, host),
        checks=_checks(folder, host),
        outputs=(f"{folder}/accounts.csv", f"{folder}/crontab"),
    )


def _drawn(random: Random, level: int) -> Host:
    today = date(2025, random.randint(2, 12), random.randint(1, 28))
    idle_days = random.choice((30, 45, 60, 90))
    groups = {name: 3000 + 10 * place for place, name in enumerate(random.sample(TEAMS, 2 + (level > 1)))}
    people = random.sample(NAMES, 5 + 3 * level) + random.sample(SERVICES, 1 + level)
    accounts = []
    for uid, name in enumerate(people, 1000 + random.randint(0, 50)):
        service = name in SERVICES
        shell = random.choice(("/usr/sbin/nologin", "/bin/false") if service else ("/bin/bash", "/bin/zsh", "/bin/sh"))
        seen = random.choice(
            (None, idle_days, idle_days + 1, random.randint(0, idle_days), random.randint(idle_days, 300))
        )
        last = None if service or seen is None else today - timedelta(days=seen)
        group, *others = random.sample(list(groups), random.randint(1, len(groups)))
        accounts.append(Account(name, uid, group, tuple(sorted(others)), shell, last))
    # Both kinds of owner must occur, or half of the crontab's rule would not matter.
    accounts[0] = accounts[0]._replace(last_login=today - timedelta(days=1))
    accounts[1] = accounts[1]._replace(last_login=None)
    owners = [accounts[0], accounts[1], *random.sample(accounts, 2 + level)]
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


def _passwd(random: Random, host: Host) -> str:
    lines = [
        f"{a.name}:x:{a.uid}:{host.groups[a.group]}:{a.name.capitalize()}:/home/{a.name}:{a.shell}"
        for a in host.accounts
    ]
    return "\n".join([*SYSTEM[:3], *random.sample(lines, len(lines)), SYSTEM[3]]) + "\n"


def _group(random: Random, host: Host) -> str:
    lines = []
    for group, gid in host.groups.items():
        members = [account.name for account in host.accounts if group in account.others]
        lines.append(f"{group}:x:{gid}:{','.join(random.sample(members, len(members)))}")
    return "\n".join(["root:x:0:", *lines, "nogroup:x:65534:"]) + "\n"


def _last_login(random: Random, host: Host) -> str:
    """Some who never logged in have no line, others say so."""
    lines = [
        f"{account.name},{account.last_login.isoformat() if account.last_login else 'never'}"
        for account in host.accounts
        if account.last_login or random.random() < 0.5
    ]
    return "\n".join(["user,last_login", *random.sample(lines, len(lines))]) + "\n"


def _jobs(host: Host) -> str:
    return "\n".join(["job,user,schedule", *(f"{job.name},{job.user},{job.when}" for job in host.jobs)]) + "\n"


def _brief(folder: str, host: Host) -> str:
    return f"""\
`{folder}` holds copies of a host's files: `passwd` and `group` in their usual formats, `last-login.csv` (user and
ISO date or `never`; a user without
a line never logged in) and `jobs.csv` (job, user, schedule). Take {host.today.isoformat()} as today.

Write `{folder}/accounts.csv` with the header `user,uid,group,other_groups,status`: one row per account with a uid
of 1000 or more, except 65534,
sorted by uid as a number. `group` is the name of the primary group; `other_groups` are the names of the groups that
list the user as a member, sorted by name
and joined by `;` (perhaps empty). `status` is `service` if the shell is `/usr/sbin/nologin` or `/bin/false`; else
`stale` if the user never logged in or did so last
more than {host.idle_days} days before today; else `active`.

Write `{folder}/crontab` in the system format (five fields, user, command), one line per job whose user is not
`stale`, sorted by job name, single blanks
between the fields, no other lines. The command of a job is `/usr/local/sbin/<job>`. Schedules translate like this:
`every N minutes` to `*/N * * * *`, `daily
HH:MM`, `weekly Ddd HH:MM` (English day names, Sunday is 0) and `monthly D
HH:MM` (day of the month) to fields without leading zeros and `*` for what is not named."""


def _steps(random: Random, folder: str, host: Host) -> tuple[Step, ...]:
    script = f"{folder}/audit.py"
    look = Step(
        analysis=random.choice(
            (
                "Four small files belong together here. I read them first, to see how accounts without a login and "
                "schedules are written.",
                f"The files in {folder} are short enough to read before I decide how to join them.",
            )
        ),
        plan="Print the ordinary accounts, the groups, the logins and the jobs.",
        commands=(
            run(f"awk -F: '$3 >= 1000' {folder}/passwd"),
            run(f"cat {folder}/group"),
            run(f"cat {folder}/last-login.csv {folder}/jobs.csv"),
        ),
    )
    stale = sum(host.status(account) == "stale" for account in host.accounts)
    audit = Step(
        analysis=random.choice(
            (
                f"Today is fixed as {host.today.isoformat()}, so idle time is a plain difference of dates; exactly "
                f"{host.idle_days} days still counts as active. The crontab needs each owner's status, so one script "
                "should make both files.",
                "A user without a login line counts as stale, too. The status decides which jobs survive, "
                "which is why I compute the accounts first and reuse them for the crontab.",
            )
        ),
        plan=random.choice(
            (
                f"Write {script}, run it, and read both results.",
                "Do the join and the translation of the schedules in Python, then print accounts.csv and crontab.",
            )
        ),
        commands=(
            write(script, _script(folder, host)),
            run(f"python3 {script}", 2.0),
            run(f"cat {folder}/accounts.csv"),
            run(f"cat {folder}/crontab"),
        ),
    )
    check = Step(
        analysis=random.choice(
            (
                f"I count {stale} stale accounts; none of them may own a line of the crontab.",
                "As a cross-check, the owners in the crontab must all have another status than stale.",
            )
        ),
        plan="Count the accounts by status and list who owns the remaining jobs.",
        commands=(
            run(f"tail -n +2 {folder}/accounts.csv | cut -d, -f5 | sort | uniq -c"),
            run(f"awk '{{print $6}}' {folder}/crontab | sort -u"),
        ),
    )
    return look, audit, check


def _script(folder: str, host: Host) -> str:
    return f'''
import csv
from datetime import date

TODAY = date.fromisoformat("{host.today.isoformat()}")
DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]


def records(name):
    with open(f"{folder}/{{name}}") as file:
        return [line.rstrip("\\n").split(":") for line in file]


def rows(name):
    with open(f"{folder}/{{name}}", newline="") as file:
        return list(csv.DictReader(file))


def fields(schedule):
    kind, *rest = schedule.split()
    if kind == "every":
        return f"*/{{rest[0]}} * * * *"
    hour, minute = [int(part) for part in rest[-1].split(":")]
    day = rest[0] if kind == "monthly" else "*"
    weekday = DAYS.index(rest[0]) if kind == "weekly" else "*"
    return f"{{minute}} {{hour}} {{day}} * {{weekday}}"


groups = records("group")
names = {{gid: name for name, _, gid, _ in groups}}
logins = {{row["user"]: row["last_login"] for row in rows("last-login.csv")}}
statuses, table = {{}}, []
for user, _, uid, gid, _, _, shell in sorted(records("passwd"), key=lambda record: int(record[2])):
    last = logins.get(user, "never")
    if shell in ("/usr/sbin/nologin", "/bin/false"):
        status = "service"
    elif last == "never" or (TODAY - date.fromisoformat(last)).days > {host.idle_days}:
        status = "stale"
    else:
        status = "active"
    statuses[user] = status
    if int(uid) >= 1000 and uid != "65534":
        others = sorted(name for name, _, _, members in groups if user in members.split(","))
        table.append([user, uid, names[gid], ";".join(others), status])

with open("{folder}/accounts.csv", "w", newline="") as out:
    writer = csv.writer(out, lineterminator="\\n")
    writer.writerow(["user", "uid", "group", "other_groups", "status"])
    writer.writerows(table)
with open("{folder}/crontab", "w") as out:
    for row in sorted(rows("jobs.csv"), key=lambda row: row["job"]):
        if statuses[row["user"]] in ("active", "service"):
            print(fields(row["schedule"]), row["user"], "/usr/local/sbin/" + row["job"], file=out)
'''


def _checks(folder: str, host: Host) -> tuple[Check, ...]:
    accounts = sorted(host.accounts, key=lambda account: account.uid)
    rows = [[a.name, str(a.uid), a.group, ";".join(a.others), host.status(a)] for a in accounts]
    statuses = {account.name: host.status(account) for account in accounts}
    crontab = [
        f"{job.fields} {job.user} /usr/local/sbin/{job.name}"
        for job in sorted(host.jobs, key=lambda job: job.name)
        if statuses[job.user] != "stale"
    ]
    table, schedule = f"{folder}/accounts.csv", f"{folder}/crontab"
    return (
        Check(
            "accounts_and_groups",
            f"rows = table({table!r})\nassert rows[0] == ['user', 'uid', 'group', 'other_groups', 'status']\n"
            f"assert [row[:4] for row in rows[1:]] == {literal([row[:4] for row in rows])}",
            2.0,
        ),
        Check(
            "status",
            f"assert [(row[0], row[-1]) for row in table({table!r})[1:]] == {literal([(r[0], r[4]) for r in rows])}",
            2.0,
        ),
        Check(
            "crontab_owners",
            f"assert sorted(line.split()[5] for line in lines({schedule!r}) if len(line.split()) > 5) == "
            f"{literal(sorted(line.split()[5] for line in crontab))}",
        ),
        Check("crontab", f"assert lines({schedule!r}) == {literal(crontab)}", 2.0),
    )


SKILL = Skill(
    name="system-administration/accounts-and-cron",
    domain="system-administration",
    folders=("host", "bastion", "server-files", "fleet"),
    tools=("python3", "cat", "awk", "sort", "uniq", "cut", "tail"),
    make=make,
)
