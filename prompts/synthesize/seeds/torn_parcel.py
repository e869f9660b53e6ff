"""file-operations, storage

A large file was cut into numbered pieces of equal size, with one parity piece for every group of four that holds the
exclusive-or of its members, and each piece was stored with its number and checksum under a random name. Some pieces
are lost, some damaged, some there twice. Rebuild the file where every group has lost at most one piece; else tell
which pieces are missing. The last piece may be shorter; the length of the whole is known.
"""

import hashlib
from functools import reduce

GROUP = 4

Piece = tuple[int, bool, str, bytes]
"""Number (of the group, for parity), whether it is parity, sha256, content."""


def rebuild(pieces: list[Piece], length: int, size: int) -> bytes | list[int]:
    """The file, or the numbers of the pieces that cannot be had."""
    sound = [piece for piece in pieces if hashlib.sha256(piece[3]).hexdigest() == piece[2]]
    data = {number: content.ljust(size, b"\0") for number, parity, _, content in sound if not parity}
    parities = {number: content for number, parity, _, content in sound if parity}
    count = -(-length // size)
    lost = []
    for first in range(0, count, GROUP):
        members = range(first, min(first + GROUP, count))
        missing = [number for number in members if number not in data]
        if len(missing) == 1 and first // GROUP in parities:
            others = [data[number] for number in members if number in data]
            data[missing[0]] = reduce(_xor, others, parities[first // GROUP])
        else:
            lost += missing
    return lost or b"".join(data[number] for number in range(count))[:length]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
