"""One hash of 500 forged tasks: `python -m tests.golden.forge` writes it anew, after a change that was meant."""

import hashlib
from pathlib import Path

from termforge.forge import forge_task
from termforge.schemas import DOMAINS, ImageRecipe

GOLDEN = Path(__file__).with_name("forge_fingerprint.txt")
TASKS = 500


def fingerprint() -> str:
    host = ImageRecipe(name="host", recipe="")
    ids = [forge_task(i, seed="golden", domain=DOMAINS[i % 9], image=host).id for i in range(TASKS)]
    return hashlib.sha256(" ".join(ids).encode()).hexdigest()


if __name__ == "__main__":
    GOLDEN.write_text(f"{fingerprint()}\n", encoding="ascii")
