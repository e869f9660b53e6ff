"""Terminus 2's JSON replies: what a model's text asks for, with the original's errors, warnings and repairs.

Texts, their order and the tolerance are those of harbor 0.25.0, so that a model trained on our turns meets nothing new
there; unknown fields, which the original names in random order, are sorted. Durations come as the model gave them
(the loop caps them). `parse` accepts any text and never raises. The XML variant: xml_protocol.py.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from termforge.schemas import Command

ReplyFormat = Literal["json", "xml"]

DEFAULT_DURATION_S = 1.0
_REQUIRED = ("analysis", "plan", "commands")
_INNER_OBJECT = re.compile(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")


class Parsed(NamedTuple):
    commands: tuple[Command, ...] = ()
    task_complete: bool = False
    error: str = ""
    """Why nothing can be executed; empty for a usable reply."""
    warning: str = ""
    """One `- ` line per warning."""
    analysis: object = ""
    """As decoded: usually a string."""
    plan: object = ""


class _Unusable(ValueError):
    """The reply as a whole asks for nothing that could be done."""


def render(analysis: str, plan: str, commands: Sequence[Command], task_complete: bool = False) -> str:
    """A reply that `parse` reads without a warning (given that keystrokes before another command end in a newline)."""
    fields: dict[str, object] = {
        "analysis": analysis,
        "plan": plan,
        "commands": [{"keystrokes": command.keystrokes, "duration": command.duration_s} for command in commands],
    }
    if task_complete:
        fields["task_complete"] = True
    return json.dumps(fields, indent=2, ensure_ascii=False)


def parse(reply: str) -> Parsed:
    parsed = _parse_as_is(reply)
    if not parsed.error:
        return parsed
    for repair, text in _repairs(reply):
        repaired = _parse_as_is(text)
        if not repaired.error:
            note = f"- AUTO-CORRECTED: {repair} - please fix this in future responses"
            return repaired._replace(warning="\n".join(filter(None, (note, repaired.warning))))
    return parsed


def _parse_as_is(reply: str) -> Parsed:
    warnings: list[str] = []
    try:
        text = _find_object(reply, warnings)
        fields = _decode(text)
        _check_fields(fields, text, warnings)
    except _Unusable as problem:
        return Parsed(error=str(problem), warning=bullets(warnings))
    complete = _means_complete(fields.get("task_complete"))
    commands, error = _read_commands(fields["commands"], warnings)
    if error and complete:
        warnings.append(error)
        error = ""
    return Parsed(commands, complete, error, bullets(warnings), fields["analysis"], fields["plan"])


def _find_object(reply: str, warnings: list[str]) -> str:
    bounds = _object_bounds(reply)
    if bounds is None:
        warnings.append("No valid JSON object found")
        raise _Unusable("No valid JSON found in response")
    start, end = bounds
    if reply[:start].strip():
        warnings.append("Extra text detected before JSON object")
    if reply[end:].strip():
        warnings.append("Extra text detected after JSON object")
    return reply[start:end]


def _object_bounds(reply: str) -> tuple[int, int] | None:
    """Where the first balanced object starts and ends. Quotes and backslashes count in prose too."""
    depth, start, quoted, escaped = 0, -1, False, False
    for place, character in enumerate(reply):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "{" and not quoted:
            start = place if depth == 0 else start
            depth += 1
        elif character == "}" and not quoted:
            depth -= 1
            if depth == 0 and start >= 0:
                return start, place + 1
    return None


def _decode(text: str) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more than 4,300 digits
        content = f"Content: {text!r}" if len(text) < 200 else f"Content preview: {text[:100]!r}..."
        raise _Unusable(f"Invalid JSON: {error} | {content}") from None
    return fields


def _check_fields(fields: dict[str, Any], text: str, warnings: list[str]) -> None:
    if missing := [name for name in _REQUIRED if name not in fields]:
        raise _Unusable(f"Missing required fields: {', '.join(missing)}")
    for name in ("analysis", "plan"):
        if not isinstance(fields[name], str):
            warnings.append(f"Field '{name}' should be a string")
    if not isinstance(fields["commands"], list):
        raise _Unusable("Field 'commands' must be an array")
    places = {name: match.start() for name in _REQUIRED if (match := re.search(rf'"{name}"\s*:', text))}
    check_order("Fields", places, warnings)
    if not isinstance(fields.get("task_complete"), bool | str | None):
        warnings.append("Field 'task_complete' should be a boolean or string")


def check_order(kind: str, places: dict[str, int], warnings: list[str]) -> None:
    """`places`: where each part of a reply begins, in the order of the format."""
    expected, found = list(places), sorted(places, key=places.__getitem__)
    if found != expected:
        warnings.append(f"{kind} appear in wrong order. Found: {' → '.join(found)}, expected: {' → '.join(expected)}")


def _means_complete(value: object) -> bool:
    return value.lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)


def _read_commands(items: list[Any], warnings: list[str]) -> tuple[tuple[Command, ...], str]:
    """The commands, or none and the error of the first that is unusable."""
    commands = []
    for number, item in enumerate(items, start=1):
        if error := _command_error(item, number):
            return (), error
        duration_s = _duration_s(item, number, warnings)
        if unknown := sorted(item.keys() - {"keystrokes", "duration"}):
            warnings.append(f"Command {number}: Unknown fields: {', '.join(unknown)}")
        keystrokes = item["keystrokes"]
        if number < len(items) and keystrokes and not keystrokes.endswith("\n"):
            warnings.append(no_newline(number))
        commands.append(Command(keystrokes=keystrokes, duration_s=duration_s))
    return tuple(commands), ""


def no_newline(number: int) -> str:
    return (
        f"Command {number} should end with newline when followed by another command. "
        "Otherwise the two commands will be concatenated together on the same line."
    )


def _command_error(item: object, number: int) -> str:
    if not isinstance(item, dict):
        return f"Command {number} must be an object"
    if "keystrokes" not in item:
        return f"Command {number} missing required 'keystrokes' field"
    if not isinstance(item["keystrokes"], str):
        return f"Command {number} 'keystrokes' must be a string"
    return ""


def _duration_s(item: dict[str, Any], number: int, warnings: list[str]) -> float:
    if "duration" not in item:
        warnings.append(f"Command {number}: Missing duration field, using default 1.0")
        return DEFAULT_DURATION_S
    value = item["duration"]
    if not isinstance(value, int | float):
        warnings.append(f"Command {number}: Invalid duration value, using default 1.0")
        return DEFAULT_DURATION_S
    try:
        return float(value)
    except OverflowError:  # an integer beyond every float
        return math.copysign(math.inf, 1 if value > 0 else -1)


def _repairs(reply: str) -> Iterator[tuple[str, str]]:
    """What the original tries after an error: a name and another text to read, in its order."""
    unclosed = reply.count("{") - reply.count("}")
    if unclosed > 0:
        yield "Fixed incomplete JSON by adding missing closing brace", reply + "}" * unclosed
    for match in _INNER_OBJECT.finditer(reply):
        if _loads(match.group()):
            yield "Extracted JSON from mixed content", match.group()
            return


def _loads(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def bullets(warnings: list[str]) -> str:
    return "\n".join(f"- {warning}" for warning in warnings)
