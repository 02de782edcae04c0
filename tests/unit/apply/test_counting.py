"""Names counted as arrays come out as if counted one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.apply.counting import FIRST_ROOM, Names
from byleave.apply.tally import most_first

names = st.lists(st.sampled_from(["a", "b", "é", "", "zz", "日本"]), max_size=20)


@given(st.lists(names, max_size=6), names, st.integers(1, 7))
def test_the_most_frequent_names_stay_with_their_counts(
    batches: list[list[str]], further: list[str], most: int
) -> None:
    counted, seen = Counter(further), Names()
    for batch in batches:
        seen.add(pa.array(batch, pa.string()))
        counted.update(batch)
    kept, cut = seen.take(Counter(further), most)
    if not batches:
        assert (kept, cut) == (Counter(further), 0)
    else:
        assert kept == Counter(dict(most_first(counted)[:most]))
        assert cut == max(0, len(counted) - most)


def test_names_come_with_counts() -> None:
    seen = Names()
    for _ in range(5):
        seen.add(pa.array(["a", "b", "c"]), np.array([1, 2, 0]))
    assert seen.take(Counter(b=1), 10) == (Counter(a=5, b=11, c=0), 0)
    assert seen.take(Counter(), 10) == (Counter(), 0)


def test_room_grows_with_the_names() -> None:
    seen, every = Names(), [f"{number:016}" for number in range(3 * FIRST_ROOM)]
    for first in range(0, len(every), 8_000):
        seen.add(pa.array(every[first:] + every[:1]))
    expected = Counter({name: place // 8_000 + 1 for place, name in enumerate(every)})
    expected[every[0]] += (len(every) - 1) // 8_000 + 1
    assert seen.take(Counter(), 10**6) == (expected, 0)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 16, 300])
def test_names_that_differ_in_their_last_byte_or_their_length_are_two(length: int) -> None:
    seen, name = Names(), "\0" * length
    seen.add(pa.array([name, name + "\0", name + "\1", name]))
    assert seen.take(Counter(), 9) == (Counter({name: 2, name + "\0": 1, name + "\1": 1}), 0)


def test_bytes_that_are_no_text_are_spelled_out() -> None:
    seen = Names()
    seen.add(pa.array([b"\xff", "é".encode(), b"\xff"], pa.binary()))
    assert seen.take(Counter(), 9) == (Counter({"\\xff": 2, "é": 1}), 0)


def test_a_slice_of_names_is_counted_alone() -> None:
    seen = Names()
    seen.add(pa.array(["a", "b", "b", "c"]).slice(1, 2))
    assert seen.take(Counter(), 9) == (Counter(b=2), 0)
