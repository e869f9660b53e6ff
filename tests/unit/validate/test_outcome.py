"""What counts as a solution's results."""

from termforge.schemas import Command, File, ImageRecipe, Provenance, Step, TerminalTask
from termforge.validate.outcome import results


def task(keystrokes: str, instruction: str = "Do it.") -> TerminalTask:
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction=instruction,
        files=(File(path="/app/in", content=b"1"),),
        solution=(Step(analysis="", plan="", commands=(Command(keystrokes=keystrokes),)),),
        provenance=Provenance(source="forge", generator="test@1"),
    )


def left(*names: str) -> list[File]:
    return [File(path=f"/app/{name}", content=b"1") for name in ("in", *names)]


TYPED = "cat > /app/solve.py <<'E'\nprint(1)\nE\npython3 /app/solve.py > /app/out\n"


def test_a_helper_that_was_typed_is_no_result() -> None:
    assert list(results(task(TYPED), left("solve.py", "out"))) == ["/app/out"]


def test_what_the_instruction_names_is_one_even_if_it_was_typed() -> None:
    assert list(results(task(TYPED, "Write solve.py."), left("solve.py", "out"))) == ["/app/out", "/app/solve.py"]


def test_what_was_typed_is_the_result_where_there_is_no_other() -> None:
    assert list(results(task(TYPED), left("solve.py"))) == ["/app/solve.py"]
