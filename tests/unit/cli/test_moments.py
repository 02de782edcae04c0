"""A day counts to its end, a moment is exact, and nothing is in the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from byleave.cli.moments import past_moment
from byleave.errors import InputError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01", datetime(2026, 5, 1, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2026-06-01", NOW),
        ("2026-05-01T10:00:00+02:00", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ("2026-06-01T12:00:00Z", NOW),
    ],
)
def test_a_day_counts_to_its_end_and_a_moment_is_exact(text: str, moment: datetime) -> None:
    assert past_moment(text, "--as-of", NOW) == moment


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be ''"),
        ("yesterday", "cannot be 'yesterday'"),
        ("2026-02-30", "cannot be"),
        ("2026-05-01T10:00:00", "no time zone"),
        ("2026-06-02", "in the future"),
        ((NOW + timedelta(seconds=1)).isoformat(), "in the future"),
    ],
)
def test_anything_else_is_refused_with_the_form_that_is_right(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        past_moment(text, "--as-of", NOW)
