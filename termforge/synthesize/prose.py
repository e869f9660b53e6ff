"""What is said to the agent, as against what is data or code: prose whole, of other files their remarks."""

import re

from termforge.schemas import File

_PROSE = (".adoc", ".md", ".rst", ".txt")
_PROSE_NAMES = {"changelog", "contributing", "notes", "readme", "todo"}
_LONGEST = 2000
"""Of a remark over several lines; what seems longer is one that is never closed."""
_REMARK = re.compile(
    rf'"""(.{{0,{_LONGEST}}}?)"""'
    rf"|'''(.{{0,{_LONGEST}}}?)'''"
    rf"|/\*(.{{0,{_LONGEST}}}?)\*/"
    rf"|<!--(.{{0,{_LONGEST}}}?)-->"
    r"|(?:^|(?<=\s))(?:\#|//|--|/\*|<!--)([^\n]*)",
    re.DOTALL | re.MULTILINE,
)
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+#]|\d+[.)])\s)")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")


def said(file: File) -> str:
    """Prose as it is; docstrings and comments of anything else, trailing ones too."""
    text = file.content.decode()
    if file.path.endswith(_PROSE) or file.path.rpartition("/")[2].split(".")[0].lower() in _PROSE_NAMES:
        return text
    return "\n".join("".join(filter(None, remark)) for remark in _REMARK.findall(text))


def sentences(text: str) -> list[str]:
    """Each on one line; list items are sentences."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in _PARAGRAPH.split(text))
    return [sentence for paragraph in paragraphs for sentence in _SENTENCE.split(paragraph) if sentence]
