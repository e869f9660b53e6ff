"""What a model is told while its work is handed over to a new conversation: in our words, or in Terminus 2's.

Ours are prompts/agent/handover.j2. Terminus 2's stand as expressions in harbor's program, in an installed harbor or its
wheel (template.py says where that lies): they are read from there without running it, believed only by their sha256,
and never kept here.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, Protocol, get_args

from termforge import prompts
from termforge.agent import template as templates

OURS = "agent/handover.j2"
Prompt = Literal["summary", "questions", "answers", "handoff", "short summary", "from summary", "from screen"]

_PROMPTS: dict[str, Prompt] = {
    "967c830a8c02db5a5b1f53445afdb1745958b8cb67d1026e85aded46bad470a0": "summary",
    "8ef50dfb388eb0e6cc40bcc693ebe309fc86b09f83619ca47addf83c1737e15d": "questions",
    "bfa73897885e56504f224b370d67028f21d5f8d15e7e75622cd1824f10975438": "answers",
    "2d901efb70d085705c50559f9104510bcb445e98017435ba792c1cc2691d29e2": "handoff",
    "594e719a2cc2d10aaae75ffbc6b139c25403b802d60be682938617eece76c5bb": "short summary",
    # harbor 0.1.1: the same words around variables of other names
    "ed02a957259d2ed964a5e09e78269e1a10a6db1c122b669c50cf7dd2388fd4e3": "questions",
    "0c4b854819d6227757770e7cfa547d107a9eaf33670a3cc81bf0d0cb34e2411a": "handoff",
}
"""By the sha256 of the text with each expression in braces."""
_VALUES = {
    "original_instruction": "instruction",
    "summary_response": "summary",
    "current_screen": "screen",
    "limited_screen": "screen",
    "model_questions": "questions",
    "answers_response": "answers",
    "model_answers": "answers",
}
"""What we call a variable of harbor's; `.content` is left off."""
_SHORT: dict[Prompt, str] = {
    "from summary": "{instruction}\n\nSummary: {summary}",
    "from screen": "{instruction}\n\nCurrent state: {screen}",
}


class Wording(Protocol):
    def __call__(self, prompt: Prompt, /, **values: str) -> str:
        """Values: instruction, summary, screen, questions, answers; each prompt takes those that it needs."""


def load(name: templates.TemplateName, state: Path | None = None) -> Wording:
    """The wording that belongs to a first message; `state` as for `template.load`.

    Raises: SetupError where Terminus 2's is not at hand, with the command that fetches it.
    """
    if name == "termforge":
        return lambda prompt, /, **values: prompts.render(OURS, prompt=prompt, **values).rstrip()
    texts = _terminus(name, templates.wheels_in(state))

    def fill(prompt: Prompt, /, **values: str) -> str:
        if "instruction" in values:
            values["instruction"] = templates.without_canary(values["instruction"])
        return texts[prompt].format(**values)

    return fill


@cache
def _terminus(name: templates.TemplateName, folder: Path) -> dict[Prompt, str]:
    """Format strings."""
    copies = templates.copies_in_harbor("terminus_2.py", folder)
    texts = dict(_SHORT)
    for content in copies:
        texts |= _read(content.decode())
    if lacking := set(get_args(Prompt)) - texts.keys():
        raise templates.missing(f"Terminus 2's prompts for {', '.join(sorted(lacking))}", name, len(copies), folder)
    return texts


def _read(program: str) -> dict[Prompt, str]:
    found: dict[Prompt, str] = {}
    try:
        tree = ast.parse(program)
    except SyntaxError:  # written for a newer Python than this one: another copy has to do
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.BinOp):
            pieces = list(_pieces(node))
            text = "".join(piece if isinstance(piece, str) else f"{{{ast.unparse(piece)}}}" for piece in pieces)
            prompt = _PROMPTS.get(hashlib.sha256(text.encode()).hexdigest())
            if prompt:
                found[prompt] = "".join(map(_format, pieces))
    return found


def _pieces(node: ast.expr) -> Iterator[str | ast.expr]:
    """Literal text, and the expressions between, of an f-string or a sum of strings."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            for part in parts:
                yield from _pieces(part)
        case ast.FormattedValue(value=value):
            yield value
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            yield from _pieces(left)
            yield from _pieces(right)
        case _:
            yield node


def _format(piece: str | ast.expr) -> str:
    if isinstance(piece, str):
        return piece.replace("{", "{{").replace("}", "}}")
    return f"{{{_VALUES[ast.unparse(piece).removesuffix('.content')]}}}"
