"""Variables of a container: expanded as Docker does it in a Dockerfile, and given to login shells by a profile."""

import re
import shlex
from collections.abc import Mapping

from termforge.schemas import File

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""$PATH of Debian's and Ubuntu's images, and of root's login shells."""
PROFILE = "/etc/profile.d/harbor.sh"
NAME = re.compile(r"[A-Za-z_]\w*")
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|['"\\])+""")
_PART = re.compile(r"""'(?P<literal>[^']*)'|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>(?:[^'"\\]|\\.)+)""")
_SIGN = re.compile(
    r"\\(?P<escaped>.)|\$(?P<name>[A-Za-z_]\w*)|\$\{(?P<braced>[A-Za-z_]\w*)(?::(?P<sign>[-+])(?P<word>[^{}]*))?\}"
    r"|(?P<odd>\$[{\d@*#])"
)


def words(text: str) -> list[str]:
    """Split at blanks outside quotes; quotes, escapes and variables stay as they are."""
    return _WORD.findall(text)


def expand(text: str, values: Mapping[str, str]) -> str:
    """`text` without its quotes and escapes; `$A`, `${A}`, `${A:-word}` and `${A:+word}` are replaced outside ''.

    Raises: ValueError for an open quote, and for a variable that has no value: Docker would take the base's, or none.
    """
    parts = list(_PART.finditer(text))
    if "".join(part[0] for part in parts) != text:
        raise ValueError("a quote or a backslash stays open")
    return "".join(_expanded(part, values) for part in parts)


def _expanded(part: re.Match[str], values: Mapping[str, str]) -> str:
    if part["literal"] is not None:
        return part["literal"]
    quoted = part["quoted"] is not None
    return _SIGN.sub(lambda sign: _replaced(sign, values, quoted=quoted), part["quoted"] if quoted else part["plain"])


def _replaced(sign: re.Match[str], values: Mapping[str, str], *, quoted: bool) -> str:
    if (escaped := sign["escaped"]) is not None:
        return sign[0] if quoted and escaped not in '"$\\' else escaped
    if sign["odd"]:
        raise ValueError(f"{sign.string} expands in a way that is not read")
    name = sign["name"] or sign["braced"]
    match sign["sign"]:
        case "-":
            return values.get(name) or expand(sign["word"], values)
        case "+":
            return expand(sign["word"], values) if values.get(name) else ""
    if name not in values:
        raise ValueError(f"${name} has no value here")
    return values[name]


def profile(variables: Mapping[str, str]) -> File:
    """What sets them in a login shell."""
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return File(path=PROFILE, content="".join(lines).encode())


def profiled(file: File) -> dict[str, str]:
    """Back from `profile`."""
    pairs = (word.partition("=") for word in shlex.split(file.content.decode()) if word != "export")
    return {name: value for name, _, value in pairs}
