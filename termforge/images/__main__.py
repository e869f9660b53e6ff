"""`python -m termforge.images build|lock|list`: build the images, lock what a new build installs, list what is here."""

import argparse
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from termforge.errors import InfrastructureError, InputError
from termforge.images.build import build
from termforge.images.recipe import BASE, IMAGES, folder, lock, recipe, render_lock
from termforge.images.record import BuiltImage, built


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge.images", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("build", help="build the images and record what is in them")
    one.add_argument("names", nargs="*", default=list(IMAGES), help="images to build; all nine without")
    commands.add_parser("lock", help="build everything in its newest version and write images/recipes.lock")
    commands.add_parser("list", help="show what is built here")
    options = parser.parse_args(argv)
    console = Console()
    try:
        if options.command == "list":
            console.print(_table(console))
        elif options.command == "lock":
            _lock(console)
        else:
            build(tuple(options.names), console=console)
    except (InputError, InfrastructureError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    return 0


def _lock(console: Console) -> None:
    path = folder() / "recipes.lock"
    if not isinstance(path, Path):
        raise InputError("the lock is written in a checkout, not in an installed wheel")
    fresh = build(console=console, locked=False)
    base = fresh[BASE].inventory
    locks = {name: record.inventory.locked(None if name == BASE else base) for name, record in fresh.items()}
    path.write_text(render_lock(locks), encoding="utf-8")
    console.print(f"wrote {path}")
    for cached in (lock, recipe):
        cached.cache_clear()
    build(console=console)


def _table(console: Console) -> Table:
    table = Table(box=box.SIMPLE)
    for heading in ("image", "recipe", "MB", "Debian", "Python", "drift", "base"):
        table.add_column(heading, no_wrap=True)
    for name in (BASE, *IMAGES):
        try:
            table.add_row(*_row(built(recipe(name))))
        except InputError as error:
            console.print(str(error), markup=False)
    return table


def _row(record: BuiltImage) -> tuple[str, ...]:
    inventory = record.inventory
    numbers = (f"{record.bytes / 1e6:.0f}", str(len(inventory.apt)), str(len(inventory.pip)))
    return (record.image.name, record.image.recipe, *numbers, str(len(record.drift)), record.base)


if __name__ == "__main__":
    sys.exit(main())
