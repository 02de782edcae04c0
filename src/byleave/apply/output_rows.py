"""The rows of an output as they stand in its files, with the fingerprints that it states beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from byleave.apply.forms.units import DECIDING, Unit
from byleave.apply.inputs import Columns, InputFile, columns_of, open_parquet
from byleave.apply.matching import Matched, Matcher, read_digests
from byleave.apply.sidecars.file import SIDECAR_FOLDER, sidecar_name
from byleave.apply.sidecars.seeing import Fitting, Seeing, Sidecars, open_sidecars
from byleave.apply.sidecars.seen import Seen, Stated
from byleave.apply.sources import Input, found_below
from byleave.apply.values import PartTree
from byleave.errors import VerificationError
from byleave.fingerprints import PictureFingerprint
from byleave.release.items import ItemRow
from byleave.release.openings import Opened, OpenedPicture
from byleave.storage.outputs import MOST_NOTE_BYTES, OUTPUT_NOTE, Written, file_digest, read_output_note
from byleave.storage.reading import read_at_most

_AS_WRITTEN = "name the output as it was written, whole"


@dataclass(frozen=True, slots=True)
class StandingRows:
    """Some rows of one part: what decides about them, and what stands beside them, if anything does."""

    batch: pa.RecordBatch
    columns: Columns
    seen: Seen | None

    def match(self, matcher: Matcher) -> Matched:
        """Match them."""
        link = self.batch.column(self.columns.link) if self.columns.link else None
        digest = self.batch.column(self.columns.digest) if self.columns.digest else None
        return matcher.match(link, digest, self.batch.num_rows, self.seen)

    def stated(self) -> Stated | None:
        """Return the digests that they state, if there is a column of them."""
        if self.columns.digest is None:
            return None
        values, known, _ = read_digests(self.batch.column(self.columns.digest))
        return Stated(values, known)


class OutputRows:
    """The rows of an output, part by part.

    Raises
    ------
    VerificationError
        If fingerprints that its note names are missing, are others, or were made of other files.
    """

    def __init__(self, folder: Path) -> None:
        self.found: Input = found_below([folder])
        self._sidecars = _stated(folder, self.found)

    def count(self) -> int:
        """Count them."""
        return sum(map(_rows_in, self.found.parts))

    def parts(self, *, digests: bool) -> Iterator[tuple[str, Iterator[StandingRows]]]:
        """Yield each part's name and rows; with ``digests``, files at hand are hashed where no digest is stated."""
        for part in self.found.parts:
            seeing = self._sidecars.beside(part.name) if self._sidecars is not None else Seeing(None)
            yield part.name, _rows_of(part, seeing, digests=digests)

    def at(
        self, rows: Mapping[int, ItemRow], *, digests: bool, trees: Mapping[int, PartTree] | None = None
    ) -> Iterator[tuple[int, Opened]]:
        """Yield what stands at some rows, by the keys of ``rows``; each part is read once.

        ``trees`` take what all rows of their parts state, by the places of the parts.

        Raises
        ------
        VerificationError
            If a part has fewer rows.
        """
        by_part: dict[int, dict[int, int]] = {}
        for place, row in rows.items():
            by_part.setdefault(row.part, {})[row.row] = place
        for at, (name, standing) in enumerate(self.parts(digests=digests)):
            wanted = by_part.pop(at, {})
            if wanted:
                tree = trees.get(at) if trees is not None else None
                yield from _picked(name, standing if tree is None else _taken(standing, tree), wanted)
        if by_part:
            raise VerificationError("the output has fewer parts than were bound", remedy=_AS_WRITTEN)


def _stated(folder: Path, found: Input) -> Sidecars | None:
    """Open the fingerprints that the note on an output names; what somebody made beside it later is none of its own."""
    path = folder / OUTPUT_NOTE
    if not path.is_file():
        return None
    content = read_at_most(path, MOST_NOTE_BYTES, remedy=_AS_WRITTEN)
    note = {file.name: file for file in read_output_note(content, str(path))}
    stated = [part for part in found.parts if _sidecar_of(part) in note]
    for part in stated:
        _check(folder, note[_sidecar_of(part)])
    if not stated:
        return None
    rows = {part.name: _rows_in(part) for part in stated}
    digests = {name: file.sha256 for name, file in note.items()}
    return open_sidecars(folder / SIDECAR_FOLDER, stated, Fitting(rows, digests))


def _sidecar_of(part: InputFile | Unit) -> str:
    return f"{SIDECAR_FOLDER}/{sidecar_name(part.name)}"


def _check(folder: Path, file: Written) -> None:
    path = folder / file.name
    if not path.is_file() or file_digest(path) != file.sha256:
        raise VerificationError(
            f"{path} is not there, or not the file that the run wrote", remedy=_AS_WRITTEN
        )


def _rows_in(part: InputFile | Unit) -> int:
    if isinstance(part, InputFile):
        with open_parquet(part.path) as file:
            return int(file.metadata.num_rows)
    return part.count()


def _rows_of(part: InputFile | Unit, seeing: Seeing, *, digests: bool) -> Iterator[StandingRows]:
    if not isinstance(part, InputFile):
        for rows in part.rows(digests=digests):
            yield StandingRows(rows.batch, DECIDING, seeing.take(rows.batch.num_rows))
        return
    with open_parquet(part.path) as file:
        columns = columns_of(file.schema_arrow, part.name, required=seeing.path is None)
        for batch in file.iter_batches(columns=columns.names(), use_threads=False):
            yield StandingRows(batch, columns, seeing.take(batch.num_rows))


def _taken(standing: Iterable[StandingRows], tree: PartTree) -> Iterator[StandingRows]:
    for rows in standing:
        tree.add(rows.stated(), rows.seen, np.ones(rows.batch.num_rows, bool))
        yield rows


def _picked(
    name: str, standing: Iterable[StandingRows], wanted: Mapping[int, int]
) -> Iterator[tuple[int, Opened]]:
    first, found = 0, 0
    for rows in standing:
        size = rows.batch.num_rows
        inside = [row for row in wanted if first <= row < first + size]
        for row in inside:
            yield wanted[row], _opened(wanted[row], name, rows, row - first)
        first, found = first + size, found + len(inside)
    if found < len(wanted):
        raise VerificationError(f"{name} has fewer rows than were bound", remedy=_AS_WRITTEN)


def _opened(place: int, name: str, rows: StandingRows, at: int) -> Opened:
    link, digest = _said(rows.batch.slice(at, 1), rows.columns)
    return Opened(place, name, link, digest, _picture(rows.seen, at) if rows.seen is not None else None)


def _said(row: pa.RecordBatch, columns: Columns) -> tuple[str | None, bytes | None]:
    link = row.column(columns.link)[0].as_py() if columns.link else None
    if isinstance(link, bytes):
        link = link.decode("utf-8", "replace")
    if columns.digest is None:
        return link, None
    values, known, _ = read_digests(row.column(columns.digest))
    return link, values[0].tobytes() if known[0] else None


def _picture(seen: Seen, at: int) -> OpenedPicture:
    plain, trimmed = seen.plain[at].tobytes(), seen.trimmed[at].tobytes()
    return OpenedPicture(
        digest=seen.digests[at].tobytes() if seen.with_digest[at] else None,
        fingerprint=PictureFingerprint(plain, trimmed, int(seen.quality[at]))
        if seen.with_print[at]
        else None,
        reason=seen.reasons[at].as_py(),
    )
