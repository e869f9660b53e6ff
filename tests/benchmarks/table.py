"""bench.json as the README's table, between two markers."""

from pathlib import Path
from typing import Any

from tests.benchmarks.bars import met

README = Path("README.md")
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def update(bench: dict[str, Any]) -> None:
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{rendered(bench)}\n{END}{after}")


def rendered(bench: dict[str, Any]) -> str:
    machine = bench["machine"]
    lines = [
        f"{bench['date']}, {machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, "
        f"Python {machine['python']}; `make bench`.",
        "",
        "| what | value | bar | Harbor | ratio |",
        "|---|---|---|---|---|",
    ]
    return "\n".join(lines + [_line(key, row) for key, row in bench["figures"].items()])


def _line(key: str, row: dict[str, Any]) -> str:
    missed = " (missed)" if met(row) is False else ""
    bar = ", ".join(f"{_SIGN[name]} {limit:g}" for name, limit in row["bar"].items())
    baseline, ratio = row.get("baseline", ""), row.get("ratio", "")
    return f"| {row['what']} (`{key}`) | {row['value']:g} {_unit(row)}{missed} | {bar} | {baseline} | {ratio} |"


def _unit(row: dict[str, Any]) -> str:
    return "" if row["unit"] in ("1", "share") else str(row["unit"])


_SIGN = {"most": "≤", "least": "≥", "ratio": "ratio ≥"}
