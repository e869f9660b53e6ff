"""Filters over what a model wrote (replies and reasoning), each the reason to turn a trajectory away, or None.

The paper removes identity leaks and responses with Chinese characters; it tries and rejects the complete-only and
success-only filters (section 3.3, tables 6 and 7), which are therefore off by default in curate.py.
"""

import re
from collections.abc import Iterator

from termforge.schemas import Ending, Exchange, TerminalTask, Trajectory, Turn

# Vendors and servers that no terminal work calls for by itself. They leak unless the model had been shown the name.
NAMES = re.compile(r"deepseek|hosted_vllm|openai|anthropic|chatgpt|qwen", re.IGNORECASE)
# Names that are also words or people (Claude Shannon, a llama, the Gemini twins) leak only as the speaker's own.
_MODEL = r"(?:deepseek|qwen|chatgpt|gpt-?\d|claude|gemini|gemma|llama|mistral|mixtral|kimi|grok|glm|nemotron|minimax)"
_VENDOR = r"(?:deepseek|alibaba|openai|anthropic|google|deepmind|meta|mistral|moonshot|nvidia|xai|zhipu|microsoft)"
_MADE = rf"(?:made|built|created|developed|trained) by {_VENDOR}"
_KIND = r"an? (?:ai|artificial intelligence|llm|(?:large |ai )?language model|ai (?:model|assistant))"
SELF_IDENTIFICATION = re.compile(
    rf"\b(?:i am|i['’]m|my name is|speaking as) (?:{_MODEL}|{_KIND})\b"
    rf"|\bas {_KIND}(?: {_MADE})?,? i\b"
    rf"|\bi (?:was|am|have been) {_MADE}\b"
    rf"|\b(?:model|assistant) {_MADE}\b",
    re.IGNORECASE,
)
# Han with its extensions, compatibility forms and radicals, CJK punctuation and full-width forms; kana and Hangul are
# not Chinese. Written out or as a JSON escape, which a reply may hold.
CHINESE = re.compile(
    r"[\u2e80-\u2fdf\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U000323af]"
    r"|(?<!\\)\\u(?:3[4-9a-f]|4[0-9a-c]|4[ef]|[5-9][0-9a-f]|f[9a])[0-9a-f]{2}",
    re.IGNORECASE,
)


def identity_leak(terminal_task: TerminalTask, trajectory: Trajectory) -> str | None:
    """A model or vendor named as the speaker; or a vendor's name that nothing shown before had brought up."""
    shown = {name.lower() for name in NAMES.findall(terminal_task.instruction)}
    for number, turn in enumerate(trajectory.turns, start=1):
        for prompt, text in _said(turn):
            shown |= {name.lower() for name in NAMES.findall(prompt)}
            if found := SELF_IDENTIFICATION.search(text):
                return f"turn {number}: {found.group()!r}"
            if leaked := {name.lower() for name in NAMES.findall(text)} - shown:
                return f"turn {number}: {', '.join(sorted(leaked))}"
    return None


def chinese_characters(terminal_task: TerminalTask, trajectory: Trajectory) -> str | None:
    """Even where the task itself brought them: as the paper does."""
    for number, turn in enumerate(trajectory.turns, start=1):
        for _, text in _said(turn):
            if found := CHINESE.search(text):
                return f"turn {number}: {found.group()!r}"
    return None


def empty_reply(terminal_task: TerminalTask, trajectory: Trajectory) -> str | None:
    """A turn without a word; the published corpus has thousands that end in one."""
    for number, turn in enumerate(trajectory.turns, start=1):
        if not turn.reply.strip():
            return f"turn {number}"
    return None if trajectory.turns else "no turns"


def infrastructure_failure(terminal_task: TerminalTask, trajectory: Trajectory) -> str | None:
    """What machines or services broke off says nothing about terminals; the trial was or will be tried again."""
    return trajectory.ending.value if trajectory.ending.infrastructure else None


def incomplete(terminal_task: TerminalTask, trajectory: Trajectory) -> str | None:
    return None if trajectory.ending is Ending.COMPLETED else trajectory.ending.value


def unsuccessful(terminal_task: TerminalTask, trajectory: Trajectory) -> str | None:
    """Only where tests exist: an adapted prompt without an answer can neither succeed nor fail."""
    if terminal_task.verifier is None:
        return None
    return None if trajectory.verdict is not None and trajectory.verdict.solved else trajectory.outcome


def _said(turn: Turn) -> Iterator[tuple[str, str]]:
    """What the model was told and what it wrote then, the calls of a handover first: prompts repeat their replies."""
    calls: tuple[Exchange | Turn, ...] = (*turn.handover, turn)
    for call in calls:
        yield call.prompt, call.reply
        yield call.prompt, call.reasoning or ""
