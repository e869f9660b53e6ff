"""Uncompressed archives written byte by byte, so that they are the same everywhere. Members may have hostile names."""

import struct
from zlib import crc32

MTIME = 1_735_689_600
"""2025-01-01 00:00 UTC."""
DOS_DATE = (45 << 9) | (1 << 5) | 1
BLOCK = 512


def tar_of(members: dict[str, bytes]) -> bytes:
    """A POSIX tar archive (ustar); names shorter than 100 characters."""
    blocks = b"".join(_tar_header(name, data) + data + bytes(-len(data) % BLOCK) for name, data in members.items())
    return blocks + bytes(2 * BLOCK)


def _tar_header(name: str, data: bytes) -> bytes:
    fields = struct.pack(
        "100s8s8s8s12s12s8s1s100s6s2s",
        name.encode(),
        b"0000644\0",
        b"0000000\0",
        b"0000000\0",
        b"%011o\0" % len(data),
        b"%011o\0" % MTIME,
        b" " * 8,
        b"0",
        b"",
        b"ustar\0",
        b"00",
    ).ljust(BLOCK, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def zip_of(members: dict[str, bytes]) -> bytes:
    """A zip archive whose members are stored as they are."""
    local, central = b"", b""
    for name, data in members.items():
        common = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, DOS_DATE, crc32(data), len(data), len(data), len(name), 0)
        place = struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, len(local))
        local += b"PK\3\4" + common + name.encode() + data
        central += b"PK\1\2" + struct.pack("<H", 0x0314) + common + place + name.encode()
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(central), len(local), 0)
    return local + central + b"PK\5\6" + end
