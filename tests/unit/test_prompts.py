"""The one way to prompts/: from a checkout and from an installed package."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from termforge import prompts
from termforge.errors import InputError, SetupError

ROOT = Path(__file__).parents[2]
FIRST = "agent/terminus.j2"


def test_a_prompt_carries_the_hash_of_its_file() -> None:
    prompt = prompts.load(FIRST)
    assert prompt.name == FIRST
    assert prompt.text == (ROOT / "prompts" / FIRST).read_text()
    assert prompt.sha256 == hashlib.sha256((ROOT / "prompts" / FIRST).read_bytes()).hexdigest()


def test_values_are_inserted_as_they_are() -> None:
    odd = "{{ 7 * 7 }} {% raw %} <b>&\\n"
    assert odd in prompts.render(FIRST, instruction=odd, terminal_state="$")


def test_a_variable_called_name_is_possible(home: Path) -> None:
    (home / "greeting.j2").write_text("Hello {{ name }}\n")
    assert prompts.render("greeting.j2", name="you") == "Hello you\n"


def test_a_missing_variable_is_refused_and_named() -> None:
    with pytest.raises(InputError, match=r"agent/terminus\.j2.*terminal_state"):
        prompts.render(FIRST, instruction="i")


def test_an_unknown_prompt_is_refused_and_named() -> None:
    with pytest.raises(InputError, match="nothing/here"):
        prompts.load("nothing/here.j2")


def test_final_newlines_stay_and_lines_of_tags_leave_nothing(home: Path) -> None:
    (home / "list.j2").write_text("{% for item in items %}\n- {{ item }}\n{% endfor %}\n\n")
    assert prompts.render("list.j2", items=["a", "b"]) == "- a\n- b\n\n"


def test_every_template_compiles() -> None:
    names = [file.relative_to(ROOT / "prompts").as_posix() for file in (ROOT / "prompts").rglob("*.j2")]
    assert FIRST in names
    for name in names:
        prompts._ENVIRONMENT.parse(prompts.load(name).text, name=name)


def test_an_installed_package_reads_its_own_copy(tmp_path: Path) -> None:
    package = tmp_path / "site" / "termforge"
    package.mkdir(parents=True)
    for module in ("__init__.py", "errors.py", "prompts.py"):
        shutil.copy(ROOT / "termforge" / module, package / module)
    shutil.copytree(ROOT / "prompts", package / "_data" / "prompts")
    (package / "_data" / "prompts" / "only-here.j2").write_text("Installed, {{ who }}.\n")
    code = "from termforge import prompts; print(prompts.render('only-here.j2', who='you'), prompts.__file__)"
    found = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(package.parent)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f"Installed, you.\n {package / 'prompts.py'}\n"


def test_a_package_without_prompts_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("termforge.prompts.resources.files", lambda _: tmp_path / "termforge")
    with pytest.raises(SetupError, match="missing"):
        prompts.load("not-asked-for-before.j2")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in place of prompts/."""
    monkeypatch.setattr("termforge.prompts._home", lambda: tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    for cached in (prompts.load, prompts._compiled):
        cached.cache_clear()
