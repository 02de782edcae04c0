"""Lay fixed-size records anew where some go and others come, at the cost of copying the file, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from byleave.errors import FormatError, NotFoundError, VerificationError

Records = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

RECORD_BYTES = 32
"""Length of the records that are compared: SHA-256 hashes."""

MOST_SEARCHED = 1 << 20
"""Records that are looked through for one that stays; so much change is better fetched whole."""

_FIRST_SEARCHED = 16
_FIRST_WINDOW = 1 << 10
_WIDEST_WINDOW = 1 << 16
_REMEDY = "sync the whole release instead"


@dataclass(frozen=True, slots=True)
class Changes:
    """What leads from one list of records to another.

    gone
        int64: places of the records that go, ascending, all different.
    before
        int64: before which place of the old list each new record stands, in the order of the new ones; the old length for the end.
    """

    gone: Places
    before: Places

    def check(self, length: int) -> None:
        """Refuse places that a list of ``length`` records does not have.

        Raises
        ------
        VerificationError
            If there are some, or they are out of order.
        """
        fits = _all_within(self.gone, length - 1) and _all_within(self.before, length)
        if not fits or (np.diff(self.gone) <= 0).any() or (np.diff(self.before) < 0).any():
            raise VerificationError("the delta does not fit the list it is for", remedy=_REMEDY)


def read_records(path: Path) -> Records:
    """Map a file of 32-byte records, uint8 (n, 32).

    Raises
    ------
    NotFoundError, FormatError
        If there is no such file, or its last record is cut short.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} does not exist", remedy=_REMEDY) from error
    if size % RECORD_BYTES:
        raise FormatError(f"{path} is cut short", remedy=_REMEDY)
    held = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
    return held.reshape(-1, RECORD_BYTES)


def spliced(old: Records, changes: Changes, new: Records) -> Iterator[memoryview]:
    """Yield the bytes of the list to which ``changes`` lead: ``old`` and ``new`` are uint8 (n, width)."""
    steps = [(place, 1, -1) for place in changes.gone.tolist()]
    steps += [(place, 0, number) for number, place in enumerate(changes.before.tolist())]
    at = 0
    for place, goes, number in sorted(steps):
        yield _bytes(old[at:place])
        if goes:
            at = place + 1
        else:
            at = place
            yield _bytes(new[number : number + 1])
    yield _bytes(old[at:])


def compared(old: Records, new: Records) -> tuple[Changes, Places]:
    """Return what leads from one list of 32-byte records to another that keeps the order of what stays, and the places of what comes.

    Costs little more than reading both lists, and a search around each change.

    Raises
    ------
    VerificationError
        If more than :data:`MOST_SEARCHED` records follow each other of which none stays.
    """
    before, after = (np.ascontiguousarray(one).view(np.uint64) for one in (old, new))
    gone: list[range] = []
    come: list[tuple[int, range]] = []
    here, there = 0, 0
    while True:
        alike = _alike(before[here:], after[there:])
        here, there = here + alike, there + alike
        if here == len(old) and there == len(new):
            break
        left, arrived = _until_alike(old[here:], new[there:])
        gone.append(range(here, here + left))
        come.append((here + left, range(there, there + arrived)))
        here, there = here + left, there + arrived
    stands = [place for place, places in come for _ in places]
    changes = Changes(_listed(gone), np.array(stands, np.int64))
    return changes, _listed([places for _, places in come])


def _alike(before: npt.NDArray[np.uint64], after: npt.NDArray[np.uint64]) -> int:
    """Return how many records two lists begin with in common."""
    most = min(len(before), len(after))
    at, width = 0, _FIRST_WINDOW
    while at < most:
        end = min(at + width, most)
        different = (before[at:end] != after[at:end]).ravel()
        first = int(different.argmax())
        if different[first]:
            return at + first // (RECORD_BYTES // before.itemsize)
        at, width = end, min(width * 4, _WIDEST_WINDOW)
    return most


def _until_alike(old: Records, new: Records) -> tuple[int, int]:
    """Return how many records of each list come before the first one that stands in both."""
    width = _FIRST_SEARCHED
    while True:
        places = {record: place for place, record in enumerate(_each(old[:width]))}
        for arrived, record in enumerate(_each(new[:width])):
            if record in places:
                return places[record], arrived
        if width >= max(len(old), len(new)):
            return len(old), len(new)
        if width > MOST_SEARCHED:
            raise VerificationError("the lists have too little in common", remedy="fetch the whole list")
        width *= 4


def _each(records: Records) -> Iterator[bytes]:
    content = records.tobytes()
    return (content[at : at + RECORD_BYTES] for at in range(0, len(content), RECORD_BYTES))


def _listed(ranges: Sequence[range]) -> Places:
    return np.fromiter((place for places in ranges for place in places), np.int64)


def _all_within(places: Places, last: int) -> bool:
    return not len(places) or (int(places.min()) >= 0 and int(places.max()) <= last)


def _bytes(records: Records) -> memoryview:
    return np.ascontiguousarray(records).data.cast("B") if records.size else memoryview(b"")
