"""Finds what looks like a secret and takes it out of text, so that none reaches a log, an error or a row.

Patterns of keys as services issue them, and the values of this process's own key variables. Not a general scanner: a
password that looks like a word is not found.
"""

import os
import re
from typing import Any

MASK = "[redacted]"

_KINDS = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----|.*)",
    "API key": r"\b(?:sk|rk|pk)-[A-Za-z0-9_-]{16,}",
    "AWS key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "Slack token": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    "Google key": r"\bAIza[A-Za-z0-9_-]{35}",
}
_SECRETS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _KINDS.items()}
_IN_ERRORS = (
    re.compile(r"(?i)(\bbearer\s+)[^\s\"',;}]+"),
    re.compile(r"(?i)(\bapi[_ -]?key(?:\s+provided)?[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]+"),
    re.compile(r"(\w://)[^\s/@]+(?=@)"),
)
_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
_FIELD = re.compile(r"(?i)(key|token|secret|password|credentials?|authorization)$")


def secret_in(text: str) -> str | None:
    """The kind of a secret-like string in it, or None. Says nothing of the string itself."""
    if any(value in text for value in _own_secrets()):
        return "key of this process"
    return next((kind for kind, pattern in _SECRETS.items() if pattern.search(text)), None)


def redact(text: str) -> str:
    """`text` with secret-like strings, credentials in headers and addresses, and this process's own keys masked."""
    for value in sorted(_own_secrets(), key=len, reverse=True):
        text = text.replace(value, MASK)
    for pattern in _SECRETS.values():
        text = pattern.sub(MASK, text)
    for pattern in _IN_ERRORS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def redact_fields(value: Any) -> Any:
    """A copy of a JSON value, `redact` over all its texts; text in a field named for a secret goes whole."""
    if isinstance(value, dict):
        return {name: MASK if _names_secret(name, item) else redact_fields(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_fields(item) for item in value]
    return redact(value) if isinstance(value, str) else value


def _names_secret(name: str, item: Any) -> bool:
    return isinstance(item, str) and bool(_FIELD.search(name))


def _own_secrets() -> set[str]:
    """Values shorter than eight characters are left: they would mask ordinary words."""
    return {value for name, value in os.environ.items() if _VARIABLE.search(name) and len(value) >= 8}
