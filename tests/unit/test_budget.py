"""The budget holds across threads, processes and kills; the endpoint's log is the truth about what was billed."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from termforge.budget import Budget, WorstCase
from termforge.errors import BudgetExhausted, InputError, StoreError
from termforge.schemas import Usage
from tests.scripted_endpoint import ScriptedEndpoint

HOLD = """
import sys, time
from pathlib import Path
from termforge.budget import Budget, WorstCase
budget = Budget(Path(sys.argv[1]), usd=1.0, tokens=1000)
with budget.reserve(WorstCase(0.4, 300), model="m", purpose="doomed"):
    print("held", flush=True)
    time.sleep(60)
"""

SPEND = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from termforge.budget import Budget
from termforge.errors import BudgetExhausted
from termforge.teacher import ChatMessage, LitellmTeacher, TeacherConfig

config = TeacherConfig(
    model="hosted_vllm/scripted", api_base=sys.argv[2], max_output_tokens=64, attempts=1,
    usd_per_million_input=0.0, usd_per_million_output=1e6,
)
budget = Budget(Path(sys.argv[1]), usd=float(sys.argv[3]))
teacher = LitellmTeacher(config, budget)
print("ready", flush=True)
sys.stdin.readline()

def spend(worker):
    calls = 0
    while True:
        try:
            teacher.for_purpose(f"worker-{worker}").reply([ChatMessage(role="user", content="go")], timeout_s=30)
        except BudgetExhausted:
            return calls
        calls += 1

with ThreadPoolExecutor(32) as pool:
    print(sum(pool.map(spend, range(32))), flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "budget.sqlite"


def worst(usd: float | None = 0.1, tokens: int = 100) -> WorstCase:
    return WorstCase(usd, tokens)


def started(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def doomed(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a reservation of $0.4 and 300 tokens."""
    with started(HOLD, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_settled_call_counts_what_it_used_and_frees_the_rest(path: Path) -> None:
    with Budget(path, usd=1.0) as budget:
        reservation = budget.reserve(worst(0.6), model="m")
        assert budget.spent() == (0.0, 0, 0.6, 100)
        with pytest.raises(BudgetExhausted, match=r"\$1 does not cover"):
            budget.reserve(worst(0.6), model="m")
        reservation.settle(Usage(input_tokens=3, output_tokens=4, cost_usd=0.25), "ok")
        assert budget.spent() == (0.25, 7, 0.0, 0)
        budget.reserve(worst(0.6), model="m")


def test_a_released_call_counts_nothing(path: Path) -> None:
    with Budget(path, tokens=100) as budget:
        budget.reserve(worst(None), model="m").release("rate limited")
        assert budget.spent() == (0.0, 0, 0.0, 0)
        budget.reserve(worst(None), model="m")


def test_what_a_service_does_not_say_counts_at_its_worst_case(path: Path) -> None:
    with Budget(path, usd=1.0) as budget:
        budget.reserve(worst(0.25, 100), model="m").settle(Usage(), "ok")
        budget.reserve(worst(0.25, 100), model="m").settle(None, "timed out")
        assert budget.spent() == (0.5, 200, 0.0, 0)


def test_a_block_that_is_left_by_an_error_counts_at_its_worst_case(path: Path) -> None:
    with Budget(path, usd=1.0) as budget:
        with pytest.raises(KeyboardInterrupt), budget.reserve(worst(0.25), model="m"):
            raise KeyboardInterrupt
        assert budget.spent().settled_usd == 0.25
        assert budget.ledger()["outcome"].to_list() == ["interrupted"]


def test_many_small_sums_fill_a_budget_exactly(path: Path) -> None:
    with Budget(path, usd=0.1) as budget:
        for _ in range(100):
            budget.reserve(worst(0.001), model="m").settle(None, "ok")
        with pytest.raises(BudgetExhausted):
            budget.reserve(worst(1e-9), model="m")


def test_a_call_waits_while_only_calls_under_way_stand_in_its_way(path: Path) -> None:
    with Budget(path, usd=1.0) as budget:
        reservation = budget.reserve(worst(0.9), model="m")
        usage = Usage(input_tokens=1, cost_usd=0.1)
        timer = threading.Timer(0.3, reservation.settle, (usage, "ok"))
        timer.start()
        budget.reserve(worst(0.5), model="m", wait_s=10)
        timer.join()
        started_s = time.monotonic()
        with pytest.raises(BudgetExhausted):  # it could not fit even if all under way were free
            budget.reserve(worst(0.95), model="m", wait_s=10)
        assert time.monotonic() - started_s < 1


def test_a_dollar_budget_refuses_what_has_no_price(path: Path) -> None:
    with Budget(path, usd=1.0) as budget, pytest.raises(InputError, match="no price"):
        budget.reserve(worst(None), model="m")


def test_a_dead_holders_call_is_settled_at_its_worst_case(path: Path, doomed: subprocess.Popen[str]) -> None:
    with Budget(path, usd=1.0, tokens=1000) as budget:
        assert budget.spent() == (0.0, 0, 0.4, 300)
        with pytest.raises(BudgetExhausted):
            budget.reserve(worst(0.7), model="m")
        assert budget.spent().reserved_usd == 0.4  # alive: still its own
        doomed.send_signal(signal.SIGKILL)
        doomed.wait()
        with pytest.raises(BudgetExhausted):
            budget.reserve(worst(0.7), model="m")
        assert budget.spent() == (0.4, 300, 0.0, 0)
        assert budget.ledger()["outcome"].to_list() == ["lost"]


def test_opening_a_budget_settles_what_a_crash_left(path: Path, doomed: subprocess.Popen[str]) -> None:
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    with Budget(path, usd=1.0) as budget:
        assert budget.spent() == (0.4, 300, 0.0, 0)


def test_a_call_from_elsewhere_is_lost_when_its_time_is_over_and_corrected_if_it_reports(path: Path) -> None:
    with Budget(path, usd=1.0) as budget:
        reservation = budget.reserve(worst(0.4), model="m", call_s=5)
        budget._db.execute("UPDATE calls SET machine = 'another', pid = 1, expires = expires - 60")
        with Budget(path) as other:
            assert other.spent().reserved_usd == 0.4  # another machine's pid says nothing here
        budget._db.execute("UPDATE calls SET expires = expires - 6")
        with Budget(path) as other:
            assert other.spent() == (0.4, 100, 0.0, 0)
        reservation.settle(Usage(input_tokens=1, output_tokens=1, cost_usd=0.1), "ok")
        assert budget.spent() == (0.1, 2, 0.0, 0)


def test_threads_never_pass_the_limit_between_them(path: Path) -> None:
    with Budget(path, tokens=20_000) as budget:

        def spend(worker: int) -> int:
            rng, used = random.Random(worker), 0
            while True:
                try:
                    reservation = budget.reserve(worst(None, 500), model="m")
                except BudgetExhausted:
                    return used
                tokens = rng.randint(1, 500)
                used += tokens
                assert sum(budget.spent()[1::2]) <= 20_000
                reservation.settle(Usage(input_tokens=tokens), "ok")

        with ThreadPoolExecutor(16) as pool:
            used = sum(pool.map(spend, range(16)))
        assert 19_000 < used <= 20_000
        assert budget.spent() == (0.0, used, 0.0, 0)


def test_processes_may_open_a_new_budget_at_the_same_moment(path: Path) -> None:
    program = "import sys; from pathlib import Path; from termforge.budget import Budget; Budget(Path(sys.argv[1]))"
    processes = [started(program, path) for _ in range(4)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 4


def test_64_calls_at_once_from_two_processes_one_of_them_killed_stay_within_the_budget(path: Path) -> None:
    limit = 64 * 100
    reply = {"content": "x" * 128, "usage": {}, "stall_s": 0.3}  # 33 of up to 64 tokens, a dollar each
    with ScriptedEndpoint({"otherwise": reply}) as endpoint:
        survivor, victim = (started(SPEND, path, endpoint.url, limit) for _ in range(2))
        with survivor, victim:
            for process in (survivor, victim):
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            for process in (survivor, victim):
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            while len(endpoint.requests) < 80:
                time.sleep(0.01)
                assert survivor.poll() is None
            victim.send_signal(signal.SIGKILL)
            output, _ = survivor.communicate(timeout=60)
        billed = sum(request["usage"]["completion_tokens"] for request in endpoint.requests)
        in_flight = len(endpoint.requests) - int(output)
    assert survivor.returncode == 0
    assert victim.returncode == -signal.SIGKILL
    assert in_flight > 0
    assert billed <= limit
    with Budget(path, usd=limit) as budget:
        spent = budget.spent()
        ledger = budget.ledger()
    assert billed <= spent.settled_usd <= limit
    assert spent.reserved_usd == 0
    assert spent.settled_usd > limit - 64  # and it was really used up
    assert set(ledger["outcome"]) == {"ok", "lost"}


def test_the_ledger_has_a_row_for_every_call(path: Path) -> None:
    with Budget(path, usd=1.0) as budget:
        used = Usage(input_tokens=10, cached_tokens=4, output_tokens=5, cost_usd=0.01)
        budget.reserve(worst(), model="m", purpose="trial-1").settle(used, "ok")
        budget.reserve(worst(), model="m", purpose="trial-2").release("rate limited")
        budget.reserve(worst(), model="m", purpose="trial-3")
        rows = budget.ledger().drop("time", "seconds").rows()
    assert rows == [
        ("trial-1", "m", "ok", 10, 4, 5, 0.01, 0.01, 15),
        ("trial-2", "m", "rate limited", None, None, None, None, 0.0, 0),
        ("trial-3", "m", "under way", None, None, None, None, 0.1, 100),
    ]


def test_an_empty_ledger_has_its_columns(path: Path) -> None:
    with Budget(path) as budget:
        assert budget.ledger().is_empty()
        assert budget.ledger().schema["time"].is_temporal()


def test_a_file_that_is_no_budget_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        Budget(path)
    assert path.read_text().startswith("not a database")


def test_a_spent_budget_may_be_raised_by_a_later_run(path: Path) -> None:
    with Budget(path, usd=0.1) as budget:
        budget.reserve(worst(0.1), model="m").settle(None, "ok")
        with pytest.raises(BudgetExhausted):
            budget.reserve(worst(0.1), model="m")
    with Budget(path, usd=0.2) as budget:
        budget.reserve(worst(0.1), model="m")


def test_this_process_is_not_taken_for_dead(path: Path) -> None:
    with Budget(path, usd=1.0) as budget:
        budget.reserve(worst(0.1), model="m", purpose=str(os.getpid()))
        with Budget(path) as other:
            assert other.spent().reserved_usd == 0.1
