"""Debugging: from a log of locks, the order in which they nest, pairs taken both ways round, and who is stuck."""

from collections import Counter
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

LOCKS = ("accounts", "audit", "cache", "config", "index", "journal", "pool", "queue", "session")
THREADS = ("acceptor", "flusher", "indexer", "janitor", "mailer", "reader", "sweeper", "worker")


class Findings(NamedTuple):
    nested: Counter[tuple[str, str]]
    """(held, taken) → times."""
    waiting: dict[str, str]
    """thread → lock."""
    owner: dict[str, str]
    """lock → thread."""

    @property
    def inversions(self) -> list[str]:
        return sorted(f"{a} {b}" for a, b in self.nested if a < b and (b, a) in self.nested)

    @property
    def stuck(self) -> list[str]:
        """Threads that wait, directly or through others, for themselves."""
        return sorted(thread for thread in self.waiting if self._waits_for_itself(thread))

    def _waits_for_itself(self, thread: str) -> bool:
        at, seen = thread, set()
        while at in self.waiting and at not in seen:
            seen.add(at)
            at = self.owner[self.waiting[at]]
            if at == thread:
                return True
        return False


def make(random: Random, setting: Setting) -> Fragment:
    folder = setting.folder
    path = f"{folder}/{random.choice(('locks', 'mutex', 'sync'))}.log"
    log = _log(random, setting.level)
    found = _found(log)
    columns = (Column("pair", "key"), Column("held", "word"), Column("taken", "word"), Column("times", "whole"))
    rows = [(f"{held}>{taken}", held, taken, str(found.nested[held, taken])) for held, taken in sorted(found.nested)]
    nesting = Table(f"{folder}/nesting.csv", columns, tuple(rows))
    return Fragment(
        title="Locks taken the wrong way round",
        brief=_brief(folder, path),
        files=(text_file(path, "".join(f"{line}\n" for line in log)),),
        steps=_steps(random, folder, path),
        checks=_checks(folder, nesting, found),
        outputs=(nesting.path, f"{folder}/inversions.txt", f"{folder}/stuck.txt"),
        offers=(nesting,),
    )


def _log(random: Random, level: int) -> list[str]:
    """Each thread takes and gives back a few locks, one after the other; at the end two or three wait in a circle."""
    threads, locks = random.sample(THREADS, 4), random.sample(LOCKS, 6)
    events = [event for _ in range(8 + 6 * level) for event in _nest(random.choice(threads), random.sample(locks, 3))]
    events += _nest(threads[0], [locks[0], locks[1]]) + _nest(threads[1], [locks[1], locks[0]])
    circle = 2 + level % 2
    events += [(threads[place], "got", locks[place]) for place in range(circle)]
    events.append((threads[3], "got", locks[5]))
    events += [(threads[place], "wants", locks[(place + 1) % circle]) for place in range(circle)]
    events.append((threads[3], "wants", locks[0]))
    time = random.randint(100, 900)
    log = []
    for thread, word, lock in events:
        time += random.randint(1, 60)
        log.append(f"{time} {thread} {word} {lock}")
    return log


def _nest(thread: str, locks: list[str]) -> list[tuple[str, str, str]]:
    """Given back in the order of taking, so that a stack would not do."""
    taking = [(thread, word, lock) for lock in locks for word in ("wants", "got")]
    return taking + [(thread, "gave", lock) for lock in locks]


def _found(log: list[str]) -> Findings:
    nested: Counter[tuple[str, str]] = Counter()
    waiting: dict[str, str] = {}
    owner: dict[str, str] = {}
    for line in log:
        _, thread, word, lock = line.split()
        if word == "wants":
            waiting[thread] = lock
        elif word == "got":
            nested.update((held, lock) for held in owner if owner[held] == thread)
            waiting.pop(thread, None)
            owner[lock] = thread
        else:
            del owner[lock]
    return Findings(nested, waiting, owner)


def _brief(folder: str, log: str) -> str:
    return f"""\
`{log}` has lines `<ms> <thread> <event> <lock>`: a thread `wants` a lock, `got` it (at times without a line for the
wanting) or `gave` it back. At the end of the log some threads hang. Write:
- `{folder}/nesting.csv`, header `pair,held,taken,times`: for each pair of locks how often a thread got `taken` while it
  held `held`; `pair` is both names joined by `>`, such as `a>b`. Rows are sorted by `held`, then by `taken`, in byte
  order; pairs that never occur are left out.
- `{folder}/inversions.txt`: every two locks that were nested both ways round, as `<first> <second>` with the smaller
  name first, sorted, each once.
- `{folder}/stuck.txt`: the threads that are part of a circle at the end (each wants a lock that the next one holds),
  sorted, one a line. A thread that merely waits for one of them is not listed."""


