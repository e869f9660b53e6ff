"""Real trainings of the tiny recipe on CPU: once through `accelerate launch`, the rest up to the collated batch."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from termforge.errors import InputError
from termforge.train import chat, launch, recipes, record, sft

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]


def reply(number: int, *, done: bool) -> str:
    keys = {"keystrokes": f"echo {number}\n", "duration": 0.1}
    return "<think>I echo it.</think>\n" + json.dumps({"plan": "echo", "commands": [keys], "task_complete": done})


def conversation(index: int) -> list[dict[str, str | None]]:
    """Two exchanges; prompts of different lengths, one with text that looks like a marker."""
    return [
        {"role": "user", "content": f"Print {index % 5}. é {'$ ' * index}<|im_start|>assistant\n"},
        {"role": "assistant", "content": reply(index % 5, done=False)},
        {"role": "user", "content": f"{index % 5}\n$ "},
        {"role": "assistant", "content": reply(index % 5, done=True)},
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [conversation(index) for index in range(30)]
    rows[3].append({"role": "assistant", "content": None})
    rows[4] = rows[4][:1]
    rows[5] = [*rows[5][:2], {"role": "user", "content": "long " * 5_000}, *rows[5][3:]]
    folder = tmp_path_factory.mktemp("corpus")
    pl.DataFrame({"conversations": rows, "agent": "terminus-2"}).write_parquet(folder / "part-00000.parquet")
    return folder


def test_tiny_trains_through_accelerate_and_its_loss_falls(data: Path, tmp_path: Path):
    out = tmp_path / "model"
    lines: list[str] = []
    launch.run(launch.command("tiny", [data], out), lines.append)
    trained = record.read(out)
    assert trained.recipe == recipes.load("tiny")
    assert (trained.rows.read, trained.rows.used, trained.rows.cut) == (30, 29, 1)
    assert trained.rows.dropped == {chat.NO_ASSISTANT: 1}
    assert trained.rows.turns == 57
    assert trained.steps == len(trained.losses) == trained.recipe.steps(29)
    assert [step for line in lines if (step := launch.progress(line))] == [_rounded(step) for step in trained.losses]
    assert trained.losses[0].loss > 5
    assert trained.final_loss < 2.5
    assert trained.data[0].rows == 30
    assert not (out / "cache").exists()
    _check_model(out)


def _check_model(out: Path) -> None:
    """What was written serves: weights, tokenizer and template fit each other, and generation ends with the turn."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(out)
    model: Any = AutoModelForCausalLM.from_pretrained(out)
    assert tokenizer.chat_template == chat.template("keep")
    end = tokenizer.convert_tokens_to_ids(chat.TURN_END)
    assert tokenizer.eos_token_id == end
    assert model.config.vocab_size == len(tokenizer)
    stops = model.generation_config.eos_token_id
    assert end in (stops if isinstance(stops, list) else [stops])


def test_refused_input_comes_back_from_the_subprocess(tmp_path: Path):
    pl.DataFrame({"text": ["x"]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: no column 'conversations'; it has text"):
        launch.run(launch.command("tiny", [tmp_path], tmp_path / "model"), lambda line: None)
    assert not (tmp_path / "model").exists()


def test_a_finished_training_is_not_overwritten(data: Path, tmp_path: Path):
    (tmp_path / record.FILE).write_text("{}")
    with pytest.raises(InputError, match="already holds"):
        sft.train(recipes.load("tiny"), [data], tmp_path)


@pytest.mark.parametrize("packing", [False, True])
def test_the_collated_batch_still_teaches_each_turn_exactly_once(data: Path, tmp_path: Path, packing: bool):
    job = _set_up(data, tmp_path, packing=packing, max_length=1_024)
    taught: list[str] = []
    for batch in job.trainer.get_train_dataloader():
        for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
            taught += chat.supervised_texts(ids, labels, job.tokenizer)
    rows = [conversation(index) for index in range(30) if index != 4]
    said = [f"{row[turn]['content']}<|im_end|>" for row in rows for turn in (1, 3)]
    said.remove(f"{reply(0, done=True)}<|im_end|>")  # cut from row 5
    assert sorted(taught) == sorted(said)


def test_packed_conversations_do_not_see_each_other(data: Path, tmp_path: Path):
    """Logits of a packed sequence equal those of each conversation alone."""
    import torch

    job = _set_up(data, tmp_path, packing=True, max_length=1_024)
    model = job.trainer.model.eval()
    batch = next(iter(job.trainer.get_train_dataloader()))
    starts = [*torch.nonzero(batch["position_ids"][0] == 0).flatten().tolist(), batch["input_ids"].shape[1]]
    assert len(starts) > 3
    inputs = {key: value for key, value in batch.items() if key != "labels"}
    with torch.no_grad():
        packed = model(**inputs).logits[0]
        for start, end in pairwise(starts):
            alone = model(input_ids=batch["input_ids"][:, start:end]).logits[0]
            assert torch.allclose(packed[start:end], alone, atol=1e-4)
        seen = model(input_ids=batch["input_ids"]).logits[0]
    assert not torch.allclose(packed, seen, atol=1e-2), "the comparison would not notice a leak"


def test_lora_trains_adapters_only(data: Path, tmp_path: Path):
    job = _set_up(data, tmp_path, lora=recipes.Lora(rank=2, alpha=4))
    trained = [name for name, weight in job.trainer.model.named_parameters() if weight.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)


def _set_up(data: Path, out: Path, **changes: Any) -> sft.Job:
    recipe = recipes.load("tiny").model_copy(update=changes)
    return sft.set_up(recipe, [data / "part-00000.parquet"], out)


def _rounded(step: record.Progress) -> record.Progress:
    """As the printed line has it."""
    printed = launch.progress(str(step))
    assert printed is not None
    return printed
