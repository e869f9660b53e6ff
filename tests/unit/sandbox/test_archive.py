"""Archives: what goes in is the same bytes anywhere; what comes out of a hostile machine does no harm."""

import io
import tarfile

import pytest

from termforge.errors import SandboxError, UnfitFiles
from termforge.sandbox.archive import pack, unpack
from termforge.schemas import File

FILES = [
    File(path="/app/a", content=b"one", mode=0o755),
    File(path="/app/" + "ü" * 80 + "/b\n", content=b"\0" * 1000, mode=0o600),
]


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, target
    return info


def names(archive: bytes, *under: str, base: str = "/") -> list[str]:
    return [file.path for file in unpack(archive, under or ("/app",), max_bytes=1 << 20, max_files=10, base=base)]


def test_what_is_packed_comes_out() -> None:
    assert unpack(pack(FILES), ["/app"], max_bytes=2000, max_files=2) == FILES


def test_packing_is_deterministic_and_says_nothing_of_this_machine() -> None:
    assert pack(FILES) == pack(FILES)
    with tarfile.open(fileobj=io.BytesIO(pack(FILES))) as archive:
        assert {(found.uid, found.gid, found.uname, found.mtime) for found in archive} == {(0, 0, "", 1_735_689_600)}


def test_read_only_clears_write_bits() -> None:
    found = unpack(pack(FILES, read_only=True), ["/app"], max_bytes=2000, max_files=2)
    assert [file.mode for file in found] == [0o555, 0o400]


def test_a_stream_may_come_in_any_pieces() -> None:
    archive = pack(FILES)
    pieces = (archive[at : at + 7] for at in range(0, len(archive), 7))
    assert unpack(pieces, ["/app"], max_bytes=2000, max_files=2) == FILES


@pytest.mark.parametrize("name", ["../etc/passwd", "app/../etc/passwd", "/etc/passwd", "application/x", "app/\udcff"])
def test_names_that_lead_elsewhere_are_left_out(name: str) -> None:
    assert names(tar((member(name), b""), (member("app/good"), b""))) == ["/app/good"]


def test_only_regular_files_come_out() -> None:
    kinds = (tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)
    archive = tar(*((member(f"app/{kind!r}", kind=kind, target="/etc/shadow"), b"") for kind in kinds))
    assert names(archive) == []


def test_a_hard_link_is_what_it_links_to_when_that_came_before() -> None:
    link, stray = (member(f"app/{to}", kind=tarfile.LNKTYPE, target=to) for to in ("app/a", "etc/shadow"))
    link.name = "app/link"
    archive = tar((member("app/a", 3), b"one"), (link, b""), (stray, b""))
    assert names(archive) == ["/app/a", "/app/link"]


def test_names_are_below_the_base() -> None:
    assert names(tar((member("sub/x"), b"")), "/app/sub", base="/app") == ["/app/sub/x"]


def test_a_size_beyond_the_limit_is_refused_before_its_bytes_come() -> None:
    header = member("app/huge", 10 << 30).tobuf(tarfile.GNU_FORMAT)

    def stream() -> object:
        yield header + bytes(10240 - len(header))
        raise AssertionError("read on")

    with pytest.raises(UnfitFiles, match="/app/huge"):
        unpack(stream(), ["/app"], max_bytes=1 << 20, max_files=10)  # type: ignore[arg-type]


def test_hard_links_count_as_often_as_they_are_there() -> None:
    links = [(member(f"app/{n}", kind=tarfile.LNKTYPE, target="app/a"), b"") for n in range(9)]
    with pytest.raises(UnfitFiles):
        unpack(tar((member("app/a", 1000), bytes(1000)), *links), ["/app"], max_bytes=5000, max_files=100)


def test_more_files_than_allowed_are_refused() -> None:
    archive = tar(*((member(f"app/{n}"), b"") for n in range(11)))
    with pytest.raises(UnfitFiles, match="10 files"):
        names(archive)


def test_an_archive_of_headers_only_is_refused() -> None:
    archive = tar(*((member(f"app/{n}", kind=tarfile.DIRTYPE), b"") for n in range(1000)))
    with pytest.raises(UnfitFiles):
        names(archive)


@pytest.mark.parametrize("cut", [100, 512, 700, 1024, 1536])
def test_an_archive_that_ends_early_is_no_archive(cut: int) -> None:
    with pytest.raises(SandboxError):
        names(pack(FILES)[:cut])


def test_noise_is_no_archive() -> None:
    with pytest.raises(SandboxError):
        names(b"\x01" * 20480)
