"""What adapting costs: whole stages on one core, in processes of their own with one thread."""

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.bars import Measured
from tests.conftest import ROOT

SHARED = ROOT.parent / "shared" / "data"
PROMPTS = 230_000
NEAR = 50_000
SWE_ROWS = 10_000
LONG_ROWS, LONG_CASES, CASE_NUMBERS = 2_000, 4, 8_500
REPEATS = 3
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}


def adapting() -> dict[str, Measured]:
    """Prompts are GSM8K's repeated with a row number. The copy is polars reading the prompts and writing the tasks: the
    bytes that adapting reads and writes."""
    with TemporaryDirectory() as folder:
        prompts, swe = _math_prompts(Path(folder)), _swe_prompts(Path(folder))
        made = [_in_a_process("adapt_math", prompts, folder) for _ in range(REPEATS)]
        copied = [_in_a_process("copy", prompts, folder) for _ in range(REPEATS)]
        near = [_in_a_process("near", prompts, folder) for _ in range(REPEATS)]
        patched = [_in_a_process("adapt_swe", swe, folder) for _ in range(REPEATS)]
        seconds, copy_s = (min(run["seconds"] for run in runs) for runs in (made, copied))
        swe_mb = swe.stat().st_size / 1e6
    return {
        "adapt_prompts_per_s": Measured(PROMPTS / seconds, note=f"{PROMPTS} prompts"),
        "near_duplicates_per_s": Measured(NEAR / min(run["seconds"] for run in near)),
        "adapt_over_copy": Measured(seconds / copy_s, note=f"{seconds:.2f} s over {copy_s:.2f} s"),
        "adapt_swe_mb_per_s": Measured(
            swe_mb / min(run["seconds"] for run in patched), note=f"{swe_mb:.0f} MB of JSONL"
        ),
    }


def memory() -> dict[str, Measured]:
    """Of whole stages. The short prompts are random words of GSM8K's, so that all are kept; both tables are Parquet."""
    with TemporaryDirectory() as folder:
        short, long = _different_prompts(Path(folder)), _long_tests(Path(folder))
        runs = {"adapt_memory_mb": ("adapt_near", short), "adapt_memory_mb_long_tests": ("adapt_code", long)}
        return {key: Measured(_in_a_process(*run, folder)["peak_mb"]) for key, run in runs.items()}


def _in_a_process(what: str, prompts: Path, folder: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.benchmarks.adapted", what, str(prompts), folder]
    ended = subprocess.run(argv, capture_output=True, text=True, env=os.environ | ONE_THREAD, check=False)
    assert ended.returncode == 0, ended.stderr
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures


def _math_prompts(folder: Path) -> Path:
    import polars as pl

    rows = pl.read_ndjson(gzip.decompress((SHARED / "math_gsm8k_train.jsonl.gz").read_bytes()))
    repeated = pl.concat([rows] * -(-PROMPTS // len(rows))).head(PROMPTS).with_row_index("row")
    numbered = [pl.format(f"{{}}{between}{{}}", column, "row") for column, between in (("problem", " #"), ("id", "-"))]
    repeated.with_columns(numbered).drop("row").write_parquet(folder / "math.parquet")
    return folder / "math.parquet"


def _different_prompts(folder: Path) -> Path:
    import polars as pl

    source = random.Random(0)
    rows = pl.read_parquet(_math_prompts(folder), n_rows=7_000)
    words = [word for text in rows["problem"] for word in text.split()]
    texts = [" ".join(source.choices(words, k=45)) for _ in range(PROMPTS)]
    answers = [str(number) for number in range(PROMPTS)]
    pl.DataFrame({"problem": texts, "expected_answer": answers}).write_parquet(folder / "different.parquet")
    return folder / "different.parquet"


def _long_tests(folder: Path) -> Path:
    """About 200 kB of tests a prompt."""
    import polars as pl

    source = random.Random(0)
    numbers = [str(source.randrange(10_000, 100_000)) for _ in range(LONG_ROWS + CASE_NUMBERS)]
    cases = [[" ".join(numbers[row : row + CASE_NUMBERS])] * LONG_CASES for row in range(LONG_ROWS)]
    tests = [{"inputs": inputs, "outputs": ["1"] * LONG_CASES} for inputs in cases]
    texts = [f"Sum the numbers. #{row}" for row in range(LONG_ROWS)]
    pl.DataFrame({"problem": texts, "tests": tests}).write_parquet(folder / "long.parquet")
    return folder / "long.parquet"


def _swe_prompts(folder: Path) -> Path:
    lines = gzip.decompress((SHARED / "swe_examples.jsonl.gz").read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines]
    with (folder / "swe.jsonl").open("w") as file:
        for number in range(SWE_ROWS):
            row = rows[number % len(rows)]
            numbered = {"prompt": f"#{number} {row['prompt']}", "instance_id": f"{row['instance_id']}-{number}"}
            file.write(json.dumps(row | numbered) + "\n")
    return folder / "swe.jsonl"
