"""Which file counts as larger, or less cropped, than all copies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.copies.originals import MARGIN, Compared, KnownCopy, Size, compare

COPY = Size(480, 360)
sides = st.integers(1, 20_000)
sizes = st.builds(Size, sides, sides)
margins = st.sampled_from([0.0, 0.0, 0.05, 0.4])


def held(shown: Size, *copies: Size | None) -> Compared:
    return compare(shown, [KnownCopy(size, shown) for size in copies])


@pytest.mark.parametrize(
    ("shown", "is_larger"),
    [
        (Size(960, 720), True),
        (Size(720, 960), True),
        (Size(576, 432), True),
        (Size(575, 432), False),
        (Size(960, 400), False),
        (Size(480, 360), False),
        (Size(240, 180), False),
    ],
)
def test_both_sides_must_be_longer_by_the_margin(shown: Size, *, is_larger: bool) -> None:
    assert held(shown, COPY).is_original is is_larger


def test_every_copy_counts_and_the_one_that_comes_nearest_is_told() -> None:
    wide = Size(900, 100)
    found = held(Size(960, 720), COPY, wide, Size(10, 10))
    assert (found.is_original, found.nearest, found.copies) == (False, wide, 3)


def test_without_a_copy_there_is_nothing_to_be_larger_than() -> None:
    found = held(Size(9000, 9000))
    assert (found.is_original, found.nearest) == (False, None)


def test_a_copy_of_unknown_size_may_be_the_larger() -> None:
    found = held(Size(9000, 9000), COPY, None)
    assert (found.is_original, found.copies, found.unmeasured) == (False, 2, 1)


def test_of_a_copy_that_shows_less_no_size_is_needed() -> None:
    shown = Size(500, 400)
    copies = [
        KnownCopy(None, shown, 0.1),
        KnownCopy(Size(490, 390), shown, 0.2),
        KnownCopy(Size(100, 100), shown),
    ]
    found = compare(shown, copies)
    assert (found.is_original, found.wider, found.margin, found.unmeasured) == (True, 2, 0.1, 0)
    assert found.nearest == Size(100, 100)


def test_what_stands_around_the_copys_part_makes_no_file_larger() -> None:
    shown = Size(2000, 2000)
    assert not compare(shown, [KnownCopy(COPY, Size(480, 360))]).is_original
    assert compare(shown, [KnownCopy(COPY, Size(576, 432))]).is_original


@given(sizes, st.lists(st.builds(KnownCopy, sizes | st.none(), sizes, margins), min_size=1, max_size=5))
def test_another_copy_never_makes_a_file_an_original(shown: Size, copies: list[KnownCopy]) -> None:
    whole = compare(shown, copies)
    assert whole.is_original == all(copy.is_lesser for copy in copies)
    if len(copies) > 1:
        assert compare(shown, copies[:-1]).is_original or not whole.is_original


@given(sizes, sizes)
def test_of_two_files_at_most_one_outgrows_the_other(one: Size, other: Size) -> None:
    assert not (one.outgrows(other) and other.outgrows(one))
    if one.outgrows(other):
        assert one.width * one.height >= other.width * other.height * MARGIN
