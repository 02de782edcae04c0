"""The index finds what a full comparison finds, whatever the values are like, and nothing else."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from byleave.errors import InputError
from byleave.hamming import HammingIndex, Hits
from byleave.hamming.index import BANDS_FROM_ROWS

Values = NDArray[np.uint8]
RADII = [0, 1, 15, 16, 31, 32, 38, 47, 48, 50, 63, 64, 128, 255]


def random_values(count: int, seed: int = 0) -> Values:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def flipped(value: Values, bits: int, seed: int) -> Values:
    """The same value with exactly ``bits`` bits changed."""
    spread = np.unpackbits(value)
    spread[np.random.default_rng(seed).choice(256, bits, replace=False)] ^= 1
    return np.packbits(spread)


def compared_in_full(
    values: Values, queries: Values, radius: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    distances = np.bitwise_count(queries[:, None, :] ^ values[None, :, :]).sum(axis=2)
    query, row = np.nonzero(distances <= radius)
    return query, row, distances[query, row]


def assert_same(hits: Hits, values: Values, queries: Values, radius: int) -> None:
    query, row, distance = compared_in_full(values, queries, radius)
    np.testing.assert_array_equal(hits.query, query)
    np.testing.assert_array_equal(hits.row, row)
    np.testing.assert_array_equal(hits.distance, distance)


LARGE = random_values(BANDS_FROM_ROWS + 500)
LARGE_INDEX = HammingIndex.build(LARGE)


class TestExactness:
    @pytest.mark.parametrize("radius", RADII)
    def test_finds_what_a_full_comparison_finds(self, radius: int) -> None:
        queries = np.stack([flipped(LARGE[i], bits=4 * i, seed=i) for i in range(20)])
        assert_same(LARGE_INDEX.search(queries, radius), LARGE, queries, radius)

    @given(
        st.lists(st.integers(0, 255), min_size=0, max_size=70, unique=True),
        st.integers(0, 64),
        st.integers(0, 999),
    )
    def test_a_value_is_found_exactly_when_no_more_bits_are_flipped_than_the_radius(
        self, bits: list[int], radius: int, row: int
    ) -> None:
        spread = np.unpackbits(LARGE[row])
        spread[bits] ^= 1
        hits = LARGE_INDEX.search(np.packbits(spread)[None], radius)
        assert (row in hits.row.tolist()) == (len(bits) <= radius)

    @settings(deadline=None)
    @given(st.integers(0, 63), st.integers(0, 15), st.randoms(use_true_random=False))
    def test_bits_crowded_into_few_bands_do_not_hide_a_value(
        self, radius: int, band: int, random: Any
    ) -> None:
        order = sorted(range(256), key=lambda bit: ((bit // 16 - band) % 16, random.random()))
        spread = np.unpackbits(LARGE[7])
        spread[order[:radius]] ^= 1
        assert 7 in LARGE_INDEX.search(np.packbits(spread)[None], radius).row.tolist()

    @pytest.mark.parametrize("radius", [0, 31, 63])
    def test_skewed_bands_stay_exact(self, radius: int) -> None:
        flat = random_values(BANDS_FROM_ROWS + 100, seed=3)
        flat[:, :24] = 0
        flat[::2, 24:] &= 1
        queries = np.concatenate([flat[:3], np.zeros((1, 32), np.uint8)])
        assert_same(HammingIndex.build(flat).search(queries, radius), flat, queries, radius)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 60), st.integers(0, 63), st.integers(0, 10**6))
    def test_small_sets_are_exact_too(self, count: int, radius: int, seed: int) -> None:
        values = random_values(count, seed)
        values &= 0x03
        assert_same(HammingIndex.build(values).search(values, radius), values, values, radius)


class TestEdges:
    def test_an_empty_index_answers_nothing(self) -> None:
        index = HammingIndex.build(np.empty((0, 32), np.uint8))
        assert len(index) == 0
        assert len(index.search(random_values(3), 255)) == 0

    def test_no_query_gives_no_hit(self) -> None:
        assert len(LARGE_INDEX.search(np.empty((0, 32), np.uint8), 31)) == 0

    def test_one_row_is_found(self) -> None:
        one = random_values(1)
        hits = HammingIndex.build(one).search(one, 0)
        assert (hits.query.tolist(), hits.row.tolist(), hits.distance.tolist()) == ([0], [0], [0])

    def test_equal_rows_are_all_found(self) -> None:
        same = np.repeat(random_values(1), BANDS_FROM_ROWS + 1, axis=0)
        assert len(HammingIndex.build(same).search(same[:2], 31)) == 2 * len(same)

    def test_the_callers_array_can_change_afterwards(self) -> None:
        values = random_values(5)
        index = HammingIndex.build(values)
        before = values.copy()
        values[:] = 0
        assert len(index.search(before, 0)) == 5

    @pytest.mark.parametrize("radius", [-1, 256])
    def test_a_radius_that_is_none_is_refused(self, radius: int) -> None:
        with pytest.raises(InputError, match="hint: give 0 to 255"):
            LARGE_INDEX.search(LARGE[:1], radius)

    @pytest.mark.parametrize(
        "wrong", [np.zeros((2, 31), np.uint8), np.zeros((2, 32), np.int8), np.zeros(32, np.uint8)]
    )
    def test_other_shapes_and_types_are_refused(self, wrong: Any) -> None:
        with pytest.raises(InputError, match="uint8 values of shape"):
            HammingIndex.build(wrong)


class TestPieces:
    def test_pieces_hold_whole_queries_and_add_up_to_one_search(self) -> None:
        values = random_values(300)
        values &= 0x01
        index = HammingIndex.build(values)
        whole = index.search(values, 20)
        pieces = list(index.hits(values, 20, at_once=700))
        assert len(pieces) > 3
        assert max(len(piece) for piece in pieces) <= 700
        np.testing.assert_array_equal(np.concatenate([piece.row for piece in pieces]), whole.row)
        assert all(a.query[-1] < b.query[0] for a, b in pairwise(pieces))

    def test_a_query_with_more_hits_than_asked_for_still_comes_whole(self) -> None:
        same = np.zeros((50, 32), np.uint8)
        pieces = list(HammingIndex.build(same).hits(same[:2], 0, at_once=1))
        assert [len(piece) for piece in pieces] == [50, 50]
