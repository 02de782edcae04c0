"""Lay fixed-size records anew where some go and others come, at the cost of copying the file, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from byleave.errors import FormatError, NotFoundError, VerificationError

Records = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

RECORD_BYTES = 32
"""Length of the records that are compared: SHA-256 hashes."""

_WORDS = 4
_SEEN_BITS = 20
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

    Raises
    ------
    VerificationError
        If what stays is in another order.
    """
    keys = np.random.default_rng().integers(0, 1 << 63, _WORDS, np.uint64) * np.uint64(2) + np.uint64(1)
    before, after = _named(old, keys), _named(new, keys)
    different = _in_one_only(before, after)
    goes, comes = _among(before, different), _among(after, different)
    if not np.array_equal(before[~goes], after[~comes]):
        raise VerificationError(
            "the rows that stay are in another order", remedy="publish without this delta"
        )
    gone, places = np.flatnonzero(goes), np.flatnonzero(comes)
    rank = places - np.arange(len(places))
    return Changes(gone, rank + np.searchsorted(gone - np.arange(len(gone)), rank, "right")), places


def _named(records: Records, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a number for each record, equal where records are equal. The keys are secret, so nobody can make two different ones meet."""
    words = np.ascontiguousarray(records).view(np.uint64).reshape(-1, _WORDS)
    names: npt.NDArray[np.uint64] = words[:, 0] * keys[0]
    for place in range(1, _WORDS):
        names += words[:, place] * keys[place]
    return names


def _in_one_only(before: npt.NDArray[np.uint64], after: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    both = np.concatenate([_distinct(before), _distinct(after)])
    both.sort()
    alone = np.ones(len(both), bool)
    same = both[1:] == both[:-1]
    alone[1:] &= ~same
    alone[:-1] &= ~same
    return both[alone]


def _distinct(names: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Sort and thin out; ``np.unique`` hashes, which takes ten times as long for many."""
    ordered = np.sort(names)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def _among(names: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether each name is one of a few sorted ones. Most are ruled out by their first bits alone."""
    if not len(wanted):
        return np.zeros(len(names), bool)
    seen = np.zeros(1 << _SEEN_BITS, bool)
    shift = np.uint64(64 - _SEEN_BITS)
    seen[wanted >> shift] = True
    found: npt.NDArray[np.bool_] = seen[names >> shift]
    places = np.flatnonzero(found)
    found[places] = np.isin(names[places], wanted)
    return found


def _all_within(places: Places, last: int) -> bool:
    return not len(places) or (int(places.min()) >= 0 and int(places.max()) <= last)


def _bytes(records: Records) -> memoryview:
    return np.ascontiguousarray(records).data.cast("B") if records.size else memoryview(b"")
