import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import get_dataset_config_names, load_dataset

from termforge.errors import InputError
from termforge.export import corpus
from termforge.export.card import CardFacts
from termforge.export.corpus import export_corpus, is_exported
from termforge.export.row import SCHEMA, CorpusRow, corpus_rows
from termforge.schemas import (
    Ending,
    Exchange,
    Image,
    ImageRecipe,
    Provenance,
    SourceName,
    TerminalTask,
    TestResult,
    Trajectory,
    Turn,
    Usage,
    Verdict,
)

FACTS = CardFacts(
    title="A small corpus",
    run_id="night-1",
    date="2026-11-21",
    code_version="0.1.0",
    inputs=("trajectories@1",),
    steps={"adapt": {"rows": 3, "duplicate | prompts": 1}},
)
VERDICT = Verdict(results=(TestResult(id="t.py::a", weight=1.0, passed=True, message="x"),), score=1.0, solved=True)


def row(number: int = 0, **given: Any) -> CorpusRow:
    (only,) = rows(number, **given)
    return only


def rows(
    number: int = 0,
    *,
    source: SourceName = "forge",
    model: str = "deepseek/deepseek-chat",
    image: str = "data-science",
    difficulty: str = "",
    license: str = "MIT",
    verdict: Verdict | None = VERDICT,
    turns: tuple[Turn, ...] | None = None,
    ending: Ending = Ending.COMPLETED,
    abandoned: tuple[Exchange, ...] = (),
) -> list[CorpusRow]:
    terminal_task = TerminalTask(
        image=ImageRecipe(name=image, recipe="r"),
        domain="data-science" if source == "forge" else None,
        instruction=f"Do {number}.",
        provenance=Provenance(
            source=source, generator=f"{source}@1", origin=f"set:{number}", license=license, difficulty=difficulty
        ),
    )
    trajectory = Trajectory(
        trial_id=f"trial{number}",
        task_id=terminal_task.id,
        model=model,
        template="own",
        template_sha256="y",
        image=Image(name=image, recipe="r", digest="d", inventory="i"),
        sandbox="bubblewrap",
        turns=turns if turns is not None else TURNS,
        abandoned=abandoned,
        ending=ending,
        verdict=verdict,
        start_s=1.0,
        grading_s=2.0,
    )
    return list(corpus_rows(terminal_task, trajectory, run_id=FACTS.run_id, date=FACTS.date))


TURNS = (
    Turn(
        prompt="a shell",
        reply='{"commands": []}',
        reasoning="Let me look.\n",
        usage=Usage(input_tokens=10, output_tokens=5, cost_usd=0.25),
        waited_s=3.0,
    ),
    Turn(prompt="again", reply="not JSON", error="no JSON found", usage=Usage(input_tokens=20, cost_usd=0.5)),
)
HANDED_OVER = Turn(
    handover=(
        Exchange(stage="summary", prompt="Sum up.", reply="Little.", teacher_s=4.0, usage=Usage(cost_usd=0.0)),
        Exchange(
            stage="questions", prompt="Any questions?", reply="Where?", reasoning="Hm.", usage=Usage(cost_usd=0.0)
        ),
        Exchange(stage="answers", prompt="Answer.", reply="There.", usage=Usage(input_tokens=4, cost_usd=0.25)),
    ),
    prompt="There.",
    reply="{}",
    usage=Usage(input_tokens=2, cost_usd=0.25),
)
CUT_SHORT = Turn(
    handover=(*HANDED_OVER.handover, Exchange(stage="short summary", prompt="s", reply="")),
    prompt="The end of the screen.",
    reply="{}",
)
MIXED = [
    row(0),
    row(1, source="math", verdict=None),
    row(2, source="skill", difficulty="easy", ending=Ending.TURN_LIMIT, verdict=Verdict(score=0.5)),
    row(3, model="termforge/oracle"),
    row(4, model="termforge/oracle", image="host", source="math"),
    row(5, image="host"),
    row(6, source="seed", difficulty="hard"),
    row(7, source="skill", difficulty="impossible"),
]


def test_the_first_columns_are_those_of_the_released_corpus() -> None:
    released = ["conversations", "agent", "model", "model_provider", "date", "task", "run_id", "episode", "trial_name"]
    assert SCHEMA.names[:11] == [*released, "enable_thinking", "source"]
    assert SCHEMA.names == list(CorpusRow.model_fields)


def test_the_columns_and_their_types_are_what_they_were() -> None:
    golden = Path(__file__).parents[2] / "golden" / "corpus_schema.txt"
    assert SCHEMA.to_string() + "\n" == golden.read_text()


