"""The oracle plays solutions: in order, with harmless slips, to the same end."""

import re
from itertools import pairwise

import pytest

from termforge.agent.protocol import Parsed, parse
from termforge.errors import InputError
from termforge.forge import forge_task
from termforge.oracle import MODEL, Oracle
from termforge.schemas import DOMAINS, Command, ImageRecipe, Provenance, Step, TerminalTask
from termforge.slips import SLIPS
from termforge.teacher import ChatMessage, Teacher

HOST = ImageRecipe(name="host", recipe="")
TASKS = tuple(forge_task(index, seed="oracle-tests", domain=DOMAINS[index % 9], image=HOST) for index in range(27))


def converse(oracle: Teacher, instruction: str = "Do it.") -> list[str]:
    """All replies until the second completion in a row, as the agent's loop would ask for them."""
    messages = [ChatMessage(role="user", content=instruction)]
    replies: list[str] = []
    pending = False
    while len(replies) < 60:
        content = oracle.reply(messages, timeout_s=1.0).content
        replies.append(content)
        parsed = parse(content)
        if not parsed.error:
            if pending and parsed.task_complete:
                return replies
            pending = parsed.task_complete
        messages += [ChatMessage(role="assistant", content=content), ChatMessage(role="user", content="screen")]
    raise AssertionError("the oracle never finished")


def keystrokes(replies: list[str]) -> list[str]:
    return [command.keystrokes for reply in replies for command in parse(reply).commands]


def slips_of(terminal_task: TerminalTask, seed: str) -> list[Parsed]:
    return [parse(reply) for reply in converse(Oracle(terminal_task, seed=seed, slip_rate=1.0))]


def test_without_slips_it_types_the_solution_and_confirms_once() -> None:
    for terminal_task in TASKS:
        replies = converse(Oracle(terminal_task, seed="1"))
        parsed = [parse(reply) for reply in replies]
        assert [reply.commands for reply in parsed] == [*(step.commands for step in terminal_task.solution), ()]
        assert [reply.analysis for reply in parsed][:-1] == [step.analysis for step in terminal_task.solution]
        assert [reply.task_complete for reply in parsed] == [False] * (len(parsed) - 2) + [True, True]
        assert not any(reply.error or reply.warning for reply in parsed)


def test_the_reply_depends_on_the_number_of_replies_alone() -> None:
    oracle = Oracle(TASKS[0], seed="1")
    first = [ChatMessage(role="user", content="x")]
    later = [*first, ChatMessage(role="assistant", content="anything"), ChatMessage(role="user", content="y")]
    assert oracle.reply(later, timeout_s=1).content == oracle.script[1]
    assert oracle.reply(first, timeout_s=1).content == oracle.script[0]
    beyond = first + [ChatMessage(role="assistant", content="z")] * 99
    assert oracle.reply(beyond, timeout_s=1).content == oracle.script[-1]


def test_usage_is_an_estimate_that_says_so_and_costs_nothing() -> None:
    oracle = Oracle(TASKS[0], seed="1", slip_rate=0.25)
    reply = oracle.reply([ChatMessage(role="user", content="x" * 400)], timeout_s=1)
    assert oracle.model == MODEL == "termforge/oracle"
    assert oracle.sampling == {"seed": "1", "slip_rate": 0.25, "tokens": "estimated: 4 characters each"}
    assert reply.usage.input_tokens == 100
    assert reply.usage.output_tokens == len(reply.content) // 4
    assert reply.usage.cost_usd == 0.0
    assert reply.finish_reason == "stop"


def test_the_same_seed_slips_in_the_same_way() -> None:
    once, again = (Oracle(TASKS[3], seed="s", slip_rate=0.5).script for _ in range(2))
    assert once == again
    assert Oracle(TASKS[3], seed="t", slip_rate=0.5).script != once


def test_the_slip_rate_is_the_share_of_steps_that_slip() -> None:
    steps = sum(len(terminal_task.solution) for terminal_task in TASKS)
    extra = sum(
        len(Oracle(terminal_task, seed="rate", slip_rate=0.3).script) - len(terminal_task.solution) - 1
        for terminal_task in TASKS
    )
    assert 0.2 < extra / steps < 0.4


def test_slips_are_of_every_kind() -> None:
    seen = [reply for number in range(4) for terminal_task in TASKS for reply in slips_of(terminal_task, str(number))]
    marks = {
        "typo": any("`pyhton3`" in str(reply.analysis) for reply in seen),
        "wrong path": any("There is no such file" in str(reply.analysis) for reply in seen),
        "missing flag": any(re.search("Without -|left the number out|needs -r", str(reply.analysis)) for reply in seen),
        "malformed reply": any(reply.error for reply in seen),
        "premature completion": any("too early" in str(reply.analysis) for reply in seen),
        "forgotten newline": any(reply.commands and reply.commands[-1].keystrokes == "\n" for reply in seen),
        "haste": any(reply.commands and not reply.commands[-1].keystrokes for reply in seen),
    }
    assert marks == dict.fromkeys(SLIPS, True)


def test_a_malformed_reply_executes_nothing_and_is_sent_again() -> None:
    for terminal_task in TASKS:
        replies = slips_of(terminal_task, "broken")
        for broken, resent in pairwise(replies):
            if broken.error:
                assert not broken.commands
                assert not broken.task_complete
                assert resent.commands
                assert not resent.error


def test_slips_never_confirm_a_task_before_its_last_step() -> None:
    for number, terminal_task in enumerate(TASKS):
        replies = converse(Oracle(terminal_task, seed=str(number), slip_rate=1.0))
        assert replies[-1] == Oracle(terminal_task, seed=str(number), slip_rate=1.0).script[-1]
        assert "".join(terminal_task.solution[-1].commands[-1].keystrokes.split()) in "".join(
            "".join(keystrokes(replies)).split()
        )


def test_a_task_without_a_solution_is_refused_by_name() -> None:
    terminal_task = TerminalTask(
        image=HOST, instruction="Prove the lemma.", provenance=Provenance(source="math", generator="adapt/math@1")
    )
    with pytest.raises(InputError, match=rf"{terminal_task.id} \(Prove the lemma"):
        Oracle(terminal_task, seed="1")


def test_a_slip_rate_beyond_one_is_refused() -> None:
    with pytest.raises(InputError, match="slip_rate"):
        Oracle(TASKS[0], seed="1", slip_rate=1.5)


def test_a_solution_of_one_step_can_be_played_with_slips() -> None:
    step = Step(analysis="A.", plan="P.", commands=(Command(keystrokes="touch /app/done\n"),))
    terminal_task = TASKS[0].model_copy(update={"solution": (step,)})
    for number in range(40):
        typed = "".join(keystrokes(converse(Oracle(terminal_task, seed=str(number), slip_rate=1.0))))
        assert "touch /app/done\n" in typed


def test_a_patient_oracle_types_the_same_and_waits_longer() -> None:
    def commands(patience: float) -> list[Command]:
        oracle = Oracle(TASKS[0], seed="0", patience=patience)
        return [command for reply in oracle.script for command in parse(reply).commands]

    for usual, patient in zip(commands(1.0), commands(5.0), strict=True):
        assert (patient.keystrokes, patient.duration_s) == (usual.keystrokes, pytest.approx(5 * usual.duration_s))
