from pathlib import Path
from typing import Any

import polars as pl
import pytest

from termforge.errors import InputError
from termforge.train import chat, corpus
from termforge.train.chat import Encoder

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]


def write(path: Path, conversations: list[Any], **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [None if turns is None else [{"role": r, "content": c} for r, c in turns] for turns in conversations]
    pl.DataFrame({"conversations": rows, **columns}).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from termforge.train import tiny

    return tiny.tokenizer(["hello there, assistant"], 400)


def prepare(files: list[Path], tokenizer: Any, tmp_path: Path, limit: int = 1_000) -> corpus.Prepared:
    return corpus.prepare(files, Encoder(tokenizer, "keep", limit), tmp_path / "cache")


def test_every_row_is_used_or_dropped_for_a_named_reason(tokenizer: Any, tmp_path: Path):
    good = [("user", "a"), ("assistant", "bc")]
    first = write(tmp_path / "one.parquet", [good, [("user", "a")], [*good, ("assistant", None)]])
    second = write(tmp_path / "two.parquet", [good * 200, [("user", "x" * 2_000), *good], None, good])
    rows = prepare([first, second], tokenizer, tmp_path).rows
    assert rows.read == 7
    assert rows.used == 4
    assert rows.dropped == {chat.NO_ASSISTANT: 2, chat.TOO_LONG: 1}
    assert rows.used + sum(rows.dropped.values()) == rows.read
    assert rows.cut == 1
    assert rows.turns + rows.turns_cut == 203
    assert rows.supervised_tokens == 3 * rows.turns  # b, c, end of turn


def test_token_and_label_columns_are_all_that_trl_gets(tokenizer: Any, tmp_path: Path):
    file = write(tmp_path / "c.parquet", [[("user", "a"), ("assistant", "b")]], source=["x"])
    dataset = prepare([file], tokenizer, tmp_path).dataset
    assert dataset.column_names == ["input_ids", "labels"]
    assert chat.supervised_texts(dataset[0]["input_ids"], dataset[0]["labels"], tokenizer) == ["b<|im_end|>"]


def test_several_processes_encode_the_same(tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = write(tmp_path / "c.parquet", [[("user", str(i)), ("assistant", f"b{i}")] for i in range(30)])
    alone = prepare([file], tokenizer, tmp_path / "1")
    monkeypatch.setattr(corpus, "ROWS_PER_WORKER", 10)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})
    together = prepare([file], tokenizer, tmp_path / "2")
    assert together.dataset[:] == alone.dataset[:]
    assert together.rows == alone.rows


def test_folders_are_searched_and_ordered(tmp_path: Path):
    for name in ("b/x.parquet", "a/y.parquet"):
        write(tmp_path / name, [[("user", "a")]])
    (tmp_path / "README.md").write_text("no data")
    found = corpus.parquet_files([tmp_path])
    assert [str(file.relative_to(tmp_path)) for file in found] == ["a/y.parquet", "b/x.parquet"]


def test_texts_come_in_order_up_to_the_limit(tmp_path: Path):
    file = write(tmp_path / "c.parquet", [[("user", "a"), ("assistant", None)], [("user", "b")], [("user", "c")]])
    assert list(corpus.texts([file], 2)) == ["a", "b"]


def test_a_corpus_without_anything_to_learn_is_refused(tokenizer: Any, tmp_path: Path):
    file = write(tmp_path / "c.parquet", [[("user", "a")]])
    with pytest.raises(InputError, match="no assistant turn"):
        prepare([file], tokenizer, tmp_path)


def test_an_unknown_role_names_file_and_row(tokenizer: Any, tmp_path: Path):
    file = write(tmp_path / "c.parquet", [[("user", "a"), ("assistant", "b")], [("tool", "a"), ("assistant", "b")]])
    with pytest.raises(InputError, match=r"c\.parquet, row 1, column conversations: unknown role 'tool'"):
        prepare([file], tokenizer, tmp_path)


def test_files_that_are_no_corpus_are_refused(tmp_path: Path):
    (tmp_path / "a.parquet").write_text("not parquet")
    pl.DataFrame({"text": ["x"]}).write_parquet(tmp_path / "b.parquet")
    pl.DataFrame({"conversations": ["x"]}).write_parquet(tmp_path / "c.parquet")
    pl.DataFrame({"conversations": [[{"role": "user"}]]}).write_parquet(tmp_path / "d.parquet")
    for name, complaint in [("a", "not a readable"), ("b", "it has text"), ("c", "not a list"), ("d", "not a list")]:
        with pytest.raises(InputError, match=rf"{name}\.parquet.*{complaint}"):
            corpus.parquet_files([tmp_path / f"{name}.parquet"])
    with pytest.raises(InputError, match=r"missing\.parquet"):
        corpus.parquet_files([tmp_path / "missing.parquet"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.parquet file below"):
        corpus.parquet_files([tmp_path / "empty"])
