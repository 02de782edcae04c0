"""Compare fingerprints of rows with those the list carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byleave.apply.judging import Flags
from byleave.apply.near import NearNumbers
from byleave.apply.ruleset import Ruleset
from byleave.apply.sidecars.seen import Seen
from byleave.apply.tables import Ints
from byleave.fingerprints import MINIMUM_QUALITY, SAME_WORK_RADIUS

if TYPE_CHECKING:
    from byleave.hamming import HammingIndex


class PictureComparer:
    """All registered values of one ruleset, indexed when the first row is compared."""

    def __init__(self, ruleset: Ruleset, numbers: NearNumbers) -> None:
        self._ruleset = ruleset
        self._numbers = numbers
        self._index: HammingIndex | None = None

    def compare(self, seen: Seen) -> tuple[Ints, Ints, Flags]:
        """Find the registered pictures within the radius of *same work*, plain or trimmed.

        Returns
        -------
        Pairs of a row and a near number, int64 (k,) each; and bool (n,), the rows that are flat and near one. These are for a person to
        judge, since a flat picture lies near many others by chance.
        """
        if self._index is None:
            from byleave.hamming import HammingIndex

            self._index = HammingIndex.build(self._ruleset.picture_values)
        rows, targets, distances = [], [], []
        there = np.flatnonzero(seen.with_print)
        framed = there[(seen.plain[there] != seen.trimmed[there]).any(axis=1)]
        for places, values in ((there, seen.plain), (framed, seen.trimmed)):
            hits = self._index.search(values[places], SAME_WORK_RADIUS)
            rows.append(places[hits.query])
            targets.append(self._ruleset.picture_targets[hits.row])
            distances.append(hits.distance.astype(np.int64))
        return self._nearest(seen, np.concatenate(rows), np.concatenate(targets), np.concatenate(distances))

    def _nearest(self, seen: Seen, rows: Ints, targets: Ints, distances: Ints) -> tuple[Ints, Ints, Flags]:
        """Keep, of several values of one picture that are near a row, the nearest."""
        order = np.lexsort((distances, targets, rows))
        rows, targets, distances = rows[order], targets[order], distances[order]
        first = np.ones(len(rows), bool)
        first[1:] = (rows[1:] != rows[:-1]) | (targets[1:] != targets[:-1])
        flat = seen.quality[rows] < MINIMUM_QUALITY
        review = np.zeros(len(seen.with_print), bool)
        review[rows[flat]] = True
        acts = first & ~flat
        return rows[acts], self._numbers.number(targets[acts], distances[acts]), review
