"""System administration: judge the accounts of a passwd file and turn a list of jobs into a crontab. No real users."""

from random import Random

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.forge.system_administration.host_files import (
    Host,
    draw_host,
    group_text,
    jobs_text,
    last_login_text,
    passwd_text,
)
from termforge.schemas import Step


def make(random: Random, setting: Setting) -> Fragment:
    host = draw_host(random, setting.level)
    folder = setting.folder
    return Fragment(
        title="Audit the accounts and rebuild the crontab",
        brief=_brief(folder, host),
        files=(
            text_file(f"{folder}/passwd", passwd_text(random, host)),
            text_file(f"{folder}/group", group_text(random, host)),
            text_file(f"{folder}/last-login.csv", last_login_text(random, host)),
            text_file(f"{folder}/jobs.csv", jobs_text(host)),
        ),
        steps=_steps(random, folder, host),
        checks=_checks(folder, host),
        outputs=(f"{folder}/accounts.csv", f"{folder}/crontab"),
    )


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
