"""What agents that do not work leave: where, with which content and mode."""

from termforge.schemas import File, ImageRecipe, Provenance, TerminalTask
from termforge.validate.cheaters import COPIES, cheats, laid_with, likely_inputs


def terminal_task(**contents: str) -> TerminalTask:
    """Files of /app by name, `__` for a point."""
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction="Do it.",
        files=tuple(
            File(path=f"/app/{name.replace('__', '.')}", content=content.encode()) for name, content in contents.items()
        ),
        provenance=Provenance(source="forge", generator="test@1"),
    )


def test_inputs_of_the_same_kind_come_first_then_the_longest() -> None:
    task = terminal_task(a__json="1", b__json="22", long__txt="3" * 99, __answer="4", empty__json="", out__json="old")
    assert likely_inputs(task, "/app/out.json", 4) == [b"22", b"1", b"3" * 99, b"4"]
    assert likely_inputs(task, "/app/out.json", 1) == [b"22"]


def test_every_path_gets_each_of_its_likeliest_inputs() -> None:
    task = terminal_task(**{f"in{number}__txt": "x" * (9 - number) for number in range(7)})
    made = cheats(task, {"/app/out.txt": 0o644, "/app/in0.txt": 0o644})
    copied = [{file.path: len(file.content) for file in files} for name, files in made.items() if "copied" in name]
    assert copied == [{"/app/out.txt": 9 - number, "/app/in0.txt": 8 - number} for number in range(COPIES)]


def test_json_is_also_answered_with_nothing_in_it() -> None:
    made = cheats(terminal_task(), {"/app/out.json": 0o600, "/app/run.sh": 0o755})
    assert {name: [(file.path, file.content) for file in files] for name, files in made.items()} == {
        "empty files": [("/app/out.json", b""), ("/app/run.sh", b"")],
        "the instruction": [("/app/out.json", b"Do it."), ("/app/run.sh", b"Do it.")],
        "an empty object": [("/app/out.json", b"{}")],
        "an empty list": [("/app/out.json", b"[]")],
    }
    assert {file.path: file.mode for file in made["empty files"]} == {"/app/out.json": 0o600, "/app/run.sh": 0o755}


def test_without_a_path_there_is_no_cheater() -> None:
    assert cheats(terminal_task(a__txt="1"), {}) == {}


def test_what_is_put_lies_over_the_tasks_own_files() -> None:
    task = terminal_task(a="1", b="2")
    put = [File(path="/app/b", content=b"3"), File(path="/app/c", content=b"4")]
    assert laid_with(task, put) == [task.files[0], *put]
