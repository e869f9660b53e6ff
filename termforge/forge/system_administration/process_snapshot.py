"""System administration: a snapshot of all processes by user, its zombies with their parents, and one subtree."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.forge.system_administration.host_files import NAMES
from termforge.schemas import Step

PROGRAMS = ("nginx", "python3", "java", "postgres", "sshd", "bash", "rsync", "node", "gunicorn", "redis-server", "cron")
COLUMNS = (
    Column("user", "key"),
    Column("load", "word"),
    Column("processes", "whole"),
    Column("rss_kb", "whole"),
    Column("cpu_s", "whole"),
)


class Process(NamedTuple):
    pid: int
    parent: int
    user: str
    state: str
    rss: int
    cpu: int
    """Seconds."""
    program: str

    @property
    def time(self) -> str:
        """As ps prints it: `[days-]hours:minutes:seconds`."""
        days, rest = divmod(self.cpu, 86400)
        clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
        return f"{days}-{clock}" if days else clock


class Snapshot(NamedTuple):
    processes: list[Process]
    name: str
    """Of the file."""
    busy: int
    """Seconds from which on a user counts as busy."""
    top: int
    """Pid whose descendants are listed."""

    def users(self) -> list[tuple[str, str, str, str, str]]:
        """Most memory first."""
        rows = []
        for user in {process.user: None for process in self.processes}:
            own = [process for process in self.processes if process.user == user]
            cpu = sum(process.cpu for process in own)
            rows.append((-sum(process.rss for process in own), user, len(own), cpu))
        return [
            (user, "busy" if cpu >= self.busy else "quiet", str(count), str(-rss), str(cpu))
            for rss, user, count, cpu in sorted(rows)
        ]

    def zombies(self) -> list[list[str]]:
        by_pid = {process.pid: process for process in self.processes}
        dead = [process for process in self.processes if process.state.startswith("Z")]
        return [[str(z.pid), str(z.parent), by_pid[z.parent].program] for z in sorted(dead)]

    def descendants(self) -> list[int]:
        found = {self.top}
        for process in sorted(self.processes):
            if process.parent in found:
                found.add(process.pid)
        return sorted(found)


def make(random: Random, setting: Setting) -> Fragment:
    snapshot = _drawn(random, 26 + 12 * setting.level)
    folder = setting.folder
    users = Table(f"{folder}/users.csv", COLUMNS, tuple(snapshot.users()))
    return Fragment(
        title="Account for a snapshot of the processes",
        brief=_brief(folder, snapshot),
        files=(text_file(f"{folder}/{snapshot.name}", _listing(random, snapshot)),),
        steps=_steps(random, folder, snapshot),
        checks=_checks(folder, snapshot),
        outputs=(users.path, f"{folder}/zombies.csv", f"{folder}/subtree.txt"),
        offers=(users,),
    )


def _drawn(random: Random, count: int) -> Snapshot:
    """Parents have smaller pids than their children; every user has a process."""
    users = random.sample(NAMES, random.randint(8, 11))
    pids = sorted(random.sample(range(300, 9999), count))
    processes = [Process(1, 0, "root", "Ss", 9120, 754, "systemd")]
    for place, pid in enumerate(pids):
        parent = random.choice([p.pid for p in processes[-9:] if p.state[0] != "Z"] or [1])
        dead = place > 6 and random.random() < 0.12
        processes.append(
            Process(
                pid,
                parent,
                users[place % len(users)] if place < len(users) else random.choice(users),
                "Z" if dead else random.choice(("S", "Ss", "R", "Sl", "D")),
                0 if dead else random.randint(900, 400000),
                0
                if dead
                else random.choice((random.randint(0, 59), random.randint(60, 90000), random.randint(86400, 300000))),
                random.choice(PROGRAMS),
            )
        )
    if not any(process.state == "Z" for process in processes):
        processes.append(Process(pids[-1] + 7, pids[2], users[0], "Z", 0, 0, "cron"))
    parents = sorted({process.parent for process in processes} - {0, 1})
    snapshot = Snapshot(
        processes, random.choice(("ps.txt", "processes.lst", "snapshot.txt", "ps-axo.out")), 0, random.choice(parents)
    )
    totals = sorted(int(row[4]) for row in snapshot.users())
    return snapshot._replace(busy=totals[len(totals) // 2])


def _listing(random: Random, snapshot: Snapshot) -> str:
    lines = [
        f"{p.pid:>7} {p.parent:>7} {p.user:<9} {p.state:<4} {p.rss:>8} {p.time:>11} {p.program}"
        + (" <defunct>" if p.state == "Z" else "")
        for p in random.sample(snapshot.processes, len(snapshot.processes))
    ]
    return f"{'PID':>7} {'PPID':>7} {'USER':<9} {'STAT':<4} {'RSS':>8} {'TIME':>11} COMMAND\n" + "\n".join(lines) + "\n"


def _brief(folder: str, snapshot: Snapshot) -> str:
    return f"""\
`{folder}/{snapshot.name}` is a snapshot taken with `ps` on a server: pid, pid of the parent, user, state, resident
memory in kB, processor time as `[days-]hours:minutes:seconds`, and the program (`<defunct>` after it is no part of its
name).
- `{folder}/users.csv`, header `user,load,processes,rss_kb,cpu_s`: per user the number of processes, the memory and the
  processor time in seconds, summed up over all processes, zombies included. `load` is `busy` with at least
  {snapshot.busy} seconds, else `quiet`. Sort by memory, most first, then by user.
