"""What a shard has finished so far, safe against kill -9: append, length, checksum, fsync.

One file per fencing number, so that a holder which lost its lease can never write into its successor's file. A record
is `length:8 hex, crc32:8 hex, payload, newline`; a torn tail is not an error, it is where the power went out.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

HEAD = 17  # two hex numbers and a space


def read_journals(folder: Path) -> Iterator[bytes]:
    """Payloads of every journal in a shard's folder, oldest fence first, each up to its first torn record."""
    for path in sorted(folder.glob("journal-*.log")):
        with path.open("rb") as file:
            yield from _payloads(file)


class Journal:
    """Appends records for one holder of a shard."""

    def __init__(self, folder: Path, fence: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"journal-{fence:06d}.log").open("ab")

    def append(self, payload: bytes) -> None:
        """Returns when the record is on the disk."""
        self._file.write(b"%08x %08x" % (len(payload), zlib.crc32(payload)) + payload + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _payloads(file: BinaryIO) -> Iterator[bytes]:
    while len(head := file.read(HEAD)) == HEAD:
        try:
            length, checksum = (int(number, 16) for number in head.split(b" "))
        except ValueError:
            return
        payload = file.read(length)
        if zlib.crc32(payload) != checksum or file.read(1) != b"\n":
            return
        yield payload
