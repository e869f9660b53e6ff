"""Cuts a teacher's reply at its tags, and takes off what models wrap around their words.

What is refused here is missing, doubled, empty, too large, or ambiguous. Form that leaves no doubt about what is meant
costs no second reply: thought, politeness, rules and fences around the sections are passed over, a fence or CDATA that
encloses all of a section or file is taken off, tags may be indented and share their line with content, and the line
ends of other systems become ours.
"""

import io
import math
import re
import tokenize
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from termforge.redact import secret_in
from termforge.synthesize.reply import LIMITS, MAY_BE_EMPTY, MalformedReply, Reason, Sections

_OPENING = re.compile(rf"(?:^|(?<=>))[ \t]*<({'|'.join(Sections._fields)})>", re.MULTILINE)
_THOUGHT_END = re.compile(r"</think(?:ing)?>")
_FILE_TAG = re.compile(r"<file\b[^<>\n]*>|</files>")
_FILE_END = re.compile(r"</file>[ \t]*(?=$|<)", re.MULTILINE)
_FENCE = re.compile(r"(`{3,}|~{3,})[\w+.-]*")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_ENTITIES = {"lt", "gt", "amp", "quot", "apos"}


class Element(NamedTuple):
    """A file, as it is written in the section of files."""

    before: str
    """What stands between it and the one before it."""
    tag: str
    content: str
    end: int
    """Where it is over, in the text that it was found in."""


def split(reply: str) -> Sections:
    """Raises: MalformedReply."""
    if kind := secret_in(reply):
        raise MalformedReply(Reason.SECRET, kind)
    text = _behind_thought(reply.removeprefix("\ufeff").replace("\r\n", "\n"))
    found: dict[str, str] = {}
    for name, content in _sections(text):
        if name in found:
            raise MalformedReply(Reason.REPEATED_SECTION, name)
        found[name] = unwrapped(content)
    if not found and text.strip():
        raise MalformedReply(Reason.OUTSIDE_TEXT, "and no section begins a line")
    if missing := [name for name in Sections._fields if name not in found]:
        raise MalformedReply(Reason.MISSING_SECTION, ", ".join(missing))
    for name, content in found.items():
        _check_content(name, content)
    _refuse_entities(found["tests"])
    return Sections(**found)


def elements(text: str, position: int = 0) -> Iterator[Element]:
    """The files from a position to the section's end. Tags inside a file mean nothing, but for its own closing one.

    Raises: MalformedReply for one that is not closed.
    """
    while (tag := _FILE_TAG.search(text, position)) and tag[0] != "</files>":
        closing = _file_end(text, tag.end())
        yield Element(text[position : tag.start()], tag[0], text[tag.end() : closing.start()], closing.end())
        position = closing.end()


def unwrapped(content: str) -> str:
    """Whole lines: without what the tags' own lines leave, and without a fence or CDATA around everything."""
    lines = _unfenced(_whole_lines(content))
    bare = lines.strip()
    if bare.startswith(_CDATA) and bare.endswith(_CDATA_END):
        return _whole_lines(bare.removeprefix(_CDATA).removesuffix(_CDATA_END))
    return lines


def _behind_thought(text: str) -> str:
    """What follows the last end of a thought that all six sections follow: those before it are drafts."""
    last = {opening[1]: opening.start() for opening in _OPENING.finditer(text)}
    if len(last) < len(Sections._fields):
        return text
    ends = [end.end() for end in _THOUGHT_END.finditer(text, 0, min(last.values()) + 1)]
    return text[ends[-1] :] if ends else text


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """(name, content) of each section. Inside one, only its own closing tag at a line's end means anything."""
    position = 0
    while opening := _OPENING.search(text, position):
        name, start = opening[1], opening.end()
        if name == "files":
            start = max((element.end for element in elements(text, start)), default=start)
        closing = re.compile(rf"</{name}>[ \t]*(?=$|<)", re.MULTILINE).search(text, start)
        if closing is None:
            raise MalformedReply(Reason.UNCLOSED_SECTION, f"</{name}>")
        yield name, text[opening.end() : closing.start()]
        position = closing.end()


def _file_end(text: str, start: int) -> re.Match[str]:
    """`<file>a.txt</file>` on a line of its own is XML in somebody's data and ends nothing."""
    for closing in _FILE_END.finditer(text, start):
        line = text[max(start, text.rfind("\n", start, closing.start())) : closing.start()]
        if not re.search(r"<file\b", line):
            return closing
    raise MalformedReply(Reason.UNCLOSED_SECTION, "</file>")


def _whole_lines(content: str) -> str:
    first, newline, rest = content.partition("\n")
    if newline and not first.strip():
        content = rest
    head, newline, last = content.rpartition("\n")
    if not last.strip():
        return head + newline
    return content + "\n"


def _unfenced(lines: str) -> str:
    """A second fence inside leaves it open whether the first one encloses everything; such content stays as it is."""
    first, _, rest = lines.strip().partition("\n")
    inner, newline, last = rest.rpartition("\n")
    fence = _FENCE.fullmatch(first.rstrip())
    if fence is None or last.strip() != fence[1]:
        return lines
    if any(line.lstrip().startswith(fence[1]) for line in inner.split("\n")):
        return lines
    return inner + newline


def _check_content(name: str, content: str) -> None:
    """Control characters, lone surrogates and the mark of undecodable bytes: garbage, or an attack on a terminal."""
    if not content.strip() and name not in MAY_BE_EMPTY:
        raise MalformedReply(Reason.EMPTY_SECTION, name)
    if len(content) > LIMITS.get(name, math.inf):
        raise MalformedReply(Reason.TOO_LARGE, f"{name}: {len(content)} characters")
    for character in set(content) - set("\n\t\r"):
        if character == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn"):
            raise MalformedReply(Reason.NOT_TEXT, f"U+{ord(character):04X}")


def _refuse_entities(tests: str) -> None:
    """`assert a &lt; b` is Python that asserts `a & lt`. In a string an entity may be meant."""
    try:
        tokens = [token.string for token in tokenize.generate_tokens(io.StringIO(tests).readline)]
    except (tokenize.TokenError, SyntaxError):
        return  # no Python: lint.py says so
    for before, name, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if before == "&" and name in _ENTITIES and after == ";":
            raise MalformedReply(
                Reason.TESTS_NOT_PYTHON, f"&{name}; stands for a character that must be written as it is"
            )