- `{folder}/zombies.csv`, header `pid,parent,program`: every zombie (its state begins with `Z`), the pid of its parent
  and the program of the parent, sorted by pid as a number.
- `{folder}/subtree.txt`: the pid {snapshot.top} and those of all its descendants, one a line, sorted as numbers."""


def _steps(random: Random, folder: str, snapshot: Snapshot) -> tuple[Step, ...]:
    users = (
        'NR > 1 { days = 0; time = $6; if (split(time, d, "-") == 2) { days = d[1]; time = d[2] } split(time, t, ":"); '
        "cpu[$3] += 86400 * days + 3600 * t[1] + 60 * t[2] + t[3]; rss[$3] += $5; count[$3]++ } "
        f'END {{ for (u in cpu) print u "," (cpu[u] >= {snapshot.busy} ? "busy" : "quiet") '
        '"," count[u] "," rss[u] "," cpu[u] }'
    )
    zombies = 'FNR > 1 && NR == FNR { program[$1] = $7; next } $4 ~ /^Z/ { print $1 "," $2 "," program[$2] }'
    tree = (
        f"FNR == 1 {{ next }} {{ parent[$1] = $2 }} END {{ for (p in parent) "
        f"{{ for (a = p; a > 1 && a != {snapshot.top}; a = parent[a]); if (a == {snapshot.top}) print p }} }}"
    )
    look = Step(
        analysis=random.choice(
            (
                "First I look at the columns, and at times with days in them.",
                "The format of the time column matters, so I look at some lines and at the zombies.",
            )
        ),
        plan=random.choice(("Show the head, long times and zombies.", "Print a few lines of each kind.")),
        commands=(
            run(f"head -n 5 {folder}/{snapshot.name}"),
            run(f"grep -E ' [0-9]+-[0-9:]+ ' {folder}/{snapshot.name} | head -n 3"),
            run(f"grep defunct {folder}/{snapshot.name}"),
        ),
    )
    account = Step(
        analysis=random.choice(
            (
                "awk splits the time at the dash and at the colons; sums per user go out unsorted and sort brings them "
                "in order.",
                "Times become seconds first. Memory is the fourth column of the result, and sorted as a number.",
            )
        ),
        plan=random.choice(("Write users.csv.", "Sum up by user and sort by memory.")),
        commands=(
            run(f"echo user,load,processes,rss_kb,cpu_s > {folder}/users.csv"),
            run(f"awk '{users}' {folder}/{snapshot.name} | sort -t, -k 4,4nr -k 1,1 >> {folder}/users.csv"),
        ),
    )
    relate = Step(
        analysis=random.choice(
            (
                "Zombies need the name of their parent, which may come later in the listing: two passes. For the "
                "subtree I climb from every process towards pid 1.",
                f"A process belongs to the subtree if {snapshot.top} is among its ancestors; the parents are all in "
                "the listing.",
            )
        ),
        plan=random.choice(
            ("Write zombies.csv and subtree.txt.", "Read the listing twice for the zombies, then climb.")
        ),
        commands=(
            run(f"echo pid,parent,program > {folder}/zombies.csv"),
            run(f"awk '{zombies}' {folder}/{snapshot.name} {folder}/{snapshot.name} | sort -n >> {folder}/zombies.csv"),
            run(f"awk '{tree}' {folder}/{snapshot.name} | sort -n > {folder}/subtree.txt"),
        ),
    )
    check = Step(
        analysis=random.choice(("Three results, each short.", "I read the results and count the processes again.")),
        plan="Print the results; the counts must add up to the number of processes.",
        commands=(
            run(f"cat {folder}/users.csv {folder}/zombies.csv"),
            run(f"paste -sd ' ' {folder}/subtree.txt"),
            run(f"awk -F, '{{ n += $3 }} END {{ print n }}' {folder}/users.csv; wc -l {folder}/{snapshot.name}"),
        ),
    )
    return look, account, relate, check


def _checks(folder: str, snapshot: Snapshot) -> tuple[Check, ...]:
    users = {row[0]: list(row[1:]) for row in snapshot.users()}
    zombies = [["pid", "parent", "program"], *snapshot.zombies()]
    subtree = [str(pid) for pid in snapshot.descendants()]
    return (
        Check(
            "users",
            f"header, *rows = table('{folder}/users.csv')\nusers = {literal(users)}\n"
            f"assert header == {[column.name for column in COLUMNS]!r}\n"
            "assert {row[0]: row[1:] for row in rows} == users\nassert [row[0] for row in rows] == list(users)",
            3.0,
        ),
        Check("zombies", f"assert table('{folder}/zombies.csv') == {literal(zombies)}"),
        Check("subtree", f"pids = lines('{folder}/subtree.txt')\nassert pids == {subtree!r}"),
    )


SKILL = Skill(
    name="system-administration/process-snapshot",
    domain="system-administration",
    folders=("processes", "capacity", "ps-audit", "load"),
    tools=("head", "grep", "awk", "sort", "cat", "paste", "wc"),
    make=make,
    offers=(Table,),
)
