"""What a finished training says about itself: `training.json` beside the weights."""

from pathlib import Path

from pydantic import ValidationError

from termforge.errors import InputError
from termforge.schemas import Record
from termforge.train.recipes import Recipe

FILE = "training.json"


class DataFile(Record):
    name: str
    rows: int
    sha256: str


class Rows(Record):
    """Every conversation of the corpus, accounted for."""

    read: int
    used: int
    dropped: dict[str, int]
    """By reason, as named in termforge/train/chat.py."""
    cut: int
    """Used, but without their last turns: longer than the recipe's max_length."""
    turns: int
    """Assistant turns supervised."""
    turns_cut: int
    """Assistant turns lost to max_length."""
    tokens: int
    supervised_tokens: int


class Progress(Record):
    """One logged optimizer step."""

    step: int
    steps: int
    loss: float
    learning_rate: float

    def __str__(self) -> str:
        return f"step {self.step}/{self.steps} loss {self.loss:.4f} learning rate {self.learning_rate:.2e}"


class TrainingRecord(Record):
    recipe: Recipe
    data: tuple[DataFile, ...]
    rows: Rows
    sequences: int
    """What one epoch holds: conversations, or packed sequences."""
    steps: int
    processes: int
    accumulation: int
    losses: tuple[Progress, ...]
    seconds: float
    template_sha256: str
    code_version: str
    libraries: dict[str, str]

    @property
    def final_loss(self) -> float:
        return self.losses[-1].loss


def read(out: Path) -> TrainingRecord:
    """The record of the training whose model lies in `out`; InputError where none finished there."""
    try:
        return TrainingRecord.model_validate_json((out / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(f"{out}: no finished training: {error}") from error
