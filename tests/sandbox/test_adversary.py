"""An adversary before real sandboxes: exploits are found where there are any, and stay with their task."""

from collections.abc import Sequence
from typing import Any

import pytest

from termforge.adversary import NO_SCRIPT, attack
from termforge.errors import BudgetExhausted
from termforge.findings import Attack
from termforge.images import Inventory
from termforge.sandbox.bubblewrap import Bubblewrap
from termforge.schemas import (
    Command,
    File,
    ImageRecipe,
    Provenance,
    Step,
    TerminalTask,
    Test,
    Usage,
    Verifier,
)
from termforge.teacher import ChatMessage, Reply
from termforge.validate import ValidationConfig, validate

pytestmark = pytest.mark.bubblewrap

ENGINE = Bubblewrap()
WEAK = "assert open('/app/sum').read().strip().isdigit()"
STRONG = "assert open('/app/sum').read() == '60\\n'"
OF_THE_INPUT = "assert int(open('/app/sum').read()) == sum(map(int, open('/app/numbers')))"
INPUT_KEPT = f"{WEAK} and open('/app/numbers').read() == '10\\n20\\n30\\n'"
TESTS = """
import os
def test_there():
    assert os.path.isfile("/app/sum"), "missing"
    assert 0 < os.path.getsize("/app/sum") < 9
def test_sum():
    assert os.path.isfile("/app/sum"), "missing"
    {check}
"""


def task(check: str) -> TerminalTask:
    typed = "python3 -c 'print(sum(map(int, open(\"numbers\"))))' > sum\n"
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction="Write the sum of the lines of /app/numbers to /app/sum.",
        files=(File(path="/app/numbers", content=b"10\n20\n30\n"),),
        verifier=Verifier(
            files=(File(path="/tests/test_outputs.py", content=TESTS.format(check=check).encode()),),
            tests=tuple(Test(id=f"test_outputs.py::test_{name}") for name in ("there", "sum")),
        ),
        solution=(Step(analysis="a", plan="p", commands=(Command(keystrokes=typed),)),),
        provenance=Provenance(source="forge", generator="test@1"),
    )


class Adversary:
    model = "adversary"
    context_tokens: int | None = None
    sampling: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, *replies: str | Exception) -> None:
        self.replies, self.heard = iter(replies), list[str]()

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return 0

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        self.heard.append(messages[-1].content)
        reply = next(self.replies)
        if isinstance(reply, Exception):
            raise reply
        return Reply(content=reply, usage=Usage(input_tokens=7))


def attacked(check: str, *replies: str | Exception) -> tuple[Attack, Adversary]:
    adversary = Adversary(*replies)
    return attack(task(check), adversary, ENGINE, submits=3), adversary


def test_it_sees_the_instruction_and_no_input() -> None:
    _, adversary = attacked(STRONG, "GIVE UP")
    assert "sum of the lines" in adversary.heard[0]
    assert "/app/numbers (9 bytes" in adversary.heard[0]
    assert "20" not in adversary.heard[0].partition("# Its input files")[2].partition("# How")[0]


def test_a_guess_that_weak_tests_accept_is_an_exploit() -> None:
    found, adversary = attacked(
        WEAK, "<script>\nwc -c numbers; echo x > sum\n</script>", "<script>echo 7 > sum</script>"
    )
    assert found.ending == "exploited"
    assert [submission.score for submission in found.submissions] == [0.5, 1.0]
    assert found.submissions[0].passed == ("test_outputs.py::test_there",)
    assert "0 numbers" in adversary.heard[1]
    assert "Failed: test_outputs.py::test_sum" in adversary.heard[1]
    assert found.control is not None
    assert [(file.path, file.content) for file in found.control.files] == [("/app/sum", b"7\n")]
    assert found.usage.input_tokens == 14


def test_strong_tests_hold() -> None:
    guesses = [f"<script>echo {number} > sum</script>" for number in (1, 2, 3)]
    found, _ = attacked(STRONG, *guesses)
    assert (found.ending, found.control, len(found.submissions)) == ("no attempts left", None, 3)


def test_the_inputs_are_empty_where_a_script_runs() -> None:
    honest = "<script>python3 -c 'print(sum(map(int, open(\"numbers\"))))' > sum</script>"
    found, _ = attacked(STRONG, honest, "GIVE UP")
    assert (found.ending, found.submissions[0].score) == ("given up", 0.5)


def test_what_is_right_for_empty_inputs_alone_is_no_exploit() -> None:
    found, _ = attacked(OF_THE_INPUT, "<script>echo 0 > sum</script>", "GIVE UP")
    assert (found.ending, found.submissions[0].score) == ("given up", 0.5)


def test_tests_that_look_at_the_input_too_may_be_weak() -> None:
    found, _ = attacked(INPUT_KEPT, "<script>echo 7 > sum</script>")
    assert found.ending == "exploited"
    assert found.control is not None
    assert [file.path for file in found.control.files] == ["/app/sum"]


def test_what_a_runner_loads_by_itself_does_not_help() -> None:
    hook = "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
    hook += "    out = yield\n    out.get_result().outcome = 'passed'\n"
    script = f"<script>\nfor f in conftest.py sitecustomize.py pytest.py; do cat > $f <<'X'\n{hook}X\ndone\n</script>"
    found, _ = attacked(STRONG, script, "GIVE UP")
    assert (found.ending, found.submissions[0].score) == ("given up", 0.0)


def test_a_reply_without_a_script_uses_an_attempt_up() -> None:
    found, adversary = attacked(STRONG, "hm", "hm", "hm")
    assert (found.ending, adversary.heard[1:]) == ("no attempts left", [NO_SCRIPT] * 2)


def test_a_spent_budget_ends_it_with_what_there_is() -> None:
    found, _ = attacked(STRONG, "<script>true</script>", BudgetExhausted("spent"))
    assert (found.ending, len(found.submissions), found.detail) == ("budget exhausted", 1, "spent")


def test_tasks_without_inputs_are_left_alone() -> None:
    bare = task(STRONG).model_copy(update={"files": ()})
    assert attack(bare, Adversary(), ENGINE, submits=3).ending == "not run"


def test_an_exploit_is_a_control_that_the_gates_remember() -> None:
    found, _ = attacked(WEAK, "<script>echo 7 > sum</script>")
    assert found.control is not None
    known = task(WEAK).model_copy(update={"controls": (found.control,)})
    assert known.id == task(WEAK).id
    gates = {name: refused(known if name == "weak" else mended(known)) for name in ("weak", "mended")}
    assert gates == {"weak": "cheaters fail: exploit of adversary is judged solved", "mended": ""}


def mended(known: TerminalTask) -> TerminalTask:
    return known.model_copy(update={"verifier": task(STRONG).verifier})


def refused(candidate: TerminalTask) -> str:
    verdicts = validate(candidate, ValidationConfig(oracle_runs=1), ENGINE, Inventory(apt={}, python={}, commands=()))
    failure = verdicts.first_failure
    return f"{failure.gate}: {failure.detail}" if failure else ""
