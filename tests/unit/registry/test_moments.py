"""What happened to a claim is said as people say it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from byleave.registry.timeline import Moment, What


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (1, "1 entry of gallery is covered by it"),
        (1200, "1,200 entries of gallery are covered by it"),
    ],
)
def test_one_entry_is_not_spoken_of_as_several(entries: int, said: str) -> None:
    moment = Moment(What.COPIES, datetime(2026, 1, 2, tzinfo=UTC), dataset="gallery", entries=entries)
    assert moment.sentence == said
