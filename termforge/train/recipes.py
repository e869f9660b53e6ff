"""Recipes as data: what is trained, with which hyper-parameters, on how many processes.

Shipped: `tiny` (random weights, CPU, for tests and the demo) and `8b`, `14b`, `32b` with the hyper-parameters of the
paper's section 5.1. Any other recipe is a YAML file of the same fields. What the paper leaves open and we decide:
packing (off), thinking of earlier turns (kept), over-long conversations (chat.py), attention kernels.
"""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from termforge.errors import InputError
from termforge.schemas import Record

Thinking = Literal["keep", "drop"]


class RandomModel(Record):
    """A Qwen3 of a few layers with random weights; its tokenizer is trained on the corpus itself."""

    layers: int = Field(ge=1)
    hidden: int = Field(ge=8)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    vocabulary: int = Field(ge=300)
    """Tokens the tokenizer may have: 256 bytes, five markers, the rest merges."""


class Lora(Record):
    """Low-rank adapters on all linear layers instead of full fine-tuning."""

    rank: int = Field(ge=1)
    alpha: int = Field(ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Recipe(Record):
    name: str
    base: str | RandomModel
    """A model on the Hugging Face hub, a local folder, or one made up."""
    device: Literal["cpu", "gpu"]
    """`cpu` computes in float32, `gpu` in bfloat16."""
    thinking: Thinking
    """Whether the `<think>` blocks of all assistant turns stay in the conversation (and are trained on)."""
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    betas: tuple[float, float]
    gradient_clip: float = Field(gt=0)
    warmup: float = Field(ge=0, lt=1)
    """Share of all steps; a cosine to zero follows."""
    epochs: int = Field(ge=1)
    max_length: int = Field(ge=16)
    """Tokens of a conversation, or of a packed sequence."""
    packing: bool
    """Best-fit-decreasing: whole conversations share a sequence and don't see each other."""
    global_batch: int = Field(ge=1)
    """Sequences per optimizer step, over all processes."""
    micro_batch: int = Field(ge=1)
    machines: int = Field(ge=1)
    processes: int = Field(ge=1)
    """Over all machines: one per GPU."""
    sequence_parallel: int = Field(default=1, ge=1)
    """Processes that share one sequence (Ulysses)."""
    gradient_checkpointing: bool
    attention: Literal["eager", "sdpa", "flash_attention_2", "flash_attention_3"] = "sdpa"
    accelerate: str
    """File beside the recipe: how `accelerate launch` starts the processes."""
    deepspeed: str | None = None
    """File beside the recipe: what DeepSpeed shards and offloads."""
    lora: Lora | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _parallelism_fits(self) -> Self:
        if self.processes % self.machines:
            raise ValueError(f"{self.processes} processes cannot be spread evenly over {self.machines} machines")
        if self.max_length % self.sequence_parallel:
            raise ValueError(f"max_length {self.max_length} is not a multiple of sequence_parallel")
        if self.packing and self.sequence_parallel > 1:
            raise ValueError("packing and sequence_parallel exclude each other (TRL's collator cannot do both)")
        if self.sequence_parallel > 1 and self.deepspeed is None:
            raise ValueError("sequence_parallel needs a deepspeed file")
        self.accumulation(self.processes)
        return self

    def accumulation(self, processes: int) -> int:
        """Micro-batches per optimizer step, so that any number of processes keeps the recipe's global batch."""
        if processes % self.sequence_parallel:
            raise InputError(f"{self.name}: {processes} processes, but {self.sequence_parallel} share each sequence")
        at_once = processes // self.sequence_parallel * self.micro_batch
        if self.global_batch % at_once:
            raise InputError(
                f"{self.name}: a global batch of {self.global_batch} is not a multiple of the {at_once} sequences "
                f"that {processes} processes hold at once"
            )
        return self.global_batch // at_once

    def steps(self, sequences: int) -> int:
        """Optimizer steps for a corpus of so many sequences; the last, partial batch of the run is not taken."""
        return max(1, self.epochs * sequences // self.global_batch)


def names() -> list[str]:
    """The shipped recipes."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


def load(name: str) -> Recipe:
    """A shipped recipe by name, or a YAML file by path."""
    if name.endswith((".yaml", ".yml")):
        source: Traversable | Path = Path(name)
    elif name in names():
        source = _folder() / f"{name}.yaml"
    else:
        raise InputError(f"no recipe {name!r}: one of {', '.join(names())}, or the path of a .yaml file")
    try:
        return Recipe.model_validate(yaml.safe_load(source.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InputError(f"recipe {name}: {error}") from error


def accelerate_file(recipe: Recipe) -> Path:
    return _beside("accelerate", recipe.accelerate)


def deepspeed_file(recipe: Recipe) -> Path | None:
    return None if recipe.deepspeed is None else _beside("deepspeed", recipe.deepspeed)


def check_deepspeed(settings: Mapping[str, Any], recipe: Recipe) -> None:
    """Refuse a DeepSpeed file that would quietly train something else than the recipe says."""
    own = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping")
    for key in own:
        if settings.get(key) != "auto":
            raise InputError(f'{recipe.deepspeed}: {key} must be "auto": the recipe decides it')
    for key in ("optimizer", "scheduler"):
        if key in settings:
            raise InputError(f"{recipe.deepspeed}: no {key} here: the recipe decides it")


def _folder() -> Traversable:
    return files("termforge.train") / "recipes"


def _beside(kind: str, name: str) -> Path:
    path = Path(name) if "/" in name else Path(str(_folder())) / kind / name
    if not path.is_file():
        raise InputError(f"no {kind} file {path}")
    return path
