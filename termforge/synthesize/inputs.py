"""The input files of a reply: every path below /app, every byte text that the teacher wrote."""

import re

from termforge.schemas import File
from termforge.synthesize.reply import MAX_FILE_BYTES, MAX_FILES, MalformedReply, Reason
from termforge.synthesize.sections import elements, unwrapped

MAX_PATH_CHARS = 200
MAX_NAME_BYTES = 255
"""What file systems bear."""

_TAG = re.compile(r"""<file\s+path\s*=\s*(?:"([^"\n]*)"|'([^'\n]*)')\s*>""")
_LINK = re.compile(r"<(?:sym|hard)?link\b|<file\b[^>]*\b(?:(?:sym|hard)?link|target|href)\s*=")
_SWALLOWED = re.compile(r"""^[ \t]*(?:</file>|<file\s+path\s*=\s*["']/app/[^\n]*(?<!/)>[ \t]*$)""", re.MULTILINE)
"""The next file's tag, where this one's closing tag was forgotten. XML in the data names other paths, or has `/>`."""


def files_in(section: str) -> tuple[File, ...]:
    """The input files, each ending in a newline.

    Raises: MalformedReply.
    """
    files: dict[str, File] = {}
    end = 0
    for element in elements(section):
        _refuse_stray(element.before)
        path, content = _path(element.tag), unwrapped(element.content)
        _check_path(path, files)
        if swallowed := _SWALLOWED.search(content):
            raise MalformedReply(Reason.BAD_FILES, f"{path} holds {swallowed[0][:MAX_PATH_CHARS]}")
        files[path], end = _file(path, content), element.end
        if len(files) > MAX_FILES:
            raise MalformedReply(Reason.TOO_LARGE, f"more than {MAX_FILES} files")
    _refuse_stray(section[end:])
    return tuple(files[path] for path in sorted(files))


def _file(path: str, content: str) -> File:
    encoded = content.encode()
    if len(encoded) > MAX_FILE_BYTES:
        raise MalformedReply(Reason.TOO_LARGE, f"{path}: {len(encoded)} bytes")
    return File(path=path, content=encoded)


def _refuse_stray(text: str) -> None:
    """Between files no text is passed over: it may be one whose tag is wrong."""
    if stray := text.strip()[:100]:
        raise MalformedReply(Reason.LINK if _LINK.search(stray) else Reason.BAD_FILES, stray)


def _path(tag: str) -> str:
    if _LINK.match(re.sub(r""""[^"]*"|'[^']*'""", "", tag)):
        raise MalformedReply(Reason.LINK, tag[:100])
    opening = _TAG.fullmatch(tag)
    if opening is None:
        raise MalformedReply(Reason.BAD_FILES, tag[:100])
    return opening[1] or opening[2] or ""


def _check_path(path: str, others: dict[str, File]) -> None:
    parts = path.split("/")
    below_app = path.startswith("/app/") and not any(part in ("", ".", "..") for part in parts[1:])
    plain = path.isprintable() and "\\" not in path
    short = len(path) <= MAX_PATH_CHARS and all(len(part.encode()) <= MAX_NAME_BYTES for part in parts)
    if not (below_app and plain and short):
        raise MalformedReply(Reason.BAD_PATH, path[:MAX_PATH_CHARS])
    for other in others:
        if path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/"):
            raise MalformedReply(Reason.DUPLICATE_PATH, path)
