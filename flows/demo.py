"""`make demo`: a small night of growth on this machine, with the oracle as teacher and a Prefect server of its own."""

import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console

from termforge.errors import InputError, SetupError, Stopped
from termforge.stopping import INTERRUPTED

if TYPE_CHECKING:
    from termforge.stages.machine import Machine

PER_DOMAIN, PROMPTS = 4, 20


def main() -> int:
    console = Console(width=max(Console().width, 120))
    logging.basicConfig(level=logging.WARNING, format="    %(message)s")
    logging.getLogger("termforge").setLevel(logging.INFO)
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # errors are raised, and said once
    # Prefect gives up after 20 s; just after an installation its server takes longer.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300")
    os.environ.pop("PREFECT_API_URL", None)
    start = time.monotonic()
    console.print("[bold]==>[/bold] growing a corpus (first a Prefect server of our own starts: some 20 seconds)")
    try:
        start_server()
        grow(console)
    except Stopped as stop:
        console.print(f"[bold]==>[/bold] {stop}")
        return INTERRUPTED
    except InputError as error:
        console.print(f"[bold red]error:[/bold red] {error}")
        return 1
    console.print(f"[bold]==>[/bold] done in {time.monotonic() - start:.0f} s")
    return 0


def start_server() -> None:
    """The one that Prefect would start by itself; a Ctrl-C at the terminal is not for it, and it ends with us."""
    from prefect.server.api.server import SubprocessASGIServer

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children inherit it
    try:
        SubprocessASGIServer().start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def grow(console: Console) -> None:
    from flows.grow_corpus import grow_corpus
    from termforge.store import Store
    from termforge.summary import as_table, summarise

    store = Store("store")
    machine = machine_or_images(console)
    console.print(f"[bold]==>[/bold] sandbox: {machine.sandbox}, images: {machine.images}")
    corpus = grow_corpus(
        night="demo", store=store.root, prompt_rows=PROMPTS, forged_per_domain=PER_DOMAIN, **machine.model_dump()
    )
    trajectories = store.resolve(next(name for name in store.record(corpus).inputs if name.startswith("trajectories@")))
    console.print(as_table(summarise(store, trajectories), title=f"\n{trajectories}"))
    console.print(f"corpus: [bold]{store.location(corpus)}[/bold] ({store.record(corpus).rows} rows)")


def machine_or_images(console: Console) -> "Machine":
    """This machine as it is, or, where it refuses bubblewrap, with the images that a Docker engine needs.

    Raises: SetupError with the causes and remedies when there is no Docker engine either.
    """
    from termforge.images.build import build
    from termforge.stages.machine import choose_machine

    try:
        return choose_machine()
    except SetupError as refused:
        console.print(
            f"{refused}\n[bold]==>[/bold] trying a Docker engine; its images are built first (some ten minutes)"
        )
        build(console=console)
        return choose_machine("docker")


if __name__ == "__main__":
    sys.exit(main())
