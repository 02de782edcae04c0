"""Compare two variants of a dataset: which rows the second lacks, which it has more, and what they are. Memory stays bounded.

Keys of all rows go to the disk, parted by their first bits. Part by part both sides are sorted and counted against each other; the
rows without a partner are marked, and only these are read once more, for their hosts, words and creators.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from byleave.apply.counting import Names
from byleave.apply.row_keys import KeyMaker, Keys, Told, count_rows, read_rows, words_of
from byleave.apply.sources import Input
from byleave.apply.tally import most_first
from byleave.errors import ConflictError

ROWS_OF_A_PART = 1 << 21
"""Rows of both sides that are sorted at once, about: 24 bytes each."""
MOST_PARTS = 256
"""Parts are open files, and a process may have some thousand of them."""
MOST_NAMES = 100_000
"""Names of one sort that are kept; beyond it the rarest are dropped, and ``cut`` counts how often."""

SETTLED_ROWS = 1 << 20
"""Rows after which names are added up."""

Marks = npt.NDArray[np.bool_]
Progress = Callable[[str, int, int], None]
"""Told of each step: its name, rows done and rows in all."""

_RECORD = np.dtype([("key", np.uint64, 2), ("row", np.uint64)])


@dataclass(slots=True)
class Side:
    """What one variant has and the other has not.

    rows
        Rows without a partner.
    hosts, words, creators
        Of these rows, by how many of them (for words, by how often).
    """

    rows: int = 0
    hosts: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    creators: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Difference:
    """How two variants differ, as multisets of rows.

    before, after
        Rows of each.
    lost, gained
        What only the first has, and what only the second has.
    with_captions, with_creators
        Whether either variant has such a column.
    cut
        How many names were dropped, so that memory stays bounded.
    """

    before: int = 0
    after: int = 0
    lost: Side = field(default_factory=Side)
    gained: Side = field(default_factory=Side)
    with_captions: bool = False
    with_creators: bool = False
    cut: int = 0

    @property
    def shared(self) -> int:
        """Rows that both have."""
        return self.before - self.lost.rows


def compare(
    before: Input, after: Input, scratch: Path | None = None, progress: Progress | None = None
) -> Difference:
    """Compare two variants of a dataset.

    A row is the same where link (in its canonical form) and caption are; equal rows are told apart by their number alone. ``scratch`` is a
    folder with room for 25 bytes for each row of both.

    Raises
    ------
    FormatError
        If a file cannot be read.
    ConflictError
        If one changes meanwhile.
    """
    show = progress or _silent
    found, maker = Difference(), KeyMaker()
    total = count_rows(before) + count_rows(after)
    parts = 1
    while parts < MOST_PARTS and parts * ROWS_OF_A_PART < total:
        parts *= 2
    with tempfile.TemporaryDirectory(prefix="byleave-diff-", dir=scratch) as name:
        folder, done = Path(name), 0
        for place, source in enumerate((before, after)):
            with _Parts(folder, place, parts) as written:
                for rows in read_rows(source):
                    written.add(maker.keys(rows))
                    done += rows.batch.num_rows
                    show("read", done, total)
                    found.with_captions |= rows.captions is not None
                    found.with_creators |= rows.creators is not None
            if place == 0:
                found.before = written.rows
            else:
                found.after = written.rows
        marks = [
            _new_marks(folder / f"marks-{place}", size)
            for place, size in enumerate((found.before, found.after))
        ]
        for part in range(parts):
            _mark(_read_part(folder, 0, part), _read_part(folder, 1, part), marks)
            show("compare", part + 1, parts)
        for side, source, marked in ((found.lost, before, marks[0]), (found.gained, after, marks[1])):
            found.cut += _describe(side, source, marked, maker, show)
    return found


class _Parts:
    """The keys of one variant while they are written, parted by their first bits."""

    def __init__(self, folder: Path, place: int, parts: int) -> None:
        self.rows = 0
        self._paths = [_part_path(folder, place, part) for part in range(parts)]
        self._shift = np.uint64(64 - (parts.bit_length() - 1))
        self._stack = ExitStack()

    def __enter__(self) -> _Parts:
        self._files = [self._stack.enter_context(path.open("wb")) for path in self._paths]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, keys: Keys) -> None:
        """Write the keys of the next rows."""
        records = np.empty(len(keys), _RECORD)
        records["key"] = keys
        records["row"] = np.arange(self.rows, self.rows + len(keys))
        self.rows += len(keys)
        if len(self._files) == 1:
            self._files[0].write(records.tobytes())
            return
        owners = (keys[:, 0] >> self._shift).astype(np.int64)
        order = np.argsort(owners, kind="stable")
        ends = np.cumsum(np.bincount(owners, minlength=len(self._files)))
        for file, chosen in zip(self._files, np.split(order, ends[:-1]), strict=True):
            file.write(records[chosen].tobytes())


def _part_path(folder: Path, place: int, part: int) -> Path:
    return folder / f"keys-{place}-{part:03d}"


def _read_part(folder: Path, place: int, part: int) -> npt.NDArray[np.void]:
    path = _part_path(folder, place, part)
    records = np.fromfile(path, _RECORD)
    path.unlink()
    return records


def _new_marks(path: Path, size: int) -> Marks:
    return np.memmap(path, np.bool_, "w+", shape=(size,)) if size else np.zeros(0, np.bool_)


def _mark(before: npt.NDArray[np.void], after: npt.NDArray[np.void], marks: list[Marks]) -> None:
    """Mark the rows of one part that have no partner: of equal rows those that come last."""
    records = np.concatenate([before, after])
    sides = np.repeat([0, 1], [len(before), len(after)])
    order = np.lexsort((records["row"], sides, records["key"][:, 1], records["key"][:, 0]))
    keys, sides, rows = records["key"][order], sides[order], records["row"][order].astype(np.int64)
    if not len(keys):
        return
    begins = np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))
    lengths = np.diff([*begins, len(keys)])
    of_after = np.add.reduceat(sides, begins)
    of_before = np.repeat(lengths - of_after, lengths)
    of_after = np.repeat(of_after, lengths)
    places = np.arange(len(keys)) - np.repeat(begins, lengths)
    lost = (sides == 0) & (places >= of_after)
    gained = (sides == 1) & (places - of_before >= of_before)
    marks[0][rows[lost]] = True
    marks[1][rows[gained]] = True


def _describe(side: Side, source: Input, marked: Marks, maker: KeyMaker, show: Progress) -> int:
    """Count hosts, words and creators of the marked rows; return how many names were dropped."""
    seen = {name: Names() for name in ("hosts", "words", "creators")}
    cut, settled = 0, 0
    for rows in _marked_rows(source, marked, show):
        side.rows += rows.batch.num_rows
        seen["hosts"].add(maker.hosts(rows))
        if rows.captions is not None:
            seen["words"].add(words_of(rows.captions))
        if rows.creators is not None:
            seen["creators"].add(rows.creators.filter(rows.creators.is_valid()))
        if side.rows - settled >= SETTLED_ROWS:
            cut, settled = cut + _settle(side, seen), side.rows
    return cut + _settle(side, seen)


def _settle(side: Side, seen: dict[str, Names]) -> int:
    cut = 0
    for name, names in seen.items():
        counts, fewer = names.take(getattr(side, name), MOST_NAMES)
        setattr(side, name, counts)
        cut += fewer
    return cut


def _marked_rows(source: Input, marked: Marks, show: Progress) -> Iterator[Told]:
    first = 0
    for rows in read_rows(source):
        size = rows.batch.num_rows
        wanted = np.asarray(marked[first : first + size])
        first += size
        if len(wanted) != size:
            break
        if wanted.any():
            yield rows.filter(wanted)
        show("describe", first, len(marked))
    if first != len(marked):
        raise ConflictError("a variant changed while it was read", remedy="run the same command again")


def shown(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    """Return the most frequent names, in one order wherever it is asked for."""
    return most_first(counts, most)


def _silent(step: str, done: int, total: int) -> None:
    """Show nothing."""