def _steps(random: Random, folder: str, log: str) -> tuple[Step, ...]:
    program = f"""
use strict;
use warnings;
my (%nested, %wants, %owner);
while (<>) {{
    my (undef, $thread, $event, $lock) = split;
    if ($event eq "wants") {{
        $wants{{$thread}} = $lock;
    }} elsif ($event eq "gave") {{
        delete $owner{{$lock}};
    }} else {{
        $nested{{$_}}{{$lock}}++ for grep {{ $owner{{$_}} eq $thread }} keys %owner;
        delete $wants{{$thread}};
        $owner{{$lock}} = $thread;
    }}
}}
open(my $nesting, ">", "{folder}/nesting.csv") or die $!;
open(my $inversions, ">", "{folder}/inversions.txt") or die $!;
open(my $stuck, ">", "{folder}/stuck.txt") or die $!;
print $nesting "pair,held,taken,times\\n";
for my $held (sort keys %nested) {{
    for my $taken (sort keys %{{$nested{{$held}}}}) {{
        print $nesting "$held>$taken,$held,$taken,$nested{{$held}}{{$taken}}\\n";
        next unless $held lt $taken and exists $nested{{$taken}};
        print $inversions "$held $taken\\n" if $nested{{$taken}}{{$held}};
    }}
}}
for my $thread (sort keys %wants) {{
    my ($at, %seen) = ($thread);
    while (defined $wants{{$at}} and not $seen{{$at}}) {{
        $seen{{$at}} = "yes";
        $at = $owner{{$wants{{$at}}}};
    }}
    print $stuck "$thread\\n" if $at eq $thread;
}}
"""
    return (
        Step(
            analysis=random.choice(
                (
                    "A hang after many lock events smells of locks taken in opposite orders. I look at the end first.",
                    "The last lines should show who waits for whom; the counts show how much there is to read.",
                )
            ),
            plan=random.choice(("Tail of the log, and counts of events.", "Count events, print the last lines.")),
            commands=(
                run(f"tail -n 12 {log}"),
                run(f"awk '{{ print $3 }}' {log} | sort | uniq -c"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "Replaying the log with the present owner of every lock gives the nesting; at the end I follow "
                    "wanted lock and owner from each waiting thread and see whether I come back to it.",
                    "Two hashes, owner of a lock and wish of a thread, are the whole state. Pairs are counted when a "
                    "lock is got; a circle is a walk through both that returns to its start.",
                )
            ),
            plan=random.choice(("Write it in Perl, run it.", "Type lockorder.pl, run it, print all reports.")),
            commands=(
                write(f"{folder}/lockorder.pl", program),
                run(f"perl {folder}/lockorder.pl {log}", 1.0),
                run(f"wc -l {folder}/nesting.csv"),
                run(f"cat {folder}/inversions.txt {folder}/stuck.txt"),
            ),
        ),
    )


def _checks(folder: str, nesting: Table, found: Findings) -> tuple[Check, ...]:
    rows = [nesting.header, *(list(row) for row in nesting.rows)]
    busiest = max(found.nested.values())
    return (
        Check("nesting", f"assert table({nesting.path!r}) == {literal(rows)}", 3.0),
        Check(
            "most_frequent",
            f"rows = [row for row in table({nesting.path!r})[1:] if row[-1] == {str(busiest)!r}]\n"
            f"assert rows == {literal([row for row in rows if row[-1] == str(busiest)])}",
        ),
        Check("inversions", f"assert lines({folder + '/inversions.txt'!r}) == {literal(found.inversions)}", 2.0),
        Check("stuck", f"assert lines({folder + '/stuck.txt'!r}) == {literal(found.stuck)}", 2.0),
    )


SKILL = Skill(
    name="debugging/lock-order",
    domain="debugging",
    folders=("locks", "deadlock", "hang", "mutexes"),
    tools=("tail", "awk", "sort", "uniq", "perl", "wc", "cat"),
    make=make,
    offers=(Table,),
)
