"""The flow with the parameters of the README's night, on a table as it describes it."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tasks.adapt
from flows.adapt_prompts import adapt_prompts
from termforge.store import Store

README = Path(__file__).parents[3] / "README.md"
NAMED = dict(re.findall(r"-p (prompt_column|answer_column)=(\w+)", README.read_text(encoding="utf-8")))


@pytest.mark.bubblewrap
def test_a_table_of_ones_own_needs_the_named_columns_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.adapt, "publish", lambda store, record: None)
    monkeypatch.setattr(tasks.adapt, "adapt_prompts", tasks.adapt.adapt_prompts.fn)
    row = {NAMED["prompt_column"]: "What is 6*7?", NAMED["answer_column"]: "42"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "prompts.parquet")
    store, places = Store(tmp_path / "store"), {"night": "n", "sandbox": "bubblewrap", "images": "host"}
    ref = adapt_prompts.fn(store=store.root, prompts=str(tmp_path / "prompts.parquet"), **places, **NAMED)
    (task,) = store.read(ref)
    assert task.provenance.origin == "prompts.parquet:1"
    assert task.verifier is not None
