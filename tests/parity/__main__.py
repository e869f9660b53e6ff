"""Record Terminus 2 anew: `python -m tests.parity HARBOR`.

HARBOR holds `venv`, a Python with harbor, and `docker-config`, with the Compose plugin. Takes about 40 minutes on two
cores; what was recorded lies in HARBOR/parity and is not recorded again.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from termforge.images.recipe import recipe
from termforge.sandbox.docker_engine import Docker
from termforge.schemas import Image
from tests.parity import minimal, recordings, scripts
from tests.parity.recordings import Recordings, Script
from tests.parity.replay import IMAGE

ROOT = Path(__file__).parents[2]


def record(harbor: Path, chosen: Sequence[Script], folder: Path) -> Recordings:
    """Record into `folder` what does not lie there yet.

    Raises: SetupError, CalledProcessError where a script could not be recorded; the others are kept.
    """
    folder.mkdir(exist_ok=True)
    with closing(Docker()) as docker:
        image = docker.image(recipe(IMAGE))
    (folder / "scripts.json").write_text(json.dumps(chosen))
    environment = {"DOCKER_CONFIG": str(harbor / "docker-config"), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    argv = ["-m", "tests.parity.record", str(folder / "scripts.json"), str(folder)]
    argv.append(f"termforge/{image.name}:{image.recipe}")
    subprocess.run([str(harbor / "venv/bin/python"), *argv], env=os.environ | environment, cwd=ROOT, check=True)
    return _together(folder, chosen, image)


def _together(folder: Path, chosen: Sequence[Script], image: Image) -> Recordings:
    found = [json.loads((folder / f"{recordings.digest(script)}.json").read_text()) for script in chosen]
    made_with = found[0]["made_with"] | {"image": image.name, "inventory": image.inventory}
    return Recordings(made_with, tuple(map(recordings.recording, found)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Record what Terminus 2 shows its model.")
    parser.add_argument("harbor", type=Path, help="folder with venv/ (harbor) and docker-config/ (Compose)")
    harbor = parser.parse_args().harbor.resolve()
    recordings.save(record(harbor, [*minimal.CASES.values(), *scripts.generated()], harbor / "parity"))


if __name__ == "__main__":
    main()
