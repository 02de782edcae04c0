"""The eight orientations, read off the bits of a picture's fingerprint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError
from byleave.fingerprints import hamming
from byleave.fingerprints.orientations import orientations

VALUES = st.binary(min_size=32, max_size=32)
FAR = 20
"""The bits that may differ from the fingerprint of the turned pixels: coefficients near the median."""


@given(VALUES)
def test_the_first_orientation_is_the_picture_itself(value: bytes) -> None:
    assert orientations(value)[0] == value


@given(VALUES)
def test_the_orientations_of_an_orientation_are_the_same_eight(value: bytes) -> None:
    eight = set(orientations(value))
    assert all(set(orientations(one)) == eight for one in eight)


@given(VALUES, VALUES)
def test_turning_both_pictures_keeps_their_distance(left: bytes, right: bytes) -> None:
    distances = {hamming(a, b) for a, b in zip(orientations(left), orientations(right), strict=True)}
    assert distances == {hamming(left, right)}


def test_a_value_of_another_length_has_none() -> None:
    with pytest.raises(FormatError):
        orientations(bytes(31))


def test_they_lie_near_the_fingerprints_of_the_turned_pixels(vectors: Path) -> None:
    published = json.loads((vectors / "pdq" / "expected.json").read_text())["expected"]
    assert len(published) == 27
    for name, picture in published.items():
        ours = orientations(bytes.fromhex(picture["pdq"]))
        theirs = [bytes.fromhex(value) for value in picture["dihedral"]]
        assert ours[0] == theirs[0], name
        assert max(map(hamming, ours, theirs)) <= FAR, name
