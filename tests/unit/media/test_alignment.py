"""A crop is found where it was cut, and only a margin with picture in it counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from tests.unit.media.pictures import photo

from byleave.media.alignment import Pixels, Placed, find_inside
from byleave.media.margins import LEAST_DEPTH, shown_around

SCENES = [np.asarray(photo(seed).resize((512, 398))) for seed in range(3)]
COPY_SIDE = 192


def thumbnail(pixels: Pixels) -> Pixels:
    picture = Image.fromarray(pixels)
    picture.thumbnail((COPY_SIDE, COPY_SIDE))
    return np.asarray(picture)


def cut(scene: Pixels, left: float, top: float, right: float, bottom: float) -> Pixels:
    rows, columns = scene.shape[:2]
    return scene[round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)]


def found(whole: Pixels, part: Pixels) -> Placed:
    placed = find_inside(whole, thumbnail(part))
    assert placed is not None
    assert placed.is_sure
    return placed


@settings(max_examples=5, deadline=None)
@given(
    st.sampled_from(SCENES),
    st.floats(0.35, 1.0),
    st.floats(0.35, 1.0),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_crop_is_found_where_it_was_cut(
    scene: Pixels, across: float, down: float, x: float, y: float
) -> None:
    left, top = x * (1 - across), y * (1 - down)
    placed = found(scene, cut(scene, left, top, left + across, top + down))
    there = (placed.left, placed.top, placed.right, placed.bottom)
    assert there == pytest.approx((left, top, left + across, top + down), abs=0.025)


def test_a_whole_picture_is_found_whole_and_shows_nothing_around_itself() -> None:
    placed = found(SCENES[0], SCENES[0])
    assert (placed.left, placed.top, placed.right, placed.bottom) == (0, 0, 1, 1)
    assert shown_around(SCENES[0], placed) == 0


def test_another_picture_is_not_found() -> None:
    placed = find_inside(SCENES[0], thumbnail(SCENES[1]))
    assert placed is None or not placed.is_sure


@pytest.mark.parametrize("flat", [np.full((100, 120, 3), 200, np.uint8), np.zeros((1, 1, 3), np.uint8)])
def test_an_even_area_is_found_nowhere_and_holds_nothing(flat: Pixels) -> None:
    assert find_inside(SCENES[0], flat) is None
    assert find_inside(flat, thumbnail(SCENES[0])) is None


@pytest.mark.parametrize(
    ("box", "depth"),
    [((0.2, 0, 1, 1), 0.2), ((0, 0, 1, 0.7), 0.3), ((0.1, 0.1, 0.9, 0.8), 0.2), ((0.02, 0.02, 0.98, 1), 0)],
)
def test_the_deepest_margin_counts_if_it_is_deep_enough(
    box: tuple[float, float, float, float], depth: float
) -> None:
    placed = found(SCENES[1], cut(SCENES[1], *box))
    assert shown_around(SCENES[1], placed) == pytest.approx(depth, abs=0.02)


def padded(way: str) -> Pixels:
    copy, chance = SCENES[2], np.random.default_rng(1)
    edge = 70
    if way in {"symmetric", "reflect", "wrap", "edge"}:
        wide: Pixels = np.pad(copy, ((edge, edge), (edge, edge), (0, 0)), mode=way)  # type: ignore[call-overload]  # a mode by name
        return wide
    rows, columns = copy.shape[0] + 2 * edge, copy.shape[1] + 2 * edge
    enlarged = Image.fromarray(copy).resize((columns, rows))
    ground = {
        "one colour": np.full((rows, columns, 3), 180, np.uint8),
        "blurred": np.asarray(enlarged.filter(ImageFilter.GaussianBlur(9))),
        "enlarged": np.asarray(enlarged),
        "noise": chance.integers(0, 255, (rows, columns, 3), dtype=np.uint8),
        "another picture": np.asarray(Image.fromarray(SCENES[0]).resize((columns, rows))),
    }[way].copy()
    ground[edge:-edge, edge:-edge] = copy
    return ground


@pytest.mark.parametrize(
    "way",
    ["symmetric", "reflect", "wrap", "edge", "one colour", "blurred", "enlarged", "noise", "another picture"],
)
def test_a_margin_made_of_the_copy_or_put_around_it_does_not_count(way: str) -> None:
    whole = padded(way)
    placed = find_inside(whole, thumbnail(SCENES[2]))
    assert placed is None or shown_around(whole, placed) < LEAST_DEPTH
