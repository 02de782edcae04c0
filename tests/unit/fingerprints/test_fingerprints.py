"""Fingerprints compare by distance, within one version, and survive being written down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError
from byleave.fingerprints import (
    MINIMUM_QUALITY,
    PICTURE_VERSION,
    REVIEW_RADIUS,
    SAME_WORK_RADIUS,
    Band,
    ClaimedPicture,
    PictureFingerprint,
    hamming,
    match,
    match_at,
)

VALUES = st.binary(min_size=32, max_size=32)
CLAIMED = st.builds(
    ClaimedPicture, st.lists(VALUES, min_size=1, max_size=16, unique=True).map(tuple), st.integers(0, 100)
)


def flipped(value: bytes, bits: int) -> bytes:
    return (int.from_bytes(value) ^ ((1 << bits) - 1)).to_bytes(len(value))


@given(VALUES, VALUES, VALUES)
def test_the_distance_is_a_metric(a: bytes, b: bytes, c: bytes) -> None:
    assert hamming(a, a) == 0
    assert (hamming(a, b) == 0) == (a == b)
    assert hamming(a, b) == hamming(b, a)
    assert hamming(a, c) <= hamming(a, b) + hamming(b, c)
    assert 0 <= hamming(a, b) <= 256


@given(VALUES, st.integers(0, 256))
def test_the_distance_counts_the_bits_that_differ(value: bytes, bits: int) -> None:
    assert hamming(value, flipped(value, bits)) == bits


def test_values_of_different_lengths_have_no_distance() -> None:
    with pytest.raises(FormatError):
        hamming(bytes(32), bytes(31))


@pytest.mark.parametrize(
    ("distance", "band", "threshold"),
    [
        (0, Band.SAME_WORK, 31),
        (31, Band.SAME_WORK, 31),
        (32, Band.REVIEW, 50),
        (50, Band.REVIEW, 50),
    ],
)
def test_a_distance_falls_into_its_band_and_says_the_threshold(
    distance: int, band: Band, threshold: int
) -> None:
    found = match_at(distance)
    assert found is not None
    assert (found.band, found.threshold, found.distance) == (band, threshold, distance)
    assert (SAME_WORK_RADIUS, REVIEW_RADIUS) == (31, 50)


def test_beyond_review_there_is_no_match() -> None:
    assert match_at(51) is None


@given(VALUES, VALUES, st.integers(0, 60), st.booleans())
def test_a_match_takes_the_nearest_of_all_variants_and_both_values(
    near: bytes, far: bytes, bits: int, trimmed: object
) -> None:
    seen_value = flipped(near, bits)
    seen = PictureFingerprint(far, seen_value, 90) if trimmed else PictureFingerprint(seen_value, far, 90)
    claimed = ClaimedPicture((far[::-1], near), 90)
    nearest = min(hamming(c, s) for c in claimed.variants for s in (seen.plain, seen.trimmed))
    assert match(claimed, seen) == match_at(nearest)


def test_fingerprints_of_different_versions_are_never_compared() -> None:
    claimed = ClaimedPicture((bytes(32),), 90)
    with pytest.raises(FormatError, match="versions"):
        match(claimed, PictureFingerprint(bytes(32), bytes(32), 90, version="pdq-512/2"))


@given(CLAIMED)
def test_a_claimed_picture_is_read_as_it_was_written(picture: ClaimedPicture) -> None:
    assert ClaimedPicture.parse(picture.to_text()) == picture


@given(st.text() | st.text(st.sampled_from("0123456789abcdef:, -/")))
def test_any_other_text_is_refused(text: str) -> None:
    try:
        picture = ClaimedPicture.parse(text)
    except FormatError:
        return
    assert picture.to_text() == text


@pytest.mark.parametrize(
    "text",
    [
        f"{PICTURE_VERSION}:90:" + "ab" * 31,
        f"{PICTURE_VERSION}:90:" + "AB" * 32,
        f"{PICTURE_VERSION}:90:" + "ab " * 32,
        f"{PICTURE_VERSION}:90:",
        f"{PICTURE_VERSION}:-1:" + "ab" * 32,
        f"{PICTURE_VERSION}:101:" + "ab" * 32,
        f"{PICTURE_VERSION}:٩٠:" + "ab" * 32,
        ":90:" + "ab" * 32,
        f"{PICTURE_VERSION}:90:" + ",".join(["ab" * 32] * 17),
    ],
)
def test_a_claimed_picture_has_one_way_of_writing(text: str) -> None:
    with pytest.raises(FormatError):
        ClaimedPicture.parse(text)


def test_a_picture_is_flat_below_the_least_quality() -> None:
    assert ClaimedPicture((bytes(32),), MINIMUM_QUALITY - 1).is_flat
    assert not ClaimedPicture((bytes(32),), MINIMUM_QUALITY).is_flat


@pytest.mark.parametrize("values", [(b"", bytes(32)), (bytes(32), bytes(33))])
def test_a_stored_fingerprint_has_values_of_32_bytes(values: tuple[bytes, bytes]) -> None:
    with pytest.raises(FormatError):
        PictureFingerprint(*values, 90)
