"""The stages one after another on a few tasks with real sandboxes: what they write, find again and refuse."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from termforge import compare
from termforge.adapt.sources import ColumnMapping
from termforge.agent.loop import AgentConfig
from termforge.curate.curate import CurateSettings
from termforge.errors import InputError
from termforge.images import HOST
from termforge.rollout import RolloutConfig
from termforge.schemas import DatasetRecord, DatasetRef, File, Provenance, TerminalTask, Test, Verifier
from termforge.slots import Slots
from termforge.stages import adaptation, curation, evaluation, forging, merge, rollouts, validation
from termforge.stages.machine import Machine, choose_machine
from termforge.stages.plan import work_folder
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.store import Store
from termforge.summary import as_markdown, as_table, summarise
from termforge.validate import ValidationConfig

pytestmark = pytest.mark.bubblewrap

NIGHT = "2026-01-01"
PLAIN = RolloutConfig()
MAPPING = ColumnMapping(prompt=("problem",), answer="answer")
PROMPTS = [
    {"problem": "What is 6*7?", "answer": "42"},
    {"problem": "What is 5-7?", "answer": "-2"},
    {"problem": "What is 6*7?", "answer": "42"},
    {"problem": "Say something.", "answer": None},
]
UNSOUND = TerminalTask(
    image=HOST,
    domain="debugging",
    instruction="Do nothing.",
    verifier=Verifier(
        files=(File(path="/tests/test_outputs.py", content=b"def test_it(): pass"),),
        tests=(Test(id="test_outputs.py::test_it"),),
    ),
    provenance=Provenance(source="forge", generator="test@1"),
)


def written(folder: Path, *lines: object) -> str:
    path = folder / "prompts.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return str(path)


def adapt(store: Store, prompts: str, **changes: object) -> DatasetRecord:
    config = adaptation.AdaptConfig(prompts=prompts, mapping=MAPPING, image=HOST)
    return adaptation.adapt(store, NIGHT, config.model_copy(update=changes))


class Growth(NamedTuple):
    """One night: the datasets by name, in the order in which they were made."""

    store: Store
    machine: Machine
    prompts: str
    records: dict[str, DatasetRecord]

    def ref(self, name: str) -> DatasetRef:
        return self.records[name].ref


def grow(folder: Path, *, slip_rate: float = 0.0) -> Growth:
    """Every stage once: two adapted and two forged tasks, a duplicate and an unsound one; shards of two."""
    folder.mkdir(exist_ok=True)
    store, machine = Store(folder / "store"), choose_machine("bubblewrap", "host")
    prompts = written(folder, *PROMPTS)
    adapted = adapt(store, prompts)
    forged = forging.forge(store, NIGHT, forging.ForgeConfig(per_domain=1, seed="0"), machine)
    few = few_of(store, forged)
    candidates = merge.merge(store, NIGHT, [adapted.ref, few.ref, forged_again(store, few).ref])
    tasks = validate(store, candidates.ref, machine)
    trajectories = roll_out(store, tasks.ref, machine, slip_rate)
    corpus = curation.curate_corpus(store, NIGHT, trajectories.ref, CurateSettings())
    made = (adapted, forged, candidates, tasks, trajectories, corpus)
    return Growth(store, machine, prompts, {record.name: record for record in made})


def few_of(store: Store, forged: DatasetRecord) -> DatasetRecord:
    return put(store, "few", [*store.rows(forged.ref, 0, 2), UNSOUND])


def forged_again(store: Store, few: DatasetRecord) -> DatasetRecord:
    return put(store, "again", store.rows(few.ref, 1, 1))


def put(store: Store, name: str, tasks: list[TerminalTask]) -> DatasetRecord:
    ref = DatasetRef(name=name, version="1")
    if not store.exists(ref):
        with store.writer(ref, "tasks", config={}) as out:
            for task in tasks:
                out.add(task)
    return store.record(ref)


def validate(store: Store, source: DatasetRef, machine: Machine) -> DatasetRecord:
    config = ValidationConfig()
    plan = validation.plan_validation(store, NIGHT, source, config, machine, shard_rows=2, work=None)
    parts = [
        validation.run_shard(plan, shard, config, machine.engine, slots=Slots(2), on_done=lambda count: None)
        for shard in plan.shards
    ]
    return validation.finish(store, plan, parts, config)


def roll_out(store: Store, source: DatasetRef, machine: Machine, slip_rate: float) -> DatasetRecord:
    config, teacher = RolloutConfig(samples=2), TeacherChoice(slip_rate=slip_rate)
    plan = rollouts.plan_rollouts(store, NIGHT, source, config, teacher, machine, shard_rows=2, work=None)
    parts = [
        rollouts.run_shard(
            plan, shard, config, machine.engine, teacher, BudgetConfig(), slots=Slots(2), on_done=lambda count: None
        )
        for shard in plan.shards
    ]
    return rollouts.finish(store, plan, parts, config, teacher)


@pytest.fixture(scope="module")
def growth(tmp_path_factory: pytest.TempPathFactory) -> Growth:
    return grow(tmp_path_factory.mktemp("growth"))


def datasets(store: Store) -> Iterator[DatasetRef]:
    assert store.local is not None
    for folder in sorted(store.local.iterdir()):
        if not folder.name.startswith("."):
            yield from store.versions(folder.name)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file but leases, with its time and size: what was written again shows."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("lease"))
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def test_every_stage_writes_a_version_with_its_counts(growth: Growth) -> None:
    counts = {name: record.counts for name, record in growth.records.items()}
    assert counts["adapted-tasks"] == {
        "prompts": 4,
        "prompts with an answer": 3,
        "duplicate prompts": 1,
        "tasks": 3,
        "with tests": 2,
        "without tests": 1,
        "with a solution": 2,
    }
    assert sum(counts["forged-tasks"].values()) == growth.records["forged-tasks"].rows + sum(
        count for name, count in counts["forged-tasks"].items() if name.startswith("left out")
    )
    assert counts["candidates"] == {"from adapted-tasks": 3, "from few": 3, "exact duplicates": 1}
    assert counts["tasks"]["sound"] == growth.records["tasks"].rows == 5
    assert counts["tasks"]["rejected"] == 1
    assert counts["tasks"]["tests assert: failed"] == 1
    assert counts["tasks"]["oracle passes: not run"] == 2
    assert counts["trajectories"] == {"trials": 8, "solved": 8, "tasks without a solution": 1}
    assert counts["corpus"]["trajectories"] == counts["corpus"]["kept"] == 8


def test_every_version_passes_its_checksums_and_names_what_it_was_made_from(growth: Growth) -> None:
    found = list(datasets(growth.store))
    assert {ref.name for ref in found} == {
        *growth.records, "few", "again", "gate-verdicts", "rejected-tasks", "rejected-trajectories",
    }  # fmt: skip
    for ref in found:
        growth.store.check(ref)
        for source in growth.store.record(ref).inputs:
            assert growth.store.resolve(source) in found
        assert growth.store.record(ref).rows == growth.store.scan(ref).select(pl.len()).collect().item()


def test_a_rejected_task_is_kept_whole_with_its_reason(growth: Growth) -> None:
    (rejected,) = growth.store.read(growth.store.resolve("rejected-tasks"))
    assert (rejected.reason, rejected.task_id) == ("tests assert", UNSOUND.id)
    assert rejected.detail == "asserts nothing: test_outputs.py::test_it"
    assert TerminalTask.model_validate_json(rejected.row) == UNSOUND
    verdicts = {row.task_id: row.sound for row in growth.store.read(growth.store.resolve("gate-verdicts"))}
    sound = [task.id for task in growth.store.read(growth.ref("tasks"))]
    assert [task for task, fit in verdicts.items() if fit] == sound


def test_trials_follow_their_tasks_in_order(growth: Growth) -> None:
    playable = [task.id for task in growth.store.read(growth.ref("tasks")) if task.solution]
    trajectories = list(growth.store.read(growth.ref("trajectories")))
    assert [(row.task_id, row.sample) for row in trajectories] == [(task, n) for task in playable for n in range(2)]
    assert len({row.trial_id for row in trajectories}) == 8


def test_the_same_night_again_does_nothing_twice(growth: Growth) -> None:
    assert growth.store.local is not None
    before = snapshot(growth.store.local)
    again = grow(growth.store.local.parent)
    after = snapshot(growth.store.local)
    parts = {path for path in before if before[path] != after[path]}
    assert {name: record.ref for name, record in again.records.items()} == {
        name: record.ref for name, record in growth.records.items()
    }
    assert before.keys() - after.keys() == set()
    assert not [path for path in after.keys() - before.keys() if ".log" not in path or Path(path).stat().st_size]
    # Parts of shards are written again from their journals, byte by byte the same.
    assert all("part-" in path and ("gate-verdicts" in path or "trajectories" in path) for path in parts)
    for ref in datasets(growth.store):
        growth.store.check(ref)


def test_an_edited_table_under_the_old_name_is_another_version(tmp_path: Path) -> None:
    store, prompts = Store(tmp_path / "store"), tmp_path / "prompts.jsonl"
    config = adaptation.AdaptConfig(prompts=str(prompts), mapping=ColumnMapping(prompt=("problem",)), image=HOST)
    made = []
    for text in ("1 + 1?", "1 + 1?", "1 + 2?"):
        prompts.write_text(f'{{"problem": "{text}"}}\n')
        made.append(adaptation.adapt(store, NIGHT, config).ref)
    assert made[0] == made[1] != made[2]
    assert [task.instruction[:6] for task in store.read(made[2])] == ["1 + 2?"]


def test_settings_and_inputs_are_part_of_a_version(growth: Growth, tmp_path: Path) -> None:
    store, machine, source = growth.store, growth.machine, growth.ref("tasks")

    def planned(config: RolloutConfig = PLAIN, night: str = NIGHT, **teacher: object) -> str:
        plan = rollouts.plan_rollouts(
            store, night, source, config, TeacherChoice(**teacher), machine, shard_rows=2, work=None
        )
        return plan.target.version

    versions = [
        planned(),
        planned(RolloutConfig(samples=2)),
        planned(RolloutConfig(wait_mode="full")),
        planned(RolloutConfig(agent=AgentConfig(overflow="summarize"))),
        planned(slip_rate=0.5),
        planned(seed="1"),
        planned(model="openai/x"),
        planned(night="2026-01-02"),
    ]
    assert len(set(versions)) == len(versions)
    assert planned() == versions[0]
    other = adapt(Store(tmp_path), growth.prompts, limit=1)
    assert other.version != growth.records["adapted-tasks"].version
    assert other.rows == 1


def test_the_oracle_is_not_asked_for_xml(growth: Growth) -> None:
    config = RolloutConfig(agent=AgentConfig(reply_format="xml"))
    settings = (growth.store, NIGHT, growth.ref("tasks"), config)
    with pytest.raises(InputError, match="reply_format: the oracle writes JSON only"):
        rollouts.plan_rollouts(*settings, TeacherChoice(), growth.machine, shard_rows=2, work=None)
    assert rollouts.plan_rollouts(*settings, TeacherChoice(model="openai/x"), growth.machine, shard_rows=2, work=None)


def test_the_corpus_loads_as_it_lies_there(growth: Growth) -> None:
    location = Path(growth.store.location(growth.ref("corpus")))
    rows = pl.read_parquet(location / "**/*.parquet")
    assert rows.height == growth.records["corpus"].rows == 8
    assert rows["model"].unique().to_list() == ["termforge/oracle"]
    assert (location / "README.md").exists()


def test_the_summary_adds_up(growth: Growth) -> None:
    *lines, total = summarise(growth.store, growth.ref("trajectories"))
    assert total.source == "all"
    assert (total.tasks, total.trials, total.solved, total.graded, total.others) == (4, 8, 8, 8, "")
    assert (total.solved_rate, total.source) == ("100%", "all")
    for column in ("tasks", "trials", "solved", "graded", "tokens"):
        assert sum(getattr(line, column) for line in lines) == getattr(total, column)
    assert sum(line.seconds for line in lines) == pytest.approx(total.seconds)
    assert [(line.source, line.trials) for line in lines] == [("forge", 2), ("forge", 2), ("math", 4)]
    assert as_table([*lines, total], "x").row_count == len(lines) + 1
    assert as_markdown([*lines, total]).splitlines()[-1].startswith("| all |  | 4 | 8 | 8 | 100% |")


def test_an_evaluation_counts_first_attempts(growth: Growth) -> None:
    report = evaluation.evaluate(growth.store, growth.ref("trajectories"))
    assert report


# Comparing two growths


def test_compare_tells_equal_from_different_and_missing(
    growth: Growth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def copied(folder: str, rows: list[object]) -> str:
        store = Store(tmp_path / folder)
        with store.writer(growth.ref("trajectories"), "trajectories", config={}) as out:
            for row in rows:
                out.add(row)
        return store.root

    rows = list(growth.store.read(growth.ref("trajectories")))
    first, *others = rows
    worse = first.model_copy(update={"verdict": first.verdict.model_copy(update={"solved": False, "results": ()})})
    assert compare.main([growth.store.root, copied("same", rows)]) == 0
    assert "equal" in capsys.readouterr().out
    assert compare.main([growth.store.root, copied("worse", [worse, *others])]) == 1
    assert first.trial_id in capsys.readouterr().out
    assert compare.main([growth.store.root, copied("missing", others)]) == 1
    assert f"{first.trial_id}: Judged" in (said := capsys.readouterr().out)
    assert said.strip().endswith("/ missing")
    assert compare.main([growth.store.root, copied("twice", [first, *rows])]) == 1
    assert "twice" in capsys.readouterr().out
    assert compare.main([growth.store.root, str(tmp_path / "empty")]) == 2
    assert "there is no dataset 'trajectories'" in capsys.readouterr().err
    assert compare.main([growth.store.root]) == 2


# What is refused


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.jsonl", b'{"problem": "x", "answer": "1"}\n{"problem": \n', "p.jsonl, line 2"),
        ("p.jsonl", b'{"problem": "x", "answer": "1"}\n{"question": "x"}\n', "line 2: there is no column 'problem'"),
        ("p.jsonl", b'{"problem": 7, "answer": "1"}\n', "line 1, column 'problem': int stands where text"),
        ("p.jsonl", b"", "p.jsonl: holds no rows"),
        ("p.parquet", b"not Parquet", "p.parquet: not readable as Parquet"),
        ("p.parquet", pa.table({"problem": ["x", None], "answer": ["1", "1"]}), "row 2, column 'problem': null"),
        ("p.parquet", pa.table({"question": ["x"], "answer": ["1"]}), "there is no column 'problem'"),
        ("p.txt", b"x", "p.txt"),
        ("absent.jsonl", None, "absent.jsonl: there is no such file"),
    ],
)
def test_malformed_prompts_are_refused_and_nothing_is_written(
    name: str, content: bytes | pa.Table | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        pq.write_table(content, path)
    store = tmp_path / "store"
    with pytest.raises(InputError) as caught:
        adapt(Store(store), str(path))
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert Store(store).versions("adapted-tasks") == []
    assert not list(store.rglob("part-*"))


def test_a_remote_store_needs_a_folder_for_its_journals(tmp_path: Path) -> None:
    remote = Store("memory://stages")
    with pytest.raises(InputError, match=r"memory://stages.*set `work` to a folder"):
        work_folder(remote, None)
    assert work_folder(remote, str(tmp_path)) == str(tmp_path)
    adapted = adapt(remote, written(tmp_path, *PROMPTS))
    plan = validation.plan_validation(
        remote,
        NIGHT,
        adapted.ref,
        ValidationConfig(),
        choose_machine("bubblewrap", "host"),
        shard_rows=2,
        work=str(tmp_path),
    )
    assert remote.scan(adapted.ref).select("id").collect().height == 3
    assert [row.id for shard in plan.shards for row in plan.records(shard)] == [
        task.id for task in remote.read(adapted.ref)
    ]
