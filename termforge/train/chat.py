"""Conversations to tokens and labels: our pinned ChatML, every assistant turn supervised exactly once.

A label is the token itself where the model is trained (an assistant's content and its end-of-turn token) and IGNORED
everywhere else. Markers are inserted as token ids and contents are tokenized with special tokens split, so text that
looks like a marker stays text. `template` gives the same format as Jinja for the server; a test holds the two equal.

Over-length policy, "cut": a conversation longer than the limit keeps its longest beginning that ends with an
assistant turn; one whose first assistant turn does not fit is dropped. Both are counted.
"""

from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

from termforge.errors import InputError
from termforge.train.recipes import Thinking

IGNORED = -100
TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
THINK_START, THINK_END = "<think>", "</think>"
ROLES = ("system", "user", "assistant")

NO_ASSISTANT = "no assistant turn"
NULL_TURN = "null turn before the end"
OPEN_THINKING = "thinking never closed"
TOO_LONG = "first exchange too long"


class Message(NamedTuple):
    role: str
    content: str | None
    """None where the recorder had nothing: 17,555 published rows end so."""


class Encoded(NamedTuple):
    input_ids: list[int]
    labels: list[int]
    """Same length; IGNORED where nothing is learned."""
    dropped: str
    """Why the conversation is not trained on at all; empty where it is."""
    turns: int
    """Assistant turns supervised."""
    turns_cut: int
    """Assistant turns beyond the length limit."""


def template(thinking: Thinking) -> str:
    """The chat template a server must use with a model trained here, as Jinja text."""
    body = (files("termforge.train") / "chatml.jinja").read_text(encoding="utf-8")
    return f'{{%- set thinking = "{thinking}" -%}}\n{body}'


class Encoder:
    """Encodes conversations for one tokenizer (a fast `transformers` one) and one thinking policy."""

    def __init__(self, tokenizer: Any, thinking: Thinking, max_length: int) -> None:
        self._tokenizer = tokenizer
        self._thinking = thinking
        self._max_length = max_length
        self._start, self._end = (_marker_id(tokenizer, marker) for marker in (TURN_START, TURN_END))
        self._newline, self._assistant = self._tokenize(["\n", "assistant\n"])

    def encode(self, conversation: Sequence[Message]) -> Encoded:
        """InputError for a role that the format does not know."""
        messages = _without_tail(conversation)
        reason, contents = self._contents(messages)
        if reason:
            return _dropped(reason)
        tokens = self._tokenize(
            [
                content if message.role == "assistant" else f"{message.role}\n{content}"
                for message, content in zip(messages, contents, strict=True)
            ]
        )
        return self._join([message.role for message in messages], tokens)

    def _contents(self, messages: Sequence[Message]) -> tuple[str, list[str]]:
        """Why the conversation cannot be used, or what each turn says under the thinking policy."""
        if not messages:
            return NO_ASSISTANT, []
        contents = []
        for role, content in messages:
            if role not in ROLES:
                raise InputError(f"unknown role {role!r}: one of {', '.join(ROLES)}")
            if content is None:
                return NULL_TURN, []
            if role == "assistant" and self._thinking == "drop" and content.lstrip().startswith(THINK_START):
                if THINK_END not in content:
                    return OPEN_THINKING, []
                content = content.split(THINK_END, 1)[1].lstrip()
            contents.append(content)
        return "", contents

    def _join(self, roles: Sequence[str], tokens: Sequence[list[int]]) -> Encoded:
        input_ids: list[int] = []
        labels: list[int] = []
        length = turns = 0  # of the beginning that is kept
        for role, content in zip(roles, tokens, strict=True):
            learned = [*content, self._end]
            if role == "assistant":
                head = [self._start, *self._assistant]
                input_ids += [*head, *learned, *self._newline]
                labels += [IGNORED] * len(head) + learned + [IGNORED] * len(self._newline)
            else:
                input_ids += [self._start, *learned, *self._newline]
                labels += [IGNORED] * (1 + len(learned) + len(self._newline))
            if len(input_ids) > self._max_length:
                break
            if role == "assistant":
                length, turns = len(input_ids), turns + 1
        if not turns:
            return _dropped(TOO_LONG)
        return Encoded(input_ids[:length], labels[:length], "", turns, roles.count("assistant") - turns)

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        encoding = self._tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)
        return [list(ids) for ids in encoding["input_ids"]]


def supervised_texts(encoded_ids: Sequence[int], labels: Sequence[int], tokenizer: Any) -> list[str]:
    """What a sequence of labels teaches, decoded: one text for each unbroken run of learned tokens."""
    learned = [position for position, label in enumerate(labels) if label != IGNORED]
    assert all(labels[position] == encoded_ids[position] for position in learned)
    starts = learned[:1] + [after for before, after in pairwise(learned) if after != before + 1]
    ends = [before for before, after in pairwise(learned) if after != before + 1] + learned[-1:]
    return [
        tokenizer.decode(labels[start : end + 1], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        for start, end in zip(starts, ends, strict=True)
    ]


def _without_tail(conversation: Sequence[Message]) -> list[Message]:
    """Up to the last assistant turn that says something: a null or blank tail must never be learned."""
    messages = list(conversation)
    while messages and not (messages[-1].role == "assistant" and (messages[-1].content or "").strip()):
        messages.pop()
    return messages


def _dropped(reason: str) -> Encoded:
    return Encoded([], [], reason, 0, 0)


def _marker_id(tokenizer: Any, marker: str) -> int:
    ids = tokenizer(marker, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise InputError(f"the base model's tokenizer has no {marker} token: a ChatML model is needed (Qwen)")
    return int(ids[0])
