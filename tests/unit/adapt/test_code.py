import json

import pytest

from termforge.adapt.code import KIND, whole_program
from termforge.adapt.kind import task_of
from termforge.adapt.sources import Prompt
from termforge.images import HOST
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.sandbox.protocol import Engine
from termforge.schemas import Command, ImageRecipe, Step, TerminalTask, Trajectory
from termforge.stages.machine import open_engine

FUNCTION = Prompt(
    "def halves(x):\n    '''Half of each number.'''",
    "set",
    "1",
    solution="    return [n / 2 for n in x]\n",
    tests="def check(candidate):\n    assert candidate([2, 3]) == [1.0, 1.5]\n    assert candidate([]) == []\n",
    entry_point="halves",
)
PROGRAM = Prompt(
    "Read two numbers and print their sum.",
    "set",
    "2",
    solution="print(sum(map(int, input().split())))",
    tests=json.dumps({"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7"]}),
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine("bubblewrap")


def played(task: TerminalTask, program: str, engine: Engine) -> Trajectory:
    """The trial of an agent that writes this program."""
    typed = Command(keystrokes=f"cat > /app/solution.py << 'END'\n{program}\nEND\n", duration_s=0.5)
    task = task.model_copy(update={"solution": (Step(analysis="", plan="", commands=(typed,)),)})
    *_, last = roll_out(Trial(task, 0, "t"), RolloutConfig(), engine, Oracle(task, seed="t"))
    return last


@pytest.mark.bubblewrap
@pytest.mark.parametrize("prompt", [FUNCTION, PROGRAM], ids=["function", "program"])
def test_the_solution_of_the_source_is_judged_solved(prompt: Prompt, engine: Engine) -> None:
    task = task_of(KIND, prompt, HOST)
    *_, last = roll_out(Trial(task, 0, "t"), RolloutConfig(), engine, Oracle(task, seed="t"))
    assert last.outcome == "solved", last.verdict


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    "program",
    [
        "def halves(x): return x",
        "def halves(x): raise SystemExit(0)",
        "def other(x): return x",
        "class Equal(list):\n    def __eq__(self, other): return True\ndef halves(x): return Equal()",
        "import os\ndef halves(x):\n    os.write(3, b'[1.0, 1.5]')\n    os._exit(0)",
        "import os\ndef halves(x):\n    print(open('/tests/test_solution.py').read())\n    return [1.0, 1.5]",
        "while True: pass",
    ],
)
def test_a_function_that_does_not_do_it_scores_nothing(program: str, engine: Engine) -> None:
    verdict = played(task_of(KIND, FUNCTION, HOST), program, engine).verdict
    assert verdict is not None
    assert (verdict.score, verdict.error) == (0.0, None)


@pytest.mark.bubblewrap
def test_a_program_that_passes_the_first_case_alone_gets_its_share(engine: Engine) -> None:
    verdict = played(task_of(KIND, PROGRAM, HOST), "print(3)", engine).verdict
    assert verdict is not None
    assert (verdict.score, verdict.solved) == (0.2, False)


def test_tests_and_solution_stand_in_no_file_of_the_agent() -> None:
    task = task_of(KIND, FUNCTION, HOST)
    assert task.files == ()
    assert "1.5" not in task.instruction


def test_a_prompt_without_tests_gets_none_as_in_the_paper() -> None:
    task = task_of(KIND, Prompt("Print 1.", "set", "1"), HOST)
    assert (task.verifier, task.solution) == (None, None)


def test_a_program_begins_with_the_prompt_where_the_solution_is_its_rest() -> None:
    assert whole_program(FUNCTION) == f"{FUNCTION.text}\n    return [n / 2 for n in x]"
    assert whole_program(PROGRAM) == PROGRAM.solution
    assert whole_program(FUNCTION._replace(solution="```python\ndef halves(x):\n    return []\n```")) is not None
    assert whole_program(FUNCTION._replace(solution="return (")) is None


def test_the_image_named_is_the_one_of_the_task() -> None:
    recipe = ImageRecipe(name="software-engineering", recipe="abc")
    assert task_of(KIND, PROGRAM, recipe).image == recipe
