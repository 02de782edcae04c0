"""How many works the matches of a picture are: copies are one, whatever was done to them, and strangers are others."""

from __future__ import annotations

import numpy as np
import pytest

from byleave import hamming
from byleave.catalog.copies import CopyIndex
from byleave.catalog.works import MOST_WORKS, works_near
from byleave.fingerprints import SAME_WORK_RADIUS, ClaimedPicture
from byleave.fingerprints.orientations import orientations

CHANCE = np.random.default_rng(7)


def value() -> bytes:
    return CHANCE.bytes(32)


def flipped(picture: bytes, bits: int) -> bytes:
    """Return a value that differs in so many bits, as a copy does."""
    whole = int.from_bytes(picture)
    for place in CHANCE.choice(256, bits, replace=False).tolist():
        whole ^= 1 << place
    return whole.to_bytes(32)


def index_of(values: list[bytes]) -> CopyIndex:
    keys = np.arange(len(values), dtype=np.uint64).view(np.uint8).reshape(-1, 8)
    keys = np.hstack([keys, np.zeros_like(keys)])
    stacked = np.frombuffer(b"".join(values), np.uint8).reshape(-1, 32)
    return CopyIndex(hamming.HammingIndex.build(stacked), np.arange(len(values), dtype=np.uint32), keys, keys)


def test_copies_of_one_picture_are_one_work_however_many() -> None:
    picture = value()
    copies = [flipped(picture, bits % (SAME_WORK_RADIUS + 1)) for bits in range(3_000)]
    (work,) = works_near(index_of(copies), ClaimedPicture((picture,), 100), SAME_WORK_RADIUS)
    assert (work.distance, work.copies) == (0, 3_000)


def test_mirrored_and_turned_copies_are_the_same_work() -> None:
    picture = value()
    turned = [flipped(way, 6) for way in orientations(picture)]
    claimed = ClaimedPicture(orientations(picture), 100)
    (work,) = works_near(index_of(turned), claimed, SAME_WORK_RADIUS)
    assert work.copies == 8


@pytest.mark.parametrize("strangers", [2, 5, 16])
def test_a_match_code_made_up_of_strangers_pictures_meets_each_of_them(strangers: int) -> None:
    theirs = [value() for _ in range(strangers)]
    copies = [flipped(one, 5) for one in theirs for _ in range(40)]
    works = works_near(index_of(copies), ClaimedPicture(tuple(theirs), 100), SAME_WORK_RADIUS)
    assert len(works) == strangers
    assert sum(work.copies for work in works) == len(copies)
    assert [work.distance for work in works] == sorted(work.distance for work in works)


def test_no_match_is_no_work() -> None:
    assert works_near(index_of([value()]), ClaimedPicture((value(),), 100), SAME_WORK_RADIUS) == ()
    assert works_near(index_of([]), ClaimedPicture((value(),), 100), SAME_WORK_RADIUS) == ()


def test_works_are_told_apart_up_to_a_number() -> None:
    theirs = [value() for _ in range(MOST_WORKS + 40)]
    index = index_of(theirs)
    found = works_near(index, ClaimedPicture((theirs[0],), 100), 255)
    assert len(found) == MOST_WORKS
