"""Data processing: events of several days, in no order, are cut into sessions at pauses (sort, awk)."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

DAY = 24 * 3600
USERS = ("ana", "bo", "chidi", "dora", "emil", "fatou", "goran", "hanne", "ivo", "june")
THEMES = {
    "clicks": ("/home", "/cart", "/search", "/help", "/account"),
    "badge": ("lobby", "lab-1", "lab-2", "roof", "canteen"),
    "terminal": ("login", "edit", "build", "test", "deploy"),
    "machine": ("load", "cut", "drill", "inspect", "unload"),
}


class Session(NamedTuple):
    user: str
    day: str
    """YYYYMMDD."""
    number: int
    entry: str
    times: list[int]
    """Seconds since midnight, ascending."""

    @property
    def seconds(self) -> int:
        return self.times[-1] - self.times[0]


def make(random: Random, setting: Setting) -> Fragment:
    kind = random.choice(sorted(THEMES))
    minutes = random.choice((10, 15, 20, 30, 45))
    sessions, events = _draw(random, THEMES[kind], setting.level, 60 * minutes)
    files = tuple(
        text_file(
            f"{setting.folder}/{kind}-{day}.log", "".join(f"{line}\n" for line in random.sample(lines, len(lines)))
        )
        for day, lines in events.items()
    )
    table = Table(
        f"{setting.folder}/sessions.csv",
        (
            Column("session", "key"),
            Column("user", "word"),
            Column("date", "date"),
            Column("events", "whole"),
            Column("seconds", "whole"),
            Column("entry", "word"),
        ),
        tuple(_row(session) for session in sessions),
    )
    return Fragment(
        title=f"Cut the {kind} events into sessions",
        brief=_brief(setting.folder, kind, table, minutes),
        files=files,
        steps=_steps(random, setting.folder, kind, table, minutes),
        checks=_checks(setting.folder, table, sessions),
        outputs=(table.path, f"{setting.folder}/users.csv"),
        offers=(table,),
    )


def _draw(
    random: Random, actions: tuple[str, ...], level: int, pause: int
) -> tuple[list[Session], dict[str, list[str]]]:
    """Sessions by day and user; one user goes on over midnight without a pause."""
    users = sorted(random.sample(USERS, 3 + level))
    first = random.randint(1, 20)
    month = random.randint(1, 12)
    late = random.choice(users)
    sessions: list[Session] = []
    events: dict[str, list[str]] = {}
    for place in range(2):
        day = f"2025{month:02d}{first + place:02d}"
        events[day] = []
        for user in users:
            runs = _runs(random, random.randint(1, 2 + level // 2), pause)
            if user == late:
                runs = (
                    [[random.randrange(pause // 2)], *runs] if place else [*runs, [DAY - random.randint(1, pause // 2)]]
                )
            for number, times in enumerate(runs, 1):
                chosen = [random.choice(actions) for _ in times]
                sessions.append(Session(user, day, number, chosen[0], times))
                events[day] += [f"{_clock(at)} {user} {action}" for at, action in zip(times, chosen, strict=True)]
    return sessions, events


def _runs(random: Random, count: int, pause: int) -> list[list[int]]:
    """Times of sessions from the morning on: pauses within one are at most `pause`, those between often just longer."""
    now, runs = random.randint(6 * 3600, 9 * 3600), []
    for _ in range(count):
        times = [now]
        for _ in range(random.randint(0, 3)):
            times.append(times[-1] + random.choice((pause, pause, random.randint(1, pause))))
        runs.append(times)
        now = times[-1] + random.choice((pause + 1, pause + 1, random.randint(pause + 1, 3 * pause)))
    return runs


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _row(session: Session) -> tuple[str, ...]:
    day = session.day
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    name = f"{session.user}-{day}-{session.number}"
    return name, session.user, date, str(len(session.times)), str(session.seconds), session.entry


def _brief(folder: str, kind: str, table: Table, minutes: int) -> str:
    return f"""\
`{folder}` has a file `{kind}-<YYYYMMDD>.log` for each day, with lines `HH:MM:SS user action` in no particular order.
The events of a user on a day fall into sessions: an event belongs to the session of the user's previous event if it
comes at most {minutes} minutes after it, and starts a new session otherwise. Sessions end with the day.

