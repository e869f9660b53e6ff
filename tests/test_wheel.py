"""The wheel alone, in an empty environment away from the checkout: it holds what it needs, and a trial runs."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from termforge import prompts
from termforge.images import recipe_of
from termforge.schemas import DOMAINS

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "deployments/requirements.lock"
SHIPPED = {"termforge": "termforge", "prompts": "termforge/_data/prompts", "images": "termforge/_data/images"}
ASK = """
import json, termforge
from termforge import prompts
from termforge.curate.decontaminate import terminal_bench_2
from termforge.images import recipe_of
from termforge.schemas import DOMAINS
from termforge.train import recipes
print(json.dumps({
    "from": termforge.__file__,
    "images": {domain: recipe_of(domain).recipe for domain in DOMAINS},
    "prompt": prompts.load("agent/terminus.j2").sha256,
    "grams": len(terminal_bench_2().grams),
    "recipe": recipes.load("tiny").name,
}))
"""


def uv(*arguments: str | Path) -> None:
    """uv from PATH, from the running environment, or from where deployments/setup.sh puts it."""
    fetched = ROOT / ".tools/bin/uv"
    on_path = shutil.which("uv") or (str(fetched) if fetched.exists() else None)
    command = [on_path] if on_path else [sys.executable, "-m", "uv"]
    assert on_path or find_spec("uv"), "these tests need uv: pip install uv"
    done = subprocess.run([*command, *arguments], cwd=ROOT, env=bare(), capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr


def bare() -> dict[str, str]:
    """The environment without what leads back to the checkout; wheels are looked for where pip would look."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    if "PIP_FIND_LINKS" in kept:
        kept.setdefault("UV_FIND_LINKS", kept["PIP_FIND_LINKS"])
    return kept


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    uv("build", "--quiet", "--wheel", "--out-dir", out, ROOT)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel, what it declares, and pytest for the grader."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    uv("venv", "--quiet", "--python", sys.executable, venv)
    python = venv / "bin/python"
    uv("pip", "install", "--quiet", "--python", python, "--constraint", LOCK, f"{wheel}[grader]")
    return python


def run(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, *arguments], cwd=python.parents[2], env=bare(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    metadata = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    assert {name.split("/")[0] for name in held} == {"termforge", metadata}
    expected = {
        f"{place}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, place in SHIPPED.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in held if name.startswith("termforge/")} == expected
    for name in (
        "termforge/py.typed",
        "termforge/_data/images/recipes.lock",
        "termforge/_data/images/base/Dockerfile",
        "termforge/_data/prompts/synthesize/taxonomy.yaml",
        "termforge/curate/terminal_bench_2.grams",
        "termforge/grader/run.py",
        "termforge/sandbox/inside/init.py",
        "termforge/train/recipes/deepspeed/zero3-offload.json",
    ):
        assert name in held


def test_the_installed_package_reads_its_data_as_a_checkout_does(python: Path) -> None:
    read = json.loads(run(python, "-c", ASK))
    assert Path(read["from"]).is_relative_to(python.parents[1])
    assert read["images"] == {domain: recipe_of(domain).recipe for domain in DOMAINS}
    assert read["prompt"] == prompts.load("agent/terminus.j2").sha256
    assert read["grams"] > 1000
    assert read["recipe"] == "tiny"


@pytest.mark.bubblewrap
def test_a_trial_runs_from_the_installed_package(python: Path) -> None:
    said = run(python, "-m", "termforge", "data-processing", "--sandbox", "bubblewrap", "--images", "host")
    assert said.startswith("solved  score 1  turns "), said
