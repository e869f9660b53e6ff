"""One supervised fine-tuning: corpus to tokens, TRL's trainer, model and record on disk. Runs in every process of a
training; the only module that imports torch, transformers, trl, peft and accelerate (with tiny.py)."""

import os
import shutil
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from termforge import __version__
from termforge.errors import InputError
from termforge.schemas import digest
from termforge.train import chat, corpus, record, tiny
from termforge.train.recipes import RandomModel, Recipe

TOKENIZER_CONVERSATIONS = 2_000
"""Enough of the corpus to train a tiny tokenizer on."""
PREPARATION_TIMEOUT_S = 4 * 3600
"""The other processes wait so long for the first one to tokenize the corpus."""


class Job(NamedTuple):
    trainer: Any
    rows: record.Rows
    tokenizer: Any


def train(recipe: Recipe, data: Sequence[Path], out: Path) -> None:
    """Train and write model, tokenizer, template and `training.json` into `out`."""
    if (out / record.FILE).exists():
        raise InputError(f"{out} already holds a finished training")
    files = corpus.parquet_files(data)
    from accelerate import PartialState

    started = time.monotonic()
    job = set_up(recipe, files, out)
    job.trainer.train()
    job.trainer.save_model(str(out))
    if PartialState().is_main_process:
        job.tokenizer.save_pretrained(str(out))
        _write_record(recipe, files, out, job, time.monotonic() - started)
        shutil.rmtree(_cache(out), ignore_errors=True)  # other processes may still hold files of it open
    PartialState().wait_for_everyone()
    PartialState().destroy_process_group()


def set_up(recipe: Recipe, files: Sequence[Path], out: Path) -> Job:
    """Everything but the training itself."""
    from accelerate import PartialState
    from transformers.trainer_callback import PrinterCallback
    from trl.trainer.sft_trainer import SFTTrainer

    arguments = _arguments(recipe, out)  # first: it joins the process group
    tokenizer = _tokenizer(recipe, files)
    encoder = chat.Encoder(tokenizer, recipe.thinking, recipe.max_length)
    with PartialState().main_process_first():  # the others read what it wrote: `out` must be shared between machines
        if PartialState().is_main_process:
            shutil.rmtree(_cache(out), ignore_errors=True)
        prepared = corpus.prepare(files, encoder, _cache(out))
    trainer: Any = SFTTrainer(
        model=_model(recipe, tokenizer),
        args=arguments,
        train_dataset=prepared.dataset,
        processing_class=tokenizer,
        peft_config=_lora(recipe),
        callbacks=[_reporter()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.args.max_steps = recipe.steps(len(trainer.train_dataset))
    return Job(trainer, prepared.rows, tokenizer)


def _arguments(recipe: Recipe, out: Path) -> Any:
    import torch
    from trl.trainer.sft_config import SFTConfig

    cpu = recipe.device == "cpu"
    if not cpu and not torch.cuda.is_available():
        raise InputError(f"recipe {recipe.name} needs GPUs, and torch sees none on this machine")
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # set by every launcher; SFTConfig joins the others
    if cpu and recipe.deepspeed and processes > 1:
        _join_on_cpu()
    return SFTConfig(
        output_dir=str(out),
        use_cpu=cpu,
        bf16=not cpu,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        adam_beta1=recipe.betas[0],
        adam_beta2=recipe.betas[1],
        max_grad_norm=recipe.gradient_clip,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,  # below 1: a share of all steps
        num_train_epochs=recipe.epochs,
        max_length=recipe.max_length,
        packing=recipe.packing,
        packing_strategy="bfd",
        per_device_train_batch_size=recipe.micro_batch,
        gradient_accumulation_steps=recipe.accumulation(processes),
        gradient_checkpointing=recipe.gradient_checkpointing,
        pad_to_multiple_of=recipe.sequence_parallel,
        eos_token=chat.TURN_END,
        model_init_kwargs=None
        if isinstance(recipe.base, RandomModel)
        else {"dtype": "float32" if cpu else "bfloat16", "attn_implementation": recipe.attention},
        seed=recipe.seed,
        data_seed=recipe.seed,
        ddp_timeout=PREPARATION_TIMEOUT_S,
        logging_steps=1,
        logging_first_step=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **_sequence_parallel(recipe),
    )


def _join_on_cpu() -> None:
    """accelerate tells DeepSpeed of the process group on accelerators only."""
    import deepspeed

    deepspeed.init_distributed(dist_backend="gloo")


def _sequence_parallel(recipe: Recipe) -> dict[str, Any]:
    if recipe.sequence_parallel == 1:
        return {}
    from accelerate.parallelism_config import ParallelismConfig
    from accelerate.utils import DeepSpeedSequenceParallelConfig

    handler = DeepSpeedSequenceParallelConfig(sp_seq_length_is_variable=True, sp_attn_implementation=recipe.attention)
    config = ParallelismConfig(
        sp_backend="deepspeed", sp_size=recipe.sequence_parallel, dp_shard_size=1, sp_handler=handler
    )
    return {"parallelism_config": config}


def _tokenizer(recipe: Recipe, files: Sequence[Path]) -> Any:
    if isinstance(recipe.base, RandomModel):
        tokenizer = tiny.tokenizer(corpus.texts(files, TOKENIZER_CONVERSATIONS), recipe.base.vocabulary)
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(recipe.base)
    tokenizer.chat_template = chat.template(recipe.thinking)
    return tokenizer


def _model(recipe: Recipe, tokenizer: Any) -> Any:
    """A name for TRL to load (sharded from the start under ZeRO-3), or a made-up model."""
    if isinstance(recipe.base, RandomModel):
        return tiny.model(recipe.base, len(tokenizer), recipe.max_length, recipe.attention, recipe.seed)
    return recipe.base


def _lora(recipe: Recipe) -> Any:
    if recipe.lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _reporter() -> Any:
    """Prints each step as a line that launch.progress() reads."""
    from transformers.trainer_callback import TrainerCallback

    def on_log(self: Any, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        if state.is_world_process_zero and "loss" in logs:
            print(_progress(logs | {"step": state.global_step}, state.max_steps), flush=True)

    return type("Reporter", (TrainerCallback,), {"on_log": on_log})()


def _progress(log: dict[str, Any], steps: int) -> record.Progress:
    return record.Progress(step=log["step"], steps=steps, loss=log["loss"], learning_rate=log["learning_rate"])


def _write_record(recipe: Recipe, files: Sequence[Path], out: Path, job: Job, seconds: float) -> None:
    state, arguments = job.trainer.state, job.trainer.args
    text = record.TrainingRecord(
        recipe=recipe,
        data=corpus.describe(files),
        rows=job.rows,
        sequences=len(job.trainer.train_dataset),
        steps=state.global_step,
        processes=arguments.world_size,
        accumulation=arguments.gradient_accumulation_steps,
        losses=tuple(_progress(log, state.max_steps) for log in state.log_history if "loss" in log),
        seconds=round(seconds, 3),
        template_sha256=digest(chat.template(recipe.thinking)),
        code_version=__version__,
        libraries={name: version(name) for name in ("torch", "transformers", "trl", "accelerate")},
    ).model_dump_json(indent=2)
    (out / record.FILE).write_text(text + "\n", encoding="utf-8")


def _cache(out: Path) -> Path:
    return out / "cache"
