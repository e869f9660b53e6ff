"""SQL dumps as text: a database file would differ between versions of SQLite."""

from collections.abc import Iterable, Sequence

Cell = str | int | None


def inserts(table: str, rows: Iterable[Sequence[Cell]]) -> str:
    """One statement a row; tables and texts are trusted but for quotes."""
    return "".join(f"INSERT INTO {table} VALUES ({', '.join(map(_sql, row))});\n" for row in rows)


def _sql(cell: Cell) -> str:
    if cell is None:
        return "NULL"
    return str(cell) if isinstance(cell, int) else "'" + cell.replace("'", "''") + "'"