Write `{table.path}` with the header `{",".join(table.header)}` and a row for each session, sorted by day, then user,
then start. `session` is `<user>-<YYYYMMDD>-<n>`, where n counts the sessions of this user on this day from 1; `date`
is ISO; `seconds` is the time from the first to the last event; `entry` is the action of the first event. Write
`{folder}/users.csv` with the header `user,sessions,events,longest` over all days: numbers of sessions and events and
the greatest `seconds`; most events first, equal ones by name."""


def _steps(random: Random, folder: str, kind: str, table: Table, minutes: int) -> tuple[Step, ...]:
    script = f"{folder}/sessions.sh"
    return (
        step(
            random,
            (
                "The events are unsorted, so I look at a sample and at how many there are a day.",
                "Let me see the files and some of their lines first.",
            ),
            ("List the days, count events, show a few.", "Print counts and the head of each file."),
            run(f"wc -l {folder}/{kind}-*.log"),
            run(f"head -n 5 {folder}/{kind}-*.log"),
        ),
        step(
            random,
            (
                "Sorted by user and time, a session is a run of lines: awk needs only the previous time and user. A "
                f"pause of exactly {minutes} minutes does not end a session.",
                "After a sort by user and clock, one pass with the last event in mind is enough. The comparison with "
                f"the limit of {60 * minutes} seconds must be strict.",
            ),
            (
                "Write a script that handles one day after the other, run it, and look at the sessions.",
                "Loop over the days, sort, let awk cut, and show the start of the table.",
            ),
            write(script, _script(folder, kind, table, 60 * minutes)),
            run(f"bash {script}", 1.0),
            run(f"head -n 12 {table.path}"),
        ),
        step(
            random,
            (
                "The users are a summary of that table.",
                "What is asked for each user can be summed from sessions.csv alone.",
            ),
            ("Sum by user with awk, sort by events, and show it.", "Build users.csv and read it."),
            run(f"echo user,sessions,events,longest > {folder}/users.csv"),
            run(
                "awk -F, 'NR > 1 {n[$2]++; e[$2] += $4; if ($5 > m[$2] + 0) m[$2] = $5} "
                'END {for (u in n) print u "," n[u] "," e[u] "," m[u] + 0}\' '
                f"{table.path} | sort -t, -k3,3nr -k1 >> {folder}/users.csv"
            ),
            run(f"cat {folder}/users.csv"),
        ),
    )


def _script(folder: str, kind: str, table: Table, pause: int) -> str:
    return f"""
cd {folder}
echo {",".join(table.header)} > {table.path}
for file in {kind}-*.log; do
    day=$(basename $file .log)
    day=${{day#{kind}-}}
    sort -k 2,2 -k 1,1 $file | awk -v day=$day '
    function finish() {{
        if (events) print user "-" day "-" number "," user "," iso "," events "," last - start "," entry
        events = 0
    }}
    BEGIN {{ iso = substr(day, 1, 4) "-" substr(day, 5, 2) "-" substr(day, 7) }}
    {{
        split($1, clock, ":")
        now = clock[1] * 3600 + clock[2] * 60 + clock[3]
        if ($2 != user || now - last > {pause}) {{
            finish()
            number = $2 == user ? number + 1 : 1
            user = $2
            start = now
            entry = $3
        }}
        events++
        last = now
    }}
    END {{ finish() }}' >> {table.path}
done
"""


def _checks(folder: str, table: Table, sessions: list[Session]) -> tuple[Check, ...]:
    totals: dict[str, list[int]] = {}
    for session in sessions:
        total = totals.setdefault(session.user, [0, 0, 0])
        total[:] = [total[0] + 1, total[1] + len(session.times), max(total[2], session.seconds)]
    ranked = sorted(totals.items(), key=lambda item: (-item[1][1], item[0]))
    users = [[name, *map(str, total)] for name, total in ranked]
    return (
        Check(
            "session_names",
            f"names = [row[0] for row in table({table.path!r})[1:]]\n"
            f"assert names == {literal([row[0] for row in table.rows])}",
        ),
        Check("sessions", f"assert table({table.path!r}) == {literal([table.header, *map(list, table.rows)])}", 3.0),
        Check(
            "users",
            f"header, *rows = table({folder + '/users.csv'!r})\n"
            f"assert header == ['user', 'sessions', 'events', 'longest']\nassert rows == {literal(users)}",
            2.0,
        ),
    )


SKILL = Skill(
    name="data-processing/sessionize",
    domain="data-processing",
    folders=("sessions", "activity", "events", "visits"),
    tools=("bash", "awk", "sort", "basename", "head", "wc", "cat"),
    make=make,
    offers=(Table,),
)
