"""Terminus 2's XML replies, read as harbor 0.25.0 reads them; `Parsed` and the JSON variant are in protocol.py.

It is no XML: tags are looked for as text, entities stay as they are and keystrokes are verbatim. Missing and unknown
sections, which the original names in random order, come in the order of the format and of the alphabet. Two things that
never worked there are left out: the repair of a missing end tag and the salvage of replies that were cut. `parse`
accepts any text and never raises.
"""

import re
from collections.abc import Iterator

from termforge.agent.protocol import DEFAULT_DURATION_S, Parsed, bullets, check_order, no_newline
from termforge.schemas import Command

_START, _END = "<response>", "</response>"
_SECTIONS = ("analysis", "plan", "commands")
_KNOWN = (*_SECTIONS, "task_complete")

_COMPLETE = re.compile(r"<task_complete>\s*true\s*</task_complete>", re.IGNORECASE)
_DURATION = re.compile(r"""duration\s*=\s*["']([^"']*)["']""")
_ATTRIBUTE = re.compile(r"\b(\w++)\s*+=")  # possessive, so that a long word costs one look and not its square
_UNQUOTED = re.compile(r"""\b(\w++)\s*+=\s*+([^"'\s>]+)""")
_SINGLE_QUOTED = re.compile(r"\b(\w++)\s*+=\s*+'([^']*)'")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&apos;": "'"}

_EMPTY_COMMANDS = (
    "Commands section is empty; not taking any action. If you want to wait a specific amount of time please use "
    "`sleep`, but if you're waiting for a command to finish then continue to wait."
)


def parse(reply: str) -> Parsed:
    warnings: list[str] = []
    content = _content(reply, warnings)
    if not content:
        return Parsed(error="No <response> tag found", warning=bullets(warnings))
    complete = _COMPLETE.search(content) is not None
    sections = {name: _section(name, content) for name in _SECTIONS}
    _check_sections(content, sections, warnings)
    commands: tuple[Command, ...] = ()
    error = ""
    if sections["commands"]:
        commands = _read_commands(sections["commands"], warnings)
    elif not complete and sections["commands"] is None:
        error = "Missing <commands> section"
    elif not complete:
        warnings.append(_EMPTY_COMMANDS)
    return Parsed(commands, complete, error, bullets(warnings), sections["analysis"] or "", sections["plan"] or "")


def _content(reply: str, warnings: list[str]) -> str:
    """What the first response block holds, stripped; without an end tag, the rest of the reply."""
    before, started, rest = reply.partition(_START)
    after = reply.partition(_END)[2]  # of the reply's first end tag, wherever that stands
    if started and before.strip():
        warnings.append("Extra text detected before <response> tag")
    if started and after.strip():
        warnings.append("Extra text detected after </response> tag")
        if (blocks := reply.count(_START)) > 1:
            warnings.append(_only_one("response", blocks))
    return rest.partition(_END)[0].strip()


def _section(name: str, content: str) -> str | None:
    """What the first section of that name holds, stripped; None where there is none."""
    _, started, rest = content.partition(f"<{name}>")
    text, ended, _ = rest.partition(f"</{name}>")
    if started and ended:
        return text.strip()
    return "" if re.search(rf"<{name}\s*/>", content) else None


def _check_sections(content: str, sections: dict[str, str | None], warnings: list[str]) -> None:
    warnings += [f"Missing <{name}> section" for name, text in sections.items() if text is None]
    warnings += [
        f"Unknown tag found: <{name}>, expected {'/'.join(_KNOWN)}"
        for name in sorted(set(_top_level(content)) - set(_KNOWN))
    ]
    starts = {name: [tag.start() for tag in re.finditer(rf"<{name}(?:\s|/?>)", content)] for name in _KNOWN}
    for name, found in starts.items():
        if len(found) > 1:
            warnings.append(_only_one(name, len(found)) if name == "commands" else f"Multiple <{name}> sections found")
    check_order("Sections", {name: starts[name][0] for name in _SECTIONS if starts[name]}, warnings)


def _only_one(name: str, times: int) -> str:
    return f"IMPORTANT: Only issue one <{name}> block at a time. You issued {times} and only the first was executed."


def _top_level(content: str) -> list[str]:
    """Names of the tags that lie in no other, taken as the original takes them: `<a<b c>` is called `a<b`."""
    names, depth = [], 0
    for tag in re.findall(r"<([^>]*)>", content[: content.rfind(">") + 1]):
        if tag.startswith(("!", "?")):
            continue
        if tag.startswith("/"):
            depth -= 1
            continue
        if depth == 0:
            words = tag.split() if " " in tag else [tag]
            names.append(words[0].removesuffix("/") if words else "")
        depth += not tag.endswith("/")
    return names


def _read_commands(section: str, warnings: list[str]) -> tuple[Command, ...]:
    found = list(_keystrokes(section))
    commands = []
    for number, (attributes, keystrokes) in enumerate(found, start=1):
        _check_attributes(attributes, number, warnings)
        duration_s = _duration_s(attributes, number, warnings)
        if number < len(found) and not keystrokes.endswith("\n"):
            warnings.append(no_newline(number))
        commands.append(Command(keystrokes=keystrokes, duration_s=duration_s))
    _check_text(section, warnings)
    return tuple(commands)


def _check_text(section: str, warnings: list[str]) -> None:
    for entity, character in _ENTITIES.items():
        if entity in section:
            warnings.append(
                f"Warning: {entity} is read verbatim and not converted to {character}. NEVER USE {entity}, unless you "
                "want these exact characters to appear directly in the output."
            )
    if r"\r\n" in section:
        warnings.append(r"Warning: \r\n line endings are not necessary - use \n instead for simpler output")


def _keystrokes(section: str) -> Iterator[tuple[str, str]]:
    """Attributes and text of each element."""
    while True:
        section = section.partition("<keystrokes")[2]
        attributes, _, section = section.partition(">")
        text, ended, section = section.partition("</keystrokes>")
        if not ended:
            return
        yield attributes, text


def _check_attributes(attributes: str, number: int, warnings: list[str]) -> None:
    for name, value in _UNQUOTED.findall(attributes):
        warnings.append(f"Command {number}: Attribute '{name}' value should be quoted: {name}=\"{value}\"")
    for name, value in _SINGLE_QUOTED.findall(attributes):
        warnings.append(f"Command {number}: Use double quotes for attribute '{name}': {name}=\"{value}\"")
    for name in _ATTRIBUTE.findall(attributes):
        if name != "duration":
            warnings.append(f"Command {number}: Unknown attribute '{name}' - known attributes are: duration")


def _duration_s(attributes: str, number: int, warnings: list[str]) -> float:
    found = _DURATION.search(attributes)
    if found is None:
        warnings.append(f"Command {number}: Missing duration attribute, using default 1.0")
        return DEFAULT_DURATION_S
    try:
        return float(found[1])
    except ValueError:
        warnings.append(f"Command {number}: Invalid duration value '{found[1]}', using default 1.0")
        return DEFAULT_DURATION_S
