"""Choose the originals of the demo: drawn, not flat, and none of them near another.

The demo says "no stranger was removed", so it must know who is a stranger. Clip art comes in series, and two files of a series
are copies of each other for everybody but their maker; of each such group one is taken. This settles what is true about the
pictures before anything is searched; no threshold is moved by it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from byleave.demo.drawing import DrawingPool, Drawn, LeftOut
from byleave.demo.drawings import Collection, Drawing
from byleave.fingerprints import MINIMUM_QUALITY, PDQ_BYTES, REVIEW_RADIUS, PictureFingerprint
from byleave.fingerprints.orientations import orientations

BATCH = 64
FIRST_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Originals:
    """The chosen pictures, in a fixed order, and how many drawings were left out for which reason."""

    pictures: tuple[Drawn, ...]
    left_out: Counter[str]


def choose(
    collection: Collection, wanted: int, pool: DrawingPool, *, tell: Callable[[int], None] = lambda _: None
) -> Originals:
    """Draw in a fixed order until ``wanted`` originals are found or no drawing is left.

    The order is by digest of the name, so a smaller choice is the beginning of a larger one. ``tell`` hears the number
    found so far.
    """
    chosen: list[Drawn] = []
    left_out = Counter(collection.left_out)
    known = _Known()
    for batch in _batches(in_fixed_order(collection.drawings)):
        for answer in pool.draw(batch):
            reason = answer.reason if isinstance(answer, LeftOut) else known.objection(answer)
            if reason:
                left_out[reason] += 1
            elif isinstance(answer, Drawn):
                known.add(answer.seen)
                chosen.append(answer)
            if len(chosen) == wanted:
                return Originals(tuple(chosen), left_out)
        tell(len(chosen))
    return Originals(tuple(chosen), left_out)


def in_fixed_order(drawings: Sequence[Drawing]) -> list[Drawing]:
    """Shuffle by digest of the name: the same on every machine, and no folder comes first."""
    return sorted(drawings, key=lambda drawing: hashlib.sha256(drawing.name.encode()).digest())


def _batches(drawings: Sequence[Drawing]) -> Iterator[list[Drawing]]:
    rest = iter(drawings)
    while batch := list(islice(rest, BATCH)):
        yield batch


class _Known:
    """Fingerprints of what was chosen, as rows of four words; only the first ``_used`` rows count."""

    def __init__(self) -> None:
        self._rows = np.zeros((FIRST_ROWS, PDQ_BYTES // 8), np.uint64)
        self._used = 0

    def objection(self, drawn: Drawn) -> str:
        """Say why this picture cannot be an original, or nothing."""
        if drawn.seen.quality < MINIMUM_QUALITY:
            return "too flat to be told from others"
        if self._nearest(drawn.seen) <= REVIEW_RADIUS:
            return "looks like one already chosen"
        return ""

    def add(self, seen: PictureFingerprint) -> None:
        if self._used + 2 > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._used : self._used + 2] = _words([seen.plain, seen.trimmed])
        self._used += 2

    def _nearest(self, seen: PictureFingerprint) -> int:
        if not self._used:
            return PDQ_BYTES * 8
        # The values of the other orientations are derived from the bits: near enough for a choice, and free.
        variants = orientations(seen.plain) + orientations(seen.trimmed)
        differing = _words(variants)[:, None, :] ^ self._rows[None, : self._used, :]
        return int(np.bitwise_count(differing).sum(axis=2, dtype=np.int64).min())


def _words(values: Sequence[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(values), np.uint64).reshape(len(values), PDQ_BYTES // 8)
