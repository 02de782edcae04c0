"""Names counted as arrays come out as if counted one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.apply import counting
from byleave.apply.counting import Names
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


def test_names_come_with_counts_and_are_added_up_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_PENDING", 2)
    seen = Names(_room=2)
    for _ in range(5):
        seen.add(pa.array(["a", "b", "c"]), np.array([1, 2, 0]))
    assert seen.take(Counter(b=1), 10) == (Counter(a=5, b=11, c=0), 0)
    assert seen.take(Counter(), 10) == (Counter(), 0)
