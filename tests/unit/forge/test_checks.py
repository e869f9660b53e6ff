"""What the tests of a forged task can see, and what they take either way."""

from pathlib import Path
from typing import Any

import pytest

from termforge.forge.checks import HELPERS


@pytest.fixture
def helpers() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(HELPERS, names)
    return names


@pytest.mark.parametrize(
    ("helper", "raw", "found"),
    [
        ("content", b"a,b\r\n", "a,b\r\n"),
        ("content", b"a\rb\n", "a\rb\n"),
        ("content", b"\xff\n", "\ufffd\n"),
        ("lines", b"a \r\nb\r\n", ["a", "b"]),
        ("cells", b"a, b \r\nc,d\r\n", [["a", " b "], ["c", "d"]]),
        ("cells", b'a,"b,c"\n\nd,e\n', [["a", "b,c"], ["d", "e"]]),
        ("table", b"a, b \r\nc,d\r\n", [["a", "b"], ["c", "d"]]),
        ("document", b'{"a": 1}\r\n', {"a": 1}),
    ],
)
def test_helpers_read(helpers: dict[str, Any], tmp_path: Path, helper: str, raw: bytes, found: object) -> None:
    path = tmp_path / "file"
    path.write_bytes(raw)
    assert helpers[helper](str(path)) == found


@pytest.mark.parametrize("helper", ["content", "lines", "cells", "table", "document"])
def test_what_is_missing_fails_by_an_assertion(helpers: dict[str, Any], tmp_path: Path, helper: str) -> None:
    with pytest.raises(AssertionError, match="missing"):
        helpers[helper](str(tmp_path / "nothing"))


@pytest.mark.parametrize("helper", ["cells", "table"])
def test_an_empty_table_fails_by_an_assertion(helpers: dict[str, Any], tmp_path: Path, helper: str) -> None:
    (tmp_path / "file").write_text("\n\n")
    with pytest.raises(AssertionError, match="empty"):
        helpers[helper](str(tmp_path / "file"))
