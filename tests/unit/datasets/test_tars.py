"""Tars are read by their headers; damage costs the damaged member and nothing else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources import write_tar

from byleave.datasets import Reject, tars
from byleave.datasets.members import Member


def read(path: Path) -> tuple[list[tuple[str, str, int]], list[str]]:
    members, kinds = [], []
    for item in tars.members(path):
        if isinstance(item, Member):
            members.append((item.name, item.suffix, len(item.read())))
        else:
            kinds.append(item.kind)
    return members, kinds


def test_members_come_in_order_with_their_bytes(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [("0.jpg", b"x" * 700), ("0.json", b"{}"), ("dir/1.tar.gz", b"y")])
    assert read(path) == ([("0", "jpg", 700), ("0", "json", 2), ("dir/1", "tar.gz", 1)], [])


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_read_in_both_layouts(tmp_path: Path, layout: int) -> None:
    name = "n" * 300 + "ü.jpg"
    with tarfile.open(tmp_path / "a.tar", "w", format=layout) as archive:
        header = tarfile.TarInfo(name)
        header.size = 3
        archive.addfile(header, io.BytesIO(b"abc"))
    assert read(tmp_path / "a.tar") == ([("n" * 300 + "ü", "jpg", 3)], [])


def test_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            header = tarfile.TarInfo("evil.jpg")
            header.type, header.linkname = kind, "/etc/passwd"
            archive.addfile(header)
        header = tarfile.TarInfo("good.jpg")
        header.size = 1
        archive.addfile(header, io.BytesIO(b"x"))
    assert read(tmp_path / "a.tar") == ([("good", "jpg", 1)], [])


def test_a_truncated_member_is_counted_once_and_those_before_it_are_kept(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [(f"{n}.jpg", b"x" * 2000) for n in range(4)])
    path.write_bytes(path.read_bytes()[: 3 * 2560 + 1000])
    members, kinds = read(path)
    assert [name for name, _, _ in members] == ["0", "1", "2"]
    assert kinds == ["truncated"]


def test_a_missing_end_mark_is_noticed(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [("0.jpg", b"x" * 512)])
    path.write_bytes(path.read_bytes()[:1024])
    assert read(path) == ([("0", "jpg", 512)], ["truncated"])


def test_a_broken_header_costs_only_its_own_member(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [(f"{n}.jpg", b"x" * 2000) for n in range(4)])
    content = bytearray(path.read_bytes())
    content[2560 : 2560 + 512] = b"\xaa" * 512
    path.write_bytes(bytes(content))
    members, kinds = read(path)
    assert [name for name, _, _ in members] == ["0", "2", "3"]
    assert kinds == ["corrupt_header"]


def test_an_extended_header_that_claims_gigabytes_is_not_read_into_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("bomb")
    header.type, header.size = tarfile.XHDTYPE, 8 * 1024**3 - 512
    with (tmp_path / "a.tar").open("wb") as file:
        file.write(header.tobuf())
        file.truncate(9 * 1024**3)
    assert read(tmp_path / "a.tar") == ([], [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=4096), st.integers(0, 6000))
def test_no_bytes_raise(tmp_path: Path, noise: bytes, place: int) -> None:
    path = write_tar(tmp_path / "a.tar", [(f"{n}.jpg", b"x" * 600) for n in range(3)])
    content = bytearray(path.read_bytes())
    content[place : place + len(noise)] = noise
    path.write_bytes(bytes(content))
    for item in tars.members(path):
        assert isinstance(item, Reject) or len(item.read()) == item.size
