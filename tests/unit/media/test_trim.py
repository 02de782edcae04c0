"""A frame put around a picture does not hide it; a picture without one stays whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from tests.unit.media.pictures import FRAMES, bordered, encoded, letterboxed, photo

from byleave.fingerprints import SAME_WORK_RADIUS, ClaimedPicture, match
from byleave.media import Picture, claimed_picture, describe
from byleave.media.trim import LEAST_SIDE, trimmed
from byleave.settings import Limits

LIMITS = Limits()
GENERATED = {
    f"generated {size}": photo(seed, size) for seed, size in enumerate([(640, 480), (400, 300), (300, 500)])
}


def distance(original: Image.Image, repost: Image.Image) -> int | None:
    claimed = claimed_picture(encoded(original, quality=95), limits=LIMITS)
    seen = describe(encoded(repost, quality=75), limits=LIMITS)
    assert isinstance(claimed, ClaimedPicture)
    assert isinstance(seen, Picture)
    found = match(claimed, seen.fingerprint)
    return None if found is None else found.distance


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_picture_is_found_inside_a_frame(name: str, frame: str) -> None:
    found = distance(GENERATED[name], FRAMES[frame](GENERATED[name]))
    assert found is not None
    assert found <= SAME_WORK_RADIUS


def test_a_letterbox_inside_a_border_is_cut_off_too() -> None:
    picture = photo(4)
    assert distance(picture, bordered(letterboxed(picture, 9 / 16), "white", 0.05)) is not None


def test_a_picture_without_a_frame_is_left_alone() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    assert trimmed(rgb).shape == rgb.shape


def test_only_the_frame_is_cut_off() -> None:
    rgb = np.full((100, 200, 3), 250, np.uint8)
    rgb[20:70, 30:150] = np.random.default_rng(0).integers(0, 200, (50, 120, 3), dtype=np.uint8)
    np.testing.assert_array_equal(trimmed(rgb), rgb[20:70, 30:150])


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_flat_picture_keeps_itself(colour: int) -> None:
    rgb = np.full((40, 60, 3), colour, np.uint8)
    assert trimmed(rgb) is rgb


def test_a_small_thing_on_a_large_ground_keeps_its_ground() -> None:
    rgb = np.full((100, 100, 3), 255, np.uint8)
    rgb[45:55, 45:55] = 0
    assert trimmed(rgb) is rgb


@settings(deadline=None)
@given(
    npst.arrays(
        np.uint8,
        st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3)),
        elements=st.sampled_from([0, 20, 255]),
    )
)
def test_never_trims_to_less_than_a_quarter_of_a_side(
    rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> None:
    inner = trimmed(rgb)
    assert inner.shape[0] >= LEAST_SIDE * rgb.shape[0]
    assert inner.shape[1] >= LEAST_SIDE * rgb.shape[1]
    assert inner.size > 0
