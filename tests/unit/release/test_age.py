"""How old a list is, in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from byleave.release.age import words_of


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(), "0 minutes"),
        (timedelta(minutes=1, seconds=59), "1 minute"),
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=1, minutes=5), "1 day"),
        (timedelta(days=30, hours=2), "30 days 2 hours"),
    ],
)
def test_a_span_of_time_is_told_as_people_say_it(span: timedelta, words: str) -> None:
    assert words_of(span) == words
