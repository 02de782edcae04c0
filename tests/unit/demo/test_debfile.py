"""Files come out of a Debian package in memory, within limits, and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from byleave.demo.debfile import PackageLimits, files_in_package
from byleave.errors import FormatError

Build = Callable[..., bytes]

FILES = {"./usr/share/a.svg": b"<svg/>", "./usr/share/b.txt": b"words", "./usr/share/c.svg": b"<svg></svg>"}


def wanted(path: str) -> bool:
    return path.endswith(".svg")


@pytest.mark.parametrize("compression", ["xz", "gz", "bz2"])
def test_wanted_files_come_out_with_their_paths(compression: str, deb: Build) -> None:
    found = dict(files_in_package(deb(FILES, compression=compression), wanted))
    assert found == {"usr/share/a.svg": b"<svg/>", "usr/share/c.svg": b"<svg></svg>"}


def test_a_file_larger_than_the_limit_is_passed_over(deb: Build) -> None:
    limits = PackageLimits(member_bytes=8)
    assert [path for path, _ in files_in_package(deb(FILES), wanted, limits=limits)] == ["usr/share/a.svg"]


@pytest.mark.parametrize("limits", [PackageLimits(members=2), PackageLimits(unpacked_bytes=12)])
def test_a_package_that_unpacks_to_more_than_the_limits_is_refused(limits: PackageLimits, deb: Build) -> None:
    with pytest.raises(FormatError, match="more than it should"):
        list(files_in_package(deb(FILES), wanted, limits=limits))


def test_a_package_larger_than_the_limit_is_refused_before_it_is_read(deb: Build) -> None:
    with pytest.raises(FormatError, match="more than 10"):
        list(files_in_package(deb(FILES), wanted, limits=PackageLimits(package_bytes=10)))


@pytest.mark.parametrize("path", ["../../etc/a.svg", "usr/../../a.svg"])
def test_a_path_that_leaves_the_package_is_refused(path: str, deb: Build) -> None:
    with pytest.raises(FormatError, match="cannot be unpacked"):
        list(files_in_package(deb({path: b"<svg/>"}), wanted))


@pytest.mark.parametrize("cut", [0, 5, 30, 90, 400])
def test_a_package_that_is_cut_short_is_refused(cut: int, deb: Build) -> None:
    with pytest.raises(FormatError):
        list(files_in_package(deb(FILES)[:cut], wanted))


def test_bytes_that_are_no_package_are_refused() -> None:
    with pytest.raises(FormatError, match="no Debian package"):
        list(files_in_package(b"\x89PNG" + bytes(200), wanted))


def test_a_damaged_archive_inside_is_refused(deb: Build) -> None:
    package = bytearray(deb(FILES))
    package[-40:] = bytes(40)
    with pytest.raises(FormatError):
        list(files_in_package(bytes(package), wanted))
