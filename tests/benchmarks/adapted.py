"""One run of what adapting.py measures, in a process of its own: prints seconds of its work and its peak memory."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa

from termforge.adapt.adapt import KindName
from termforge.adapt.near_duplicates import NearDuplicates
from termforge.adapt.sources import ColumnMapping
from termforge.images import HOST
from termforge.schemas import DatasetRef
from termforge.stages.adaptation import AdaptConfig, adapt
from termforge.store import Store
from tests.benchmarks.adapting import NEAR

MATH = ColumnMapping(prompt=("problem",), answer="expected_answer", solution="solution", id="id", license="MIT")
DIFFERENT = ColumnMapping(prompt=("problem",), answer="expected_answer")
CODE = ColumnMapping(prompt=("problem",), tests="tests")
SWE = ColumnMapping(prompt=("prompt",), solution="patch", id="instance_id", license="Apache-2.0")


def main(what: str, prompts: Path, folder: Path) -> None:
    pa.set_cpu_count(1)
    runs: dict[str, Callable[[Path, Path], float]] = {
        "adapt_math": lambda prompts, folder: _adapt("math", prompts, MATH, Store(folder)),
        "adapt_near": lambda prompts, folder: _adapt("math", prompts, DIFFERENT, Store(folder), near_duplicates=0.8),
        "adapt_code": lambda prompts, folder: _adapt("code", prompts, CODE, Store(folder)),
        "adapt_swe": lambda prompts, folder: _adapt("swe", prompts, SWE, Store(folder)),
        "copy": _copy,
        "near": _near,
    }
    seconds = runs[what](prompts, folder)
    print(json.dumps({"seconds": seconds, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """Of this program alone: what getrusage tells began with the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _adapt(
    kind: KindName, prompts: Path, mapping: ColumnMapping, store: Store, near_duplicates: float | None = None
) -> float:
    """Libraries are loaded by a few rows beforehand; the tasks stay under the version `kind` for the copy."""
    config = AdaptConfig(kind=kind, prompts=str(prompts), mapping=mapping, near_duplicates=near_duplicates, image=HOST)
    with TemporaryDirectory() as beside:
        adapt(Store(beside), "before", config.model_copy(update={"limit": 10}))
    start = time.perf_counter()
    record = adapt(store, f"{kind}{time.time_ns()}", config)
    seconds = time.perf_counter() - start
    store.check(record.ref)
    return seconds


def _copy(prompts: Path, folder: Path) -> float:
    store = Store(folder)
    tasks = store.scan(_math_tasks(store)).collect()
    start = time.perf_counter()
    pl.read_parquet(prompts)
    tasks.write_parquet(folder / "copy.parquet")
    return time.perf_counter() - start


def _math_tasks(store: Store) -> DatasetRef:
    return next(ref for ref in store.versions("adapted-tasks") if ref.version.startswith("math"))


def _near(prompts: Path, folder: Path) -> float:
    texts = pl.read_parquet(prompts, columns=["problem"], n_rows=NEAR)["problem"].to_list()
    start = time.perf_counter()
    assert any(earlier is not None for earlier in list(NearDuplicates(0.8).repeated(texts)))
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
