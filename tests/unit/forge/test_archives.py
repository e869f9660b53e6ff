"""Archives written byte by byte: what other programs read in them."""

import io
import tarfile
import zipfile

from termforge.forge.file_operations.archives import tar_of, zip_of

MEMBERS = {"notes..txt": b"", "docs/plan.md": b"x" * 513, "/etc/cron.d/evil": b"absolute\n", "../up": b"above\n"}


def test_tar_reads_every_member_under_its_own_name() -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_of(MEMBERS)), mode="r:") as archive:
        streams = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        assert {name: stream.read() for name, stream in streams.items() if stream} == MEMBERS


def test_zip_reads_every_member_under_its_own_name_and_finds_no_bad_sum() -> None:
    with zipfile.ZipFile(io.BytesIO(zip_of(MEMBERS))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == MEMBERS


def test_members_have_plain_modes() -> None:
    with zipfile.ZipFile(io.BytesIO(zip_of(MEMBERS))) as archive:
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}
    with tarfile.open(fileobj=io.BytesIO(tar_of(MEMBERS)), mode="r:") as packed:
        assert {member.mode for member in packed.getmembers()} == {0o644}
