"""Write what later versions of the code are held to: `python -m tests.golden.released` from the root of the checkout.

`columns.txt` is written anew: look at its difference, since only additions keep old datasets readable. `store-N` is
written once, by the code of schema version N, and never again.
"""

from pathlib import Path

from termforge.columns import TABLES
from termforge.findings import GateResult, GateVerdicts, Rejected
from termforge.schemas import (
    SCHEMA_VERSION,
    Command,
    DatasetRef,
    Ending,
    File,
    Image,
    ImageRecipe,
    Need,
    Provenance,
    Step,
    TerminalTask,
    Test,
    TestResult,
    Trajectory,
    Turn,
    Usage,
    Verdict,
    Verifier,
)
from termforge.store import Kind, Store

FOLDER = Path(__file__).parent

TASK = TerminalTask(
    image=ImageRecipe(name="file-operations", recipe="0123456789abcdef"),
    domain="file-operations",
    instruction="Copy /app/données.bin to /app/copy.bin.\n",
    files=(File(path="/app/données.bin", content=bytes(range(256))), File(path="/app/run", content=b"", mode=0o755)),
    verifier=Verifier(
        files=(File(path="/tests/test_outputs.py", content=b"def test_copy(): assert False\n"),),
        tests=(Test(id="test_outputs.py::test_copy", weight=2.5),),
    ),
    needs=frozenset({Need.USERS, Need.SERVICES}),
    solution=(Step(analysis="One copy.", plan="cp", commands=(Command(keystrokes="cp d* copy.bin\n"),)),),
    provenance=Provenance(source="forge", generator="forge@1", skills=("copy",), difficulty="easy"),
)
PROMPT = TerminalTask(
    image=ImageRecipe(name="host", recipe=""),
    instruction="What is 6*7? Write it to /app/answer.txt.\n",
    provenance=Provenance(source="math", generator="adapt/math@1", origin="prompts.jsonl#1", license="CC-BY-4.0"),
)
IMAGE = Image(name="file-operations", recipe="0123456789abcdef", digest="sha256:" + "0" * 64, inventory="f" * 64)
TURN = Turn(
    prompt="Terminal:\n$ ",
    reply='{"commands": []} \U0001f40d',
    reasoning="Hm.",
    commands=(Command(keystrokes="C-c", duration_s=0.5),),
    task_complete=True,
    observation="$ ^C",
    usage=Usage(input_tokens=12, cached_tokens=3, output_tokens=4, cost_usd=0.25),
    teacher_s=1.5,
)
SOLVED = Trajectory(
    trial_id="00000000000000aa",
    task_id=TASK.id,
    model="openai/scripted",
    sampling={"temperature": 0.7, "max_output_tokens": 8192},
    template="termforge",
    template_sha256="e" * 64,
    thinking="dropped",
    image=IMAGE,
    sandbox="docker",
    limits_by="cgroup",
    turns=(TURN, TURN),
    ending=Ending.COMPLETED,
    verdict=Verdict(
        results=(TestResult(id="test_outputs.py::test_copy", weight=2.5, passed=True),), score=1.0, solved=True
    ),
    start_s=0.5,
)
LOST = SOLVED.model_copy(update={"turns": (), "ending": Ending.SANDBOX_LOST, "verdict": None, "detail": "killed"})
VERDICTS = GateVerdicts(
    task_id=TASK.id,
    domain="file-operations",
    source="forge",
    gates=(GateResult(gate="lint", status="passed", seconds=0.25), GateResult(gate="no-op fails", status="failed")),
)
REJECTED = Rejected(stage="validate-1", reason="no-op fails", detail="x", task_id=TASK.id, row=TASK.model_dump_json())
ROWS: dict[Kind, list[object]] = {
    "tasks": [TASK, PROMPT],
    "trajectories": [LOST, SOLVED.model_copy(update={"attempt": 1})],
    "verdicts": [VERDICTS],
    "rejected": [REJECTED],
}


def columns() -> str:
    """Every Arrow schema, one field a line."""
    return "".join(
        f"[{kind}]\n" + "".join(f"{field.name}: {field.type}\n" for field in table.schema) + "\n"
        for kind, table in TABLES.items()
    )


def write_store(store: Store) -> None:
    """One small dataset of each kind, the later ones made from `tasks`."""
    tasks = DatasetRef(name="tasks", version="golden-1")
    for kind, rows in ROWS.items():
        inputs = [] if kind == "tasks" else [tasks]
        with store.writer(DatasetRef(name=kind, version="golden-1"), kind, config={"golden": 1}, inputs=inputs) as out:
            for row in rows:
                out.add(row)
                out.counts["rows"] += 1


def main() -> None:
    (FOLDER / "columns.txt").write_text(columns())
    store = FOLDER / f"store-{SCHEMA_VERSION}"
    if not store.exists():
        write_store(Store(store))


if __name__ == "__main__":
    main()
