"""Digests are read many at a time, and as they would be one by one."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.apply.matching import read_digests

HEX = st.text("0123456789abcdefABCDEF", min_size=64, max_size=64)
NEARLY = st.builds(
    lambda digits, at, other: digits[:at] + other + digits[at + 1 :],
    HEX,
    st.integers(0, 63),
    st.sampled_from(["g", "/", ":", "@", "`", " ", "\x00", "é"]),
)
SPACED = HEX.map(lambda digits: f"{digits[:8]} {digits[8:]}\n")
TEXTS = (
    st.none()
    | st.just("")
    | HEX
    | HEX.map(lambda digits: digits[:32])
    | NEARLY
    | SPACED
    | st.text(max_size=70)
)
RAW = st.none() | st.binary(min_size=32, max_size=32) | st.binary(max_size=70) | HEX.map(str.encode)


def one_by_one(value: str | bytes | None) -> tuple[bytes | None, bool]:
    """Return the digest of a value, and whether there is something that is none."""
    raw = value.encode() if isinstance(value, str) else value
    if not raw:
        return None, False
    if len(raw) == 32 and isinstance(value, bytes):
        return raw, False
    try:
        digest = bytes.fromhex(raw.decode("ascii"))
    except ValueError:
        return None, True
    return (digest, False) if len(digest) == 32 else (None, True)


def read(column: pa.Array) -> list[tuple[bytes | None, bool]]:
    values, known, unreadable = read_digests(column)
    assert not values[~known].any(), "what is not there is zeros"
    return [
        (value.tobytes() if there else None, bool(bad))
        for value, there, bad in zip(values, known, unreadable, strict=True)
    ]


@given(st.lists(TEXTS, max_size=20), st.integers(0, 3))
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_texts_are_read_as_one_by_one(kind: pa.DataType, found: list[str | None], skipped: int) -> None:
    wanted = list(map(one_by_one, found))[skipped:]
    column = pa.array(found, pa.string())
    assert read(column.cast(kind).slice(skipped)) == wanted
    assert read(column.dictionary_encode().slice(skipped)) == wanted


@given(st.lists(RAW, max_size=20), st.integers(0, 3))
@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
def test_bytes_are_read_as_one_by_one(kind: pa.DataType, found: list[bytes | None], skipped: int) -> None:
    assert read(pa.array(found, kind).slice(skipped)) == list(map(one_by_one, found))[skipped:]


@given(st.lists(st.none() | st.binary(min_size=32, max_size=32), max_size=20), st.integers(0, 3))
def test_bytes_of_one_length_are_read_as_they_stand(found: list[bytes | None], skipped: int) -> None:
    column = pa.array(found, pa.binary(32)).slice(skipped)
    assert read(column) == [(value, False) for value in found[skipped:]]


def test_text_of_32_characters_is_another_digest_and_not_32_bytes() -> None:
    md5 = "d41d8cd98f00b204e9800998ecf8427e"
    assert read(pa.array([md5])) == [(None, True)]
    assert read(pa.array([md5.encode()])) == [(md5.encode(), False)]


def test_what_is_neither_text_nor_bytes_is_no_digest() -> None:
    assert read(pa.array([7, None, 0])) == [(None, True), (None, False), (None, False)]
    assert read(pa.nulls(2)) == [(None, False)] * 2
