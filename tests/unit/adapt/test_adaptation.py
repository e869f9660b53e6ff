from pathlib import Path

import pytest

from termforge.adapt.sources import ColumnMapping
from termforge.errors import InputError
from termforge.images import HOST
from termforge.stages.adaptation import AdaptConfig, adapt
from termforge.store import Store


def test_a_table_of_which_no_prompt_makes_a_task_is_refused_with_the_counts(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"problem": "No file."}\n{"problem": "None here."}\n')
    mapping, prompts = ColumnMapping(prompt=("problem",)), str(tmp_path / "p.jsonl")
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match=r"p\.jsonl: none of the prompts makes a task of kind swe .*without quoted.*2"):
        adapt(store, "n", AdaptConfig(kind="swe", prompts=prompts, mapping=mapping, image=HOST))
    assert store.versions("adapted-tasks") == []
