"""Which file counts as larger than all copies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.copies.originals import MARGIN, Size, compare

COPY = Size(480, 360)
sides = st.integers(1, 20_000)
sizes = st.builds(Size, sides, sides)


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
    assert compare(shown, [COPY]).is_larger is is_larger


def test_every_copy_counts_and_the_one_that_comes_nearest_is_told() -> None:
    wide = Size(900, 100)
    found = compare(Size(960, 720), [COPY, wide, Size(10, 10)])
    assert (found.is_larger, found.nearest, found.copies) == (False, wide, 3)


def test_without_a_copy_there_is_nothing_to_be_larger_than() -> None:
    found = compare(Size(9000, 9000), [])
    assert (found.is_larger, found.nearest) == (False, None)


def test_a_copy_of_unknown_size_may_be_the_larger() -> None:
    found = compare(Size(9000, 9000), [COPY, None])
    assert (found.is_larger, found.copies, found.unmeasured) == (False, 2, 1)


@given(sizes, st.lists(sizes, min_size=1, max_size=5))
def test_another_copy_never_makes_a_file_larger(shown: Size, copies: list[Size]) -> None:
    assert compare(shown, copies[:-1]).is_larger or not compare(shown, copies).is_larger or len(copies) == 1
    assert compare(shown, copies).is_larger == all(shown.outgrows(copy) for copy in copies)


@given(sizes, sizes)
def test_of_two_files_at_most_one_outgrows_the_other(one: Size, other: Size) -> None:
    assert not (one.outgrows(other) and other.outgrows(one))
    if one.outgrows(other):
        assert one.width * one.height >= other.width * other.height * MARGIN
