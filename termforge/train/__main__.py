"""`python -m termforge.train`: one process of a training; started by `accelerate launch` (launch.py) or a cluster."""

import argparse
import os
import sys
import threading
from pathlib import Path

from termforge.errors import InputError
from termforge.train import launch, recipes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge.train", description=__doc__)
    parser.add_argument("--recipe", required=True, help=f"{', '.join(recipes.names())}, or the path of a .yaml file")
    parser.add_argument("--data", required=True, nargs="+", type=Path, help="Parquet files or folders of them")
    parser.add_argument("--out", required=True, type=Path, help="where model and training.json are written")
    options = parser.parse_args()
    if os.environ.get(launch.LIFELINE):
        threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        from termforge.train.sft import train

        train(recipes.load(options.recipe), options.data, options.out)
    except InputError as error:
        print(f"{launch.REFUSED}{error}", flush=True)
        return 2
    return 0


def _die_with_parent() -> None:
    """The launcher between us and the flow does not pass a kill on; the end of our input does."""
    while os.read(0, 4096):  # not sys.stdin: its lock would be held at exit
        pass
    os._exit(143)


if __name__ == "__main__":
    sys.exit(main())
