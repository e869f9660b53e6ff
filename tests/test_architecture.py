"""Rules of the house that a machine can check: who may import what, and where heavy libraries live."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "termforge": {"termforge"},
    "tasks": {"termforge", "tasks", "prefect"},
    "flows": {"termforge", "tasks", "flows", "prefect"},
}
GUARDED = {"prefect", *MAY_IMPORT}
OWNED_BY = {
    "docker": "termforge/sandbox/docker_",
    "pexpect": "termforge/terminal",
    "litellm": "termforge/teacher",
    "torch": "termforge/train/",
    "trl": "termforge/train/",
    "peft": "termforge/train/",
    "transformers": "termforge/train/",
    "accelerate": "termforge/train/",
    "deepspeed": "termforge/train/",
}
HEAVY = sorted({*OWNED_BY, "polars", "pyarrow", "datasets", "prefect"})
MODULES = [path.relative_to(ROOT).as_posix() for top in MAY_IMPORT for path in sorted((ROOT / top).rglob("*.py"))]


def imports(module: str) -> set[str]:
    """Top-level names imported anywhere in a module, deferred imports included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module: str) -> None:
    assert imports(module) & GUARDED <= MAY_IMPORT[module.split("/")[0]]


@pytest.mark.parametrize("module", MODULES)
def test_a_heavy_library_has_one_owner(module: str) -> None:
    strangers = {name for name in imports(module) & OWNED_BY.keys() if not module.startswith(OWNED_BY[name])}
    assert strangers == set()


@pytest.mark.parametrize("module", ["termforge", "termforge.schemas", "termforge.rollout", "termforge.train.launch"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    # The grader of a rollout needs no dataset library; the terminal's own library is small.
    assert set(ast.literal_eval(loaded.stdout)) <= {"pexpect"}


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("tasks/")])
def test_a_prefect_task_holds_policy_not_work(module: str) -> None:
    longest = max((ROOT / module).read_text().count("\n"), 0)
    assert longest <= 90, f"{module} has {longest} lines: work belongs into termforge"