def test_a_row_tells_the_whole_trial() -> None:
    found = row(7)
    assert [message.model_dump() for message in found.conversations] == [
        {"role": "user", "content": "a shell"},
        {"role": "assistant", "content": '<think>\nLet me look.\n</think>\n\n{"commands": []}'},
        {"role": "user", "content": "again"},
        {"role": "assistant", "content": "not JSON"},
    ]
    assert found.task == f"forge_{found.task_id}"
    assert found.trial_name == f"{found.task}__trial7"
    assert (found.agent, found.model_provider, found.episode, found.turns) == ("terminus-2", "deepseek", "episode-1", 2)
    assert (found.enable_thinking, found.error_turns, found.complete) == (True, (1,), True)
    assert (found.outcome, found.ending, found.score, found.solved) == ("solved", "completed", 1.0, True)
    assert (found.input_tokens, found.output_tokens, found.cost_usd, found.seconds) == (30, 5, 0.75, 6.0)
    assert [test.model_dump() for test in found.tests] == [{"id": "t.py::a", "weight": 1.0, "passed": True}]


def test_nothing_is_claimed_where_nothing_was_graded() -> None:
    for verdict in (None, Verdict(error="the grader's disk was full")):
        found = row(verdict=verdict)
        assert (found.score, found.solved, found.graded_live, found.tests) == (None, None, None, ())


def test_without_reasoning_there_is_no_think_block() -> None:
    found = row(turns=(Turn(prompt="p", reply="r"),))
    assert found.conversations[1].content == "r"
    assert not found.enable_thinking


