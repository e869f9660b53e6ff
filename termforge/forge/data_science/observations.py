"""Data science: the table that a skill lays when no other part of the task hands it one."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import text_file
from termforge.schemas import File


class Theme(NamedTuple):
    file: str
    key: str
    prefix: str
    group: str
    groups: tuple[str, ...]
    value: str


THEMES = (
    Theme(
        "visits", "visit", "V", "ward", ("surgery", "cardiology", "paediatrics", "day clinic", "maternity"), "minutes"
    ),
    Theme("plots", "plot", "PL", "soil", ("clay", "loam", "peat", "sand", "silt"), "yield"),
    Theme("rides", "ride", "R", "bike", ("city", "cargo", "e-bike", "tandem", "folding"), "distance"),
    Theme("loans", "loan", "L", "purpose", ("car", "home", "school", "travel", "wedding"), "amount"),
    Theme("birds", "ring", "B", "species", ("dunlin", "knot", "plover", "sanderling", "turnstone"), "grams"),
)


class Input(NamedTuple):
    table: Table
    group: int
    value: int
    """Columns that the part is about."""
    about: str
    """Where the table comes from, a sentence for the brief."""
    files: tuple[File, ...]

    @property
    def rows(self) -> list[tuple[str, str, int]]:
        """Key, group and value of each row; money in hundredths."""
        key = self.table.places("key")[0]
        return [(row[key], row[self.group], int(row[self.value].replace(".", ""))) for row in self.table.rows]

    @property
    def names(self) -> tuple[str, str, str]:
        """Of the columns with key, group and value."""
        header = self.table.header
        return header[self.table.places("key")[0]], header[self.group], header[self.value]

    @property
    def unit(self) -> str:
        """How the brief calls the value as an integer."""
        money = self.table.columns[self.value].kind == "money"
        return f"`{self.names[2]}` in hundredths, as an integer" if money else f"`{self.names[2]}`"


def drawn_input(random: Random, folder: str, count: int, given: Table | None) -> Input:
    """The given table, or one that is laid below the folder."""
    table = given or _drawn(random, folder, count)
    about = f"`{table.path}` is a table of observations."
    if given is not None:
        about = f"`{given.path}`, which another part of this job produces, is the input."
    files = () if given is not None else (text_file(table.path, table.text),)
    group = random.choice(table.places("word"))
    return Input(table, group, random.choice(table.places("whole", "money")), about, files)


def _drawn(random: Random, folder: str, count: int) -> Table:
    theme = random.choice(THEMES)
    groups = random.sample(theme.groups, random.randint(3, len(theme.groups)))
    numbers = random.sample(range(100, 1000), count)
    values = [random.randint(3, 40) * random.choice((1, 5, 10)) for _ in numbers]
    rows = tuple(
        (f"{theme.prefix}{number}", random.choice(groups), str(value))
        for number, value in zip(numbers, values, strict=True)
    )
    columns = (Column(theme.key, "key"), Column(theme.group, "word"), Column(theme.value, "whole"))
    return Table(f"{folder}/{theme.file}.csv", columns, rows)
