"""Finds what looks like a secret and takes it out of text, so that none reaches a log, an error or a row.

Patterns of keys as services issue them, and the values of this process's own key variables; base64 is looked into once.
Not a general scanner: a password that looks like a word is not found. What is taken out is all that may be a secret;
what is found in a text that somebody wrote on purpose has to look issued as well: no example, no header without a key
below it, no name of hyphenated words.
"""

import base64
import os
import re
from collections.abc import Iterator
from typing import Any

MASK = "[redacted]"

_PEM = r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
_KINDS = {
    "private key": rf"{_PEM}(?:.*?{_PEM.replace('BEGIN', 'END')}|.*)",
    "API key": r"\b(?:sk|rk|pk)-[A-Za-z0-9_-]{16,}",
    "Stripe key": r"\b(?:sk|rk)_live_[A-Za-z0-9]{16,}",
    "AWS key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "AWS secret key": r"(?i:aws_secret_access_key[\"']?\s*[:=]\s*[\"']?)[A-Za-z0-9/+]{40}",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "npm token": r"\bnpm_[A-Za-z0-9]{36}",
    "Slack token": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    "Google key": r"\bAIza[A-Za-z0-9_-]{35}",
}
_SECRETS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _KINDS.items()}
_ISSUED = _SECRETS | {
    "private key": re.compile(rf"{_PEM}(?:\s|\\[nr])+[A-Za-z0-9+/][\w+/=-]{{3,80}}"),
    "API key": re.compile(
        r"\b(?:sk|rk|pk)-(?:[A-Za-z0-9]{0,15}[_-]){0,6}(?=[A-Za-z]{0,40}\d)(?=\d{0,40}[A-Za-z])[A-Za-z0-9]{16,}"
    ),
    "password in an address": re.compile(
        r"\w://[^\s/:@\"']{1,64}:(?=[^\s@]{0,64}\d)(?=[^\s@]{0,64}[A-Za-z])[A-Za-z0-9!#%&*+.;=?^~_-]{6,128}@"
    ),
}
"""Letters of a key are of one case at some services, but some letters and some digits stand side by side."""
_EXAMPLE = re.compile(r"example", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}(?:\r?\n[A-Za-z0-9+/]+)*")
_IN_ERRORS = (
    re.compile(r"(?i)(\bbearer\s+)[^\s\"',;}]+"),
    re.compile(r"(?i)(\bapi[_ -]?key(?:\s+provided)?[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]+"),
    re.compile(r"(\w://)[^\s/@]+(?=@)"),
)
_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
_FIELD = re.compile(r"(?i)(key|token|secret|password|credentials?|authorization)$")


def secret_in(text: str) -> str | None:
    """The kind of a secret-like string in it, or None. Says nothing of the string itself."""
    return _plain_secret_in(text) or next(filter(None, map(_plain_secret_in, _decoded(text))), None)


def redact(text: str) -> str:
    """`text` with secret-like strings, credentials in headers and addresses, and this process's own keys masked."""
    for value in sorted(_own_secrets(), key=len, reverse=True):
        text = text.replace(value, MASK)
    for pattern in _SECRETS.values():
        text = pattern.sub(MASK, text)
    for pattern in _IN_ERRORS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return _BASE64.sub(lambda run: MASK if _plain_secret_in(_read(run[0])) else run[0], text)


def redact_fields(value: Any) -> Any:
    """A copy of a JSON value, `redact` over all its texts; text in a field named for a secret goes whole."""
    if isinstance(value, dict):
        return {name: MASK if _names_secret(name, item) else redact_fields(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_fields(item) for item in value]
    return redact(value) if isinstance(value, str) else value


def _names_secret(name: str, item: Any) -> bool:
    return isinstance(item, str) and bool(_FIELD.search(name))


def _plain_secret_in(text: str) -> str | None:
    if any(value in text for value in _own_secrets()):
        return "key of this process"
    return next((kind for kind, pattern in _ISSUED.items() if _any_real(pattern.finditer(text))), None)


def _any_real(found: Iterator[re.Match[str]]) -> bool:
    return any(not _EXAMPLE.search(match[0]) for match in found)


def _decoded(text: str) -> Iterator[str]:
    return (_read(run) for run in _BASE64.findall(text))


def _read(run: str) -> str:
    digits = re.sub(r"\s", "", run)
    return base64.b64decode(digits[: len(digits) // 4 * 4]).decode("latin-1")


def _own_secrets() -> set[str]:
    """Values shorter than eight characters are left: they would mask ordinary words."""
    return {value for name, value in os.environ.items() if _VARIABLE.search(name) and len(value) >= 8}
