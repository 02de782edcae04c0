"""What a run notes of the rows of a shard that stay, so that they can be bound when it is done: their item ids, which targets cover them, and what they state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from byleave.apply.item_rows import OPEN_PLACE, placed
from byleave.apply.near import exact_pairs
from byleave.apply.parting import NARROW_BYTES, Parting
from byleave.apply.values import PartTree
from byleave.consent import TargetKind

if TYPE_CHECKING:
    from byleave.apply.covering import CoverageTables
    from byleave.apply.matching import Matched
    from byleave.apply.ruleset import Ruleset
    from byleave.apply.tables import Ints

ITEMS: Final = ".items"
"""Ending of the file of entries, parted as :mod:`byleave.apply.parting` has it; their places are rows of the shard."""

TARGETS: Final = ".targets"
"""Ending of the file of targets that cover a row, each with the first such row of some: int64 (n, 2)."""

NOTES: Final = (ITEMS, TARGETS)

STATED: Final = ".stated"
"""Ending of the file with the root over what the rows state, 32 bytes. It is there where any of them states something, and is kept with the counts of the shard."""


def note_beside(removed: Path, kind: str) -> Path:
    """Return where one of :data:`NOTES`, or :data:`STATED`, is written, beside the list of rows taken out of the shard."""
    return removed.with_suffix(kind)


class KeptNotes:
    """Notes the rows of one shard that stay, in the order of its rows."""

    def __init__(self, removed: Path, ruleset: Ruleset, coverage: CoverageTables | None) -> None:
        self._items = note_beside(removed, ITEMS).open("wb")
        self._targets = note_beside(removed, TARGETS).open("wb")
        self._stated, self._tree = note_beside(removed, STATED), PartTree()
        self._ruleset = ruleset
        self._coverage = coverage
        self._rows = 0
        self._parting = Parting(self._items, NARROW_BYTES)

    def add(self, matched: Matched, stays: npt.NDArray[np.bool_]) -> None:
        """Note those of the ``n`` rows of a batch that stay, bool (n,)."""
        self._tree.add(matched.stated, matched.seen, stays)
        covered = stays[matched.rows]
        if covered.any():
            places = np.cumsum(stays) - 1 + self._rows
            pairs = places[matched.rows[covered]], matched.targets[covered]
            found = first_rows(*exact_pairs(*pairs, self._ruleset, self._coverage), self._ruleset)
            self._targets.write(np.ascontiguousarray(found).data)
        items = np.ascontiguousarray(matched.items).view(np.uint64)
        self._rows = self._parting.add(items, stays, self._rows)

    def close(self) -> None:
        """Close both files, and write the root over what the rows state, if any does."""
        self._parting.finish()
        self._items.close()
        self._targets.close()
        root = self._tree.root().root
        if root is not None:
            self._stated.write_bytes(root)


def first_rows(rows: Ints, targets: Ints, ruleset: Ruleset) -> Ints:
    """Return, of pairs of a row and a target by rising row, each target that is no link, with its first row: int64 (k, 2)."""
    wanted = targets >= ruleset.targets_of([TargetKind.URL]).stop
    found, at = np.unique(targets[wanted], return_index=True)
    return np.stack([found, rows[wanted][at]], axis=1)


class FirstRows:
    """The place of the first row that each target of a ruleset covers. Links are left out: they are found among the items themselves."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._begin = ruleset.targets_of([TargetKind.URL]).stop
        self._places = np.full(ruleset.targets - self._begin, -1, np.int64)

    def add(self, found: Ints, part: int) -> None:
        """Take what :func:`first_rows` found in a part, or some of its rows, in the order of parts and rows."""
        targets, rows = (found[:, 0] - self._begin)[::-1], found[::-1, 1]
        fresh = self._places[targets] < 0
        # Of several with one target the last one written counts, and that is the first row.
        self._places[targets[fresh]] = placed(part, rows[fresh])

    def leave_open(self, targets: Ints) -> None:
        """Let those of some targets, int64 (n,), of which no row is known stand for ones that were compared with nothing."""
        places = targets - self._begin
        self._places[places[self._places[places] < 0]] = OPEN_PLACE

    def rows(self, kinds: tuple[TargetKind, ...]) -> tuple[npt.NDArray[np.uint8], Ints]:
        """Return, of all targets of some kinds that cover a row, the first half of the digest, uint8 (n, 16), and the place, int64 (n,)."""
        ids, places = [np.zeros((0, 16), np.uint8)], [np.zeros(0, np.int64)]
        for kind in kinds:
            numbers = self._ruleset.targets_of([kind])
            found = self._places[numbers.start - self._begin : numbers.stop - self._begin]
            covering = np.flatnonzero(found >= 0)
            keys = np.asarray(self._ruleset.tables[kind].keys)[covering, :2]
            ids.append(np.ascontiguousarray(keys).view(np.uint8).reshape(-1, 16))
            places.append(found[covering])
        return np.concatenate(ids), np.concatenate(places)
