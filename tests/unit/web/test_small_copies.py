"""What small copies gave is gone within an hour, whether or not anybody asks, and a full memory forgets the oldest first."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from byleave.web import small_copies
from byleave.web.small_copies import LIFE, Lookalikes, SmallCopies

DRAFT = uuid.uuid4()


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def found(preview: bytes = b"seen") -> Lookalikes:
    return Lookalikes("a.jpg", preview, ())


def test_the_promise_on_the_page_is_an_hour() -> None:
    assert timedelta(hours=1) == LIFE


@given(st.lists(st.integers(0, 5400), min_size=1, max_size=20))
def test_nothing_is_older_than_an_hour(pauses: list[int]) -> None:
    clock = Clock()
    kept = SmallCopies(clock)
    sent: list[datetime] = []
    for pause in pauses:
        clock.at += timedelta(seconds=pause)
        kept.keep(DRAFT, found())
        sent.append(clock.at)
        assert len(kept.of(DRAFT)) == sum(clock.at - at < LIFE for at in sent)
    clock.at += LIFE
    assert kept.of(DRAFT) == {}


def test_it_goes_by_itself_when_nobody_asks_any_more() -> None:
    life = timedelta(milliseconds=50)
    kept = SmallCopies(lambda: datetime.now(UTC), life)
    kept.keep(DRAFT, found())
    gone = threading.Event()
    for _ in range(200):
        if len(kept) == 0:  # a plain count: nothing is forgotten by looking at it
            gone.set()
            break
        gone.wait(0.05)
    assert gone.is_set()


def test_each_draft_sees_its_own_and_can_be_forgotten_alone() -> None:
    kept, other = SmallCopies(Clock()), uuid.uuid4()
    kept.keep(DRAFT, found(b"mine"))
    kept.keep(other, found(b"theirs"))
    kept.forget(DRAFT)
    assert kept.of(DRAFT) == {}
    assert [one.preview for one in kept.of(other).values()] == [b"theirs"]


def test_a_full_memory_forgets_the_oldest() -> None:
    kept = SmallCopies(Clock())
    large = bytes(small_copies.KEPT_BYTES // 4)
    for _ in range(6):
        kept.keep(DRAFT, found(large))
    assert sorted(kept.of(DRAFT)) == [3, 4, 5, 6]
