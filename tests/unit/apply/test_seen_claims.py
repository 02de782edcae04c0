"""Claims counted by the numbers of their statements come out as if counted one by one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.unit.apply.worlds import row, ruleset_of

from byleave.apply import seen_claims
from byleave.apply.ruleset import Ruleset
from byleave.apply.seen_claims import SeenClaims
from byleave.apply.tally import most_first
from byleave.consent import TargetKind


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    """Eight statements of four claims, two each."""
    rows = [row(n % 4 + 1, TargetKind.HOST, f"{n}.example") for n in range(8)]
    return ruleset_of(rows, Path(tmp_path_factory.mktemp("claims")))


@pytest.mark.parametrize("pending", [1, 7, 1000])
@pytest.mark.parametrize("most", [1, 2, 9])
def test_what_one_claim_says_in_several_places_is_counted_together(
    most: int, pending: int, ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_claims, "MOST_PENDING", pending)
    seen, expected = SeenClaims(), Counter[str]()
    for numbers in ([0, 1, 2], [7, 7, 5], [], [0, 6, 3, 3]):
        seen.add(ruleset, np.array(numbers, np.int64))
        expected.update(ruleset.rows["claim"][number].tobytes().hex() for number in numbers)
    assert seen.take(Counter(), most) == (
        Counter(dict(most_first(expected)[:most])),
        max(0, len(expected) - most),
    )
    assert seen.take(Counter(), most) == (Counter(), 0)


def test_further_claims_are_returned_together_with_them(ruleset: Ruleset) -> None:
    seen, name = SeenClaims(), ruleset.rows["claim"][0].tobytes().hex()
    seen.add(ruleset, np.zeros(1, np.int64))
    assert seen.take(Counter({name: 2, "other": 1}), 1) == (Counter({name: 3, "other": 1}), 0)
