from pathlib import Path
from termforge.schemas import Image
def rootfs(image: Image, state: Path | None = None) -> Path:
    raise NotImplementedError
