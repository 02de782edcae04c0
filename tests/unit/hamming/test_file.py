"""A stored index is either whole and the same, or refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.hamming import HammingIndex
from byleave.hamming.file import FILE_NAME, HEADER_BYTES, MAGIC
from byleave.hamming.index import BANDS_FROM_ROWS


def values_of(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (count, 32), dtype=np.uint8)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    HammingIndex.build(values_of(BANDS_FROM_ROWS)).save(tmp_path)
    return tmp_path


def rewrite_header(path: Path, old: bytes, new: bytes) -> None:
    """Change the header and make its checksum right again, as a forger would."""
    raw = bytearray(path.read_bytes())
    text = bytes(raw[len(MAGIC) + 32 : HEADER_BYTES]).replace(old, new)[: HEADER_BYTES - len(MAGIC) - 32]
    raw[len(MAGIC) : HEADER_BYTES] = hashlib.sha256(text).digest() + text
    path.write_bytes(raw)


@pytest.mark.parametrize("count", [0, 1, 100, BANDS_FROM_ROWS])
def test_a_loaded_index_answers_as_the_one_that_was_saved(tmp_path: Path, count: int) -> None:
    values = values_of(count)
    built = HammingIndex.build(values)
    built.save(tmp_path)
    loaded = HammingIndex.load(tmp_path)
    queries = values_of(50)
    assert len(loaded) == count
    for radius in (0, 31, 100):
        np.testing.assert_array_equal(loaded.search(queries, radius).row, built.search(queries, radius).row)


def test_saving_replaces_an_older_index_and_leaves_nothing_beside_it(stored: Path) -> None:
    old = HammingIndex.load(stored)
    HammingIndex.build(values_of(3)).save(stored)
    assert len(HammingIndex.load(stored)) == 3
    assert [path.name for path in stored.iterdir()] == [FILE_NAME]
    assert len(old.search(values_of(1), 0)) == 1, "a reader that has it open keeps the older one"


def test_a_missing_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="build it first"):
        HammingIndex.load(tmp_path)


def test_another_file_is_not_read_as_an_index(stored: Path) -> None:
    (stored / FILE_NAME).write_bytes(b"PK\x03\x04" + bytes(HEADER_BYTES))
    with pytest.raises(FormatError, match="not an index"):
        HammingIndex.load(stored)


def test_another_format_version_is_refused(stored: Path) -> None:
    rewrite_header(stored / FILE_NAME, b'"version": 1', b'"version": 9')
    with pytest.raises(FormatError, match="format version 9"):
        HammingIndex.load(stored)


@pytest.mark.parametrize("length", [0, 100, HEADER_BYTES, HEADER_BYTES + 1000])
def test_a_shortened_file_is_refused(stored: Path, length: int) -> None:
    path = stored / FILE_NAME
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(VerificationError):
        HammingIndex.load(stored)


@pytest.mark.parametrize("offset", [20, 60, HEADER_BYTES + 5, HEADER_BYTES + BANDS_FROM_ROWS * 32 + 9])
def test_one_changed_byte_is_refused(stored: Path, offset: int) -> None:
    path = stored / FILE_NAME
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(raw)
    with pytest.raises(VerificationError):
        HammingIndex.load(stored)


def test_a_consistent_forgery_that_points_outside_is_refused(stored: Path) -> None:
    path = stored / FILE_NAME
    rows_at = HEADER_BYTES + BANDS_FROM_ROWS * 32
    raw = bytearray(path.read_bytes())
    before = hashlib.sha256(raw[rows_at : rows_at + BANDS_FROM_ROWS * 64]).hexdigest().encode()
    raw[rows_at : rows_at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(raw)
    rewrite_header(
        path, before, hashlib.sha256(raw[rows_at : rows_at + BANDS_FROM_ROWS * 64]).hexdigest().encode()
    )
    with pytest.raises(VerificationError, match="contradict"):
        HammingIndex.load(stored)