def test_a_trial_that_was_handed_over_has_a_row_for_each_conversation() -> None:
    first, second, third = rows(turns=(*TURNS, HANDED_OVER, Turn(prompt="c", reply="?", error="e"), CUT_SHORT))
    assert [message.content for message in first.conversations][2:] == ["again", "not JSON"]
    assert [message.model_dump() for message in second.conversations] == [
        {"role": "user", "content": "a shell"},
        {"role": "user", "content": "Any questions?"},
        {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nWhere?"},
        {"role": "user", "content": "There."},
        {"role": "assistant", "content": "{}"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "?"},
    ]
    assert [message.content for message in third.conversations] == ["a shell", "The end of the screen.", "{}"]
    assert [part.conversation for part in (first, second, third)] == [0, 1, 2]
    assert [part.episode for part in (first, second, third)] == ["episode-1", "episode-3", "episode-4"]
    assert [part.turns for part in (first, second, third)] == [2, 2, 1]
    assert [part.error_turns for part in (first, second, third)] == [(1,), (2,), ()]
    assert [part.enable_thinking for part in (first, second, third)] == [True, True, False]
    assert {part.outcome for part in (first, second, third)} == {"solved"}


def test_the_rows_of_a_trial_sum_up_to_what_it_spent() -> None:
    in_vain = Exchange(stage="summary", prompt="p", reply="", usage=Usage(input_tokens=5, cost_usd=1.0), teacher_s=2.0)
    found = rows(turns=(*TURNS, HANDED_OVER), abandoned=(in_vain,))
    assert [part.input_tokens for part in found] == [30, 6 + 5]
    assert [part.cost_usd for part in found] == [0.75, 1.5]
    assert [part.seconds for part in found] == [1.0 + 3.0, 4.0 + 2.0 + 2.0]


def test_rows_of_the_oracle_and_of_the_host_have_their_own_configurations() -> None:
    assert [found.configuration for found in MIXED] == [
        "forged",
        "dataset_adapters",
        "skill_based_easy",
        "oracle_forged",
        "oracle_host_dataset_adapters",
        "host_forged",
        "seed_based",
        "skill_based",
    ]


def test_datasets_and_polars_load_what_was_written(tmp_path: Path) -> None:
    exported = export_corpus(MIXED, tmp_path / "out", FACTS)
    assert exported.rows == {found.configuration: 1 for found in MIXED}
    assert get_dataset_config_names(str(tmp_path / "out")) == sorted(exported.rows)
    for found in MIXED:
        name = found.configuration
        loaded = load_dataset(str(tmp_path / "out"), name, split="train", cache_dir=str(tmp_path / "cache"))
        assert loaded.features.arrow_schema.remove_metadata().equals(SCHEMA)
        assert CorpusRow.model_validate(_tuples(loaded[0])) == found
        read = pl.read_parquet(tmp_path / "out" / name / "*.parquet")
        assert read.schema == pl.Schema(pl.from_arrow(SCHEMA.empty_table()).schema)
        assert read["trial_id"].to_list() == [found.trial_id]


def _tuples(value: dict[str, object]) -> dict[str, object]:
    return {name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}


def test_a_real_configuration_is_the_default_and_the_oracles_never_is(tmp_path: Path) -> None:
    export_corpus(MIXED, tmp_path / "mixed", FACTS)
    loaded = load_dataset(str(tmp_path / "mixed"), split="train", cache_dir=str(tmp_path / "cache"))
    assert set(loaded["model"]) == {"deepseek/deepseek-chat"}
    export_corpus([MIXED[3], MIXED[4]], tmp_path / "oracle", FACTS)
    with pytest.raises(ValueError, match="Config name is missing"):
        load_dataset(str(tmp_path / "oracle"), split="train", cache_dir=str(tmp_path / "cache"))


def test_many_rows_become_several_parts_and_none_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(corpus, "PART_ROWS", 20)
    exported = export_corpus((row(number) for number in range(45)), tmp_path / "out", FACTS)
    assert exported.paths == ("README.md", *(f"forged/part-0000{n}.parquet" for n in range(3)))
    sizes = [pq.read_metadata(tmp_path / "out" / path).num_rows for path in exported.paths[1:]]
    assert sizes == [20, 20, 5]
    read = pl.read_parquet(tmp_path / "out" / "forged" / "*.parquet")
    assert read["trial_id"].to_list() == [f"trial{number}" for number in range(45)]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    def digests(name: str) -> list[str]:
        exported = export_corpus(MIXED, tmp_path / name, FACTS)
        return [hashlib.sha256((tmp_path / name / path).read_bytes()).hexdigest() for path in exported.paths]

    assert digests("a") == digests("b")


def test_a_finished_export_is_never_overwritten(tmp_path: Path) -> None:
    export_corpus(MIXED, tmp_path, FACTS)
    assert is_exported(tmp_path)
    before = (tmp_path / "README.md").read_bytes()
    with pytest.raises(InputError, match="holds a finished export"):
        export_corpus(MIXED[:1], tmp_path, FACTS)
    assert (tmp_path / "README.md").read_bytes() == before


def test_parts_of_a_broken_off_export_are_replaced(tmp_path: Path) -> None:
    def failing() -> Iterator[CorpusRow]:
        yield MIXED[0]
        raise RuntimeError("pulled plug")

    with pytest.raises(RuntimeError, match="pulled plug"):
        export_corpus(failing(), tmp_path, FACTS)
    assert not is_exported(tmp_path)
    assert list(tmp_path.glob("*/part-*.parquet"))
    export_corpus(MIXED[1:2], tmp_path, FACTS)
    assert [path.parent.name for path in tmp_path.glob("*/part-*.parquet")] == ["dataset_adapters"]


def test_nothing_to_export_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows to export"):
        export_corpus([], tmp_path, FACTS)


def test_an_export_goes_to_any_file_system() -> None:
    export_corpus(MIXED, "memory://corpus-test", FACTS)
    files = fsspec.filesystem("memory")
    with files.open("/corpus-test/forged/part-00000.parquet") as file:
        assert pq.read_table(file).num_rows == 1
    assert is_exported("memory://corpus-test")
    files.rm("/corpus-test", recursive=True)


def front_matter(folder: Path) -> dict[str, object]:
    _, matter, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return dict(yaml.safe_load(matter))


def test_the_cards_front_matter_is_yaml_that_names_every_configuration(tmp_path: Path) -> None:
    export_corpus(MIXED, tmp_path, FACTS)
    matter = front_matter(tmp_path)
    configs = matter["configs"]
    assert isinstance(configs, list)
    assert [config["config_name"] for config in configs] == sorted({found.configuration for found in MIXED})
    assert [config["config_name"] for config in configs if config.get("default")] == ["dataset_adapters"]
    assert all(config["data_files"][0]["split"] == "train" for config in configs)
    assert (matter["pretty_name"], matter["license"]) == ("A small corpus", "mit")


def test_several_or_unknown_licences_are_not_passed_off_as_one(tmp_path: Path) -> None:
    for number, licenses in enumerate([("MIT", "Apache-2.0"), ("",), ("MIT", ""), ("house rules",)]):
        rows = [row(index, license=license) for index, license in enumerate(licenses)]
        export_corpus(rows, tmp_path / str(number), FACTS)
        assert front_matter(tmp_path / str(number))["license"] == "other"


def test_the_cards_tables_count_what_was_written(tmp_path: Path) -> None:
    export_corpus([*MIXED, row(8, verdict=Verdict(score=0.5))], tmp_path, FACTS)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "9 trajectories" in card
    assert "| forged | 2 | 2 | 1 | 50.0% | 2.0 | 5 |" in card
    assert "| forged | unsolved | 1 |" in card
    assert "| skill_based_easy | turn limit | 1 |" in card
    assert "| math | math@1 | set | MIT | 2 |" in card
    assert "| termforge/oracle | 2 |" in card
    assert "| data-science | 4 | 3 |" in card
    assert "| adapt | duplicate \\| prompts | 1 |" in card
    assert "13,115 hashed grams" in card
    assert 'load_dataset("PATH", "dataset_adapters", split="train")' in card


def test_a_card_claims_no_decontamination_that_did_not_happen(tmp_path: Path) -> None:
    export_corpus(MIXED, tmp_path, FACTS.model_copy(update={"decontaminated": False}))
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "Not decontaminated." in card
    assert "consecutive words" not in card
