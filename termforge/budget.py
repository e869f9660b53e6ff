"""A run's budget in dollars and tokens, and the ledger of every call, in one SQLite file.

Threads, processes and restarts of a run share the file. A call reserves its worst case first and is settled at what it
used, so settled + reserved never passes the limit, whoever dies when. An unsettled reservation counts at its worst case
for as long as it exists; when its holder is provably gone (its process is dead, or the call's own time is over) it is
*settled* at the worst case, because the money may have been spent. The file must lie on a POSIX file system of one
machine, not on a network share. No text and no key is written to it.
"""

import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from termforge.errors import BudgetExhausted, InputError, StoreError
from termforge.schemas import Usage

if TYPE_CHECKING:
    import polars

_NANO = 1_000_000_000
"""Money is kept in whole billionths of a dollar: sums of floats drift."""

_GRACE_S = 60.0
"""How long after its own time limit a call without a sign of its holder counts as lost."""

_LOST = "lost"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY,
    started REAL NOT NULL,
    purpose TEXT NOT NULL,
    model TEXT NOT NULL,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    born TEXT NOT NULL,
    expires REAL NOT NULL,
    outcome TEXT,
    charged_nano INTEGER NOT NULL,
    charged_tokens INTEGER NOT NULL,
    cost_nano INTEGER,
    input_tokens INTEGER,
    cached_tokens INTEGER,
    output_tokens INTEGER,
    seconds REAL
);
CREATE INDEX IF NOT EXISTS calls_under_way ON calls (charged_nano, charged_tokens) WHERE outcome IS NULL;
CREATE TABLE IF NOT EXISTS settled (only INTEGER PRIMARY KEY CHECK (only = 1), nano INTEGER, tokens INTEGER);
INSERT OR IGNORE INTO settled VALUES (1, 0, 0);
"""


class Spent(NamedTuple):
    """Where a budget stands. Settled and reserved are disjoint."""

    settled_usd: float
    settled_tokens: int
    reserved_usd: float
    reserved_tokens: int


class WorstCase(NamedTuple):
    usd: float | None
    """None where no price is known."""
    tokens: int


class Budget:
    """One process's hold on the file; open one per process (SQLite connections do not survive a fork).

    A limit of None is none: such a budget is only the ledger. Every process of a run must name the same limits; a later
    run may raise them.
    """

    def __init__(self, path: Path, *, usd: float | None = None, tokens: int | None = None) -> None:
        self.usd = usd
        self.tokens = tokens
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
        try:
            _set_up(self._db)
        except sqlite3.Error as error:
            self._db.close()
            raise StoreError(f"{path} is not a budget file: {error}") from error
        with self._transaction():
            self._settle_the_lost()

    def reserve(
        self, worst: WorstCase, *, model: str, purpose: str = "", call_s: float = 600.0, wait_s: float = 0.0
    ) -> "Reservation":
        """Set the worst case of one call aside. Waits up to `wait_s` while only calls under way stand in its way.

        Raises: BudgetExhausted; InputError where dollars are limited and the model has no price.
        """
        if worst.usd is None and self.usd is not None:
            raise InputError(f"no price is known for {model!r}, so a dollar budget cannot hold: name its prices")
        deadline = time.monotonic() + wait_s
        pause_s = 0.02
        while True:
            with self._transaction():
                if self._shortage(worst) is None:
                    return self._insert(worst, model, purpose, call_s)
                self._settle_the_lost()
                shortage = self._shortage(worst)
                hopeless = self._shortage(worst, under_way=False) is not None
            if shortage is not None and (hopeless or time.monotonic() >= deadline):
                raise BudgetExhausted(shortage)
            time.sleep(min(pause_s, max(0.0, deadline - time.monotonic())))
            pause_s = min(0.5, pause_s * 2)

    def spent(self) -> Spent:
        with self._transaction():
            settled, reserved = self._settled(), self._reserved()
        return Spent(settled[0] / _NANO, settled[1], reserved[0] / _NANO, reserved[1])

    def ledger(self) -> "polars.DataFrame":
        """One row per call. `cost_usd` is null where unknown; `charged_*` is what counts against the budget."""
        import polars as pl

        with self._transaction():
            cursor = self._db.execute(
                f"SELECT started AS time, purpose, model, coalesce(outcome, 'under way') AS outcome, input_tokens,"
                f" cached_tokens, output_tokens, cost_nano / {_NANO}.0 AS cost_usd,"
                f" charged_nano / {_NANO}.0 AS charged_usd, charged_tokens, seconds FROM calls ORDER BY id"
            )
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
        texts = {"purpose", "model", "outcome"}
        floats = {"time", "cost_usd", "charged_usd", "seconds"}
        schema = {name: pl.String if name in texts else pl.Float64 if name in floats else pl.Int64 for name in names}
        time_utc = pl.from_epoch((pl.col("time") * 1e6).cast(pl.Int64), time_unit="us").dt.replace_time_zone("UTC")
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(time_utc)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _insert(self, worst: WorstCase, model: str, purpose: str, call_s: float) -> "Reservation":
        machine, pid, born = _self()
        now = time.time()
        cursor = self._db.execute(
            "INSERT INTO calls (started, purpose, model, machine, pid, born, expires, charged_nano, charged_tokens)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (now, purpose, model, machine, pid, born, now + call_s + _GRACE_S, _nano(worst.usd or 0.0), worst.tokens),
        )
        assert cursor.lastrowid is not None
        return Reservation(self, cursor.lastrowid, worst)

    def _finish(self, call: int, usage: Usage | None, charge: tuple[int, int], outcome: str, seconds: float) -> None:
        """A call that was given up as lost and then reports after all is corrected."""
        with self._transaction():
            row = self._db.execute("SELECT outcome, charged_nano, charged_tokens FROM calls WHERE id = ?", (call,))
            before, lost_nano, lost_tokens = row.fetchone()
            assert before in (None, _LOST), f"call {call} was settled before"
            cost = None if usage is None or usage.cost_usd is None else _nano(usage.cost_usd)
            counts = (usage.input_tokens, usage.cached_tokens, usage.output_tokens) if usage else (None, None, None)
            self._db.execute(
                "UPDATE calls SET outcome = ?, charged_nano = ?, charged_tokens = ?, cost_nano = ?, input_tokens = ?,"
                " cached_tokens = ?, output_tokens = ?, seconds = ? WHERE id = ?",
                (outcome, *charge, cost, *counts, seconds, call),
            )
            nano, tokens = (lost_nano, lost_tokens) if before == _LOST else (0, 0)
            self._add_to_settled(charge[0] - nano, charge[1] - tokens)

    def _shortage(self, worst: WorstCase, *, under_way: bool = True) -> str | None:
        """Why the worst case does not fit beside what is settled and, unless left out, under way; None if it does."""
        settled = self._settled()
        reserved = self._reserved() if under_way else (0, 0)
        nano, tokens = _nano(worst.usd or 0.0), worst.tokens
        if self.usd is not None and settled[0] + reserved[0] + nano > int(self.usd * _NANO):
            return (
                f"the budget of ${self.usd:g} does not cover a call of up to ${nano / _NANO:.6f}:"
                f" ${settled[0] / _NANO:.6f} spent, ${reserved[0] / _NANO:.6f} reserved"
            )
        if self.tokens is not None and settled[1] + reserved[1] + tokens > self.tokens:
            return (
                f"the budget of {self.tokens} tokens does not cover a call of up to {tokens}:"
                f" {settled[1]} spent, {reserved[1]} reserved"
            )
        return None

    def _settled(self) -> tuple[int, int]:
        nano, tokens = self._db.execute("SELECT nano, tokens FROM settled").fetchone()
        return nano, tokens

    def _reserved(self) -> tuple[int, int]:
        nano, tokens = self._db.execute(
            "SELECT coalesce(sum(charged_nano), 0), coalesce(sum(charged_tokens), 0) FROM calls WHERE outcome IS NULL"
        ).fetchone()
        return nano, tokens

    def _add_to_settled(self, nano: int, tokens: int) -> None:
        self._db.execute("UPDATE settled SET nano = nano + ?, tokens = tokens + ?", (nano, tokens))

    def _settle_the_lost(self) -> None:
        rows = self._db.execute(
            "SELECT id, machine, pid, born, expires, charged_nano, charged_tokens FROM calls WHERE outcome IS NULL"
        ).fetchall()
        for call, machine, pid, born, expires, nano, tokens in rows:
            if expires < time.time() or _is_dead(machine, pid, born):
                self._db.execute("UPDATE calls SET outcome = ? WHERE id = ?", (_LOST, call))
                self._add_to_settled(nano, tokens)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreError(f"budget file {self._path}: {error}") from error


class Reservation:
    """Money and tokens set aside for one call. Left as a block without being settled, it counts at its worst case."""

    def __init__(self, budget: Budget, call: int, worst: WorstCase) -> None:
        self._budget = budget
        self._call = call
        self._worst = worst
        self._started = time.monotonic()
        self._open = True

    def settle(self, usage: Usage | None, outcome: str) -> None:
        """Count what was used; what `usage` does not say counts at its worst case."""
        tokens = usage.input_tokens + usage.output_tokens if usage else 0
        cost = usage.cost_usd if usage else None
        worst_nano = _nano(self._worst.usd or 0.0)
        self._finish(usage, (worst_nano if cost is None else _nano(cost), tokens or self._worst.tokens), outcome)

    def release(self, outcome: str) -> None:
        """Count nothing: the service never took the call on."""
        self._finish(None, (0, 0), outcome)

    def _finish(self, usage: Usage | None, charge: tuple[int, int], outcome: str) -> None:
        self._open = False
        self._budget._finish(self._call, usage, charge, outcome, time.monotonic() - self._started)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._open:
            self.settle(None, "interrupted" if error else "unknown")


def _set_up(db: sqlite3.Connection) -> None:
    """The change to WAL does not wait for a lock: of processes that open a new file at once some are told `busy`."""
    deadline = time.monotonic() + 10.0
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(_SCHEMA)


def _nano(usd: float) -> int:
    """Rounded up: a reservation must not be a hair too small."""
    return math.ceil(usd * _NANO - 1e-6)


def _self() -> tuple[str, int, str]:
    return _machine(), os.getpid(), _born(os.getpid()) or ""


def _machine() -> str:
    """This boot and process namespace, within which a pid means something; empty where /proc does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_dead(machine: str, pid: int, born: str) -> bool:
    """Provably: seen from the same machine, no process has this pid or it was born at another time."""
    return machine != "" and machine == _machine() and _born(pid) != born


def _born(pid: int) -> str | None:
    """The process's start in clock ticks since boot; None where there is no such process (a zombie counts as none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
