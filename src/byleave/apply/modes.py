"""What becomes of the rows of one file, by mode: a mask alone, all rows with what was decided, or the rows that stay."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self, assert_never

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.causes import CAUSES_TYPE, spread_causes
from byleave.apply.dictionaries import dictionaries_of
from byleave.apply.inputs import Columns, damaged, open_parquet
from byleave.apply.judging import Flags
from byleave.apply.pages.adding import ColumnAdder
from byleave.apply.pages.compact import malformed
from byleave.apply.pages.file import PageReader
from byleave.apply.pages.rewriter import PageRewriter
from byleave.apply.pages.values import Texts
from byleave.apply.rewriting import BATCH_ROWS, Rewriter, batches, codec_of
from byleave.errors import FormatError, InputError

KEEP_COLUMN = "byleave_keep"
CAUSES_COLUMN = "byleave_causes"
ADDED = pa.schema(
    [
        pa.field(KEEP_COLUMN, pa.bool_(), nullable=False),
        pa.field(CAUSES_COLUMN, CAUSES_TYPE, nullable=False),
    ]
)
"""What ``annotate`` adds."""


class Mode(StrEnum):
    """How the answer is given, the cheapest first.

    ``mask`` lists positions of rows and writes no data; ``annotate`` writes all rows with two more columns; ``filter`` writes the rows
    that stay.
    """

    MASK = "mask"
    ANNOTATE = "annotate"
    FILTER = "filter"


class Outcome(Protocol):
    """Gives the rows of one file, batch by batch, and takes what was decided about them."""

    def batches(self, row_group: int) -> Iterator[pa.RecordBatch]:
        """Yield a row group in bounded batches, with the columns that decide at least."""

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:
        """Take a batch: which rows stay, which are listed, and the causes of each of the latter (``None`` if there are none)."""

    def end_row_group(self) -> None:
        """Take note that a row group of the source is done."""

    def close(self) -> None:
        """Write the rest."""

    def abandon(self) -> None:
        """Give up after a fault."""


def outcome_of(mode: Mode, source: pq.ParquetFile, columns: Columns, read: Path, path: Path) -> Outcome:
    """Open what a mode writes to ``path`` for one file, ``source``, that stands at ``read``.

    Raises
    ------
    FormatError
        If the file cannot be opened once more, or columns cannot be added to it.
    InputError
        If the file has a column that ``annotate`` would add.
    """
    match mode:
        case Mode.MASK:
            return _Masked(source, columns, read)
        case Mode.ANNOTATE:
            return _Annotated(source, columns, read, path)
        case Mode.FILTER:
            return _Paged.open(source, columns, read, path) or _Filtered(source, columns, read, path)
        case _:
            assert_never(mode)


class _Deciding:
    """Reads the columns that decide; links from pages, where these say them plainly, with what reads texts of one column of a row group."""

    def __init__(
        self, source: pq.ParquetFile, columns: Columns, texts: Callable[[int, str], Texts | None]
    ) -> None:
        self._source = source
        self._columns = columns
        self._texts = texts

    def batches(self, row_group: int) -> Iterator[pa.RecordBatch]:
        """Yield a row group in bounded batches."""
        links = self._links(row_group)
        if links is None:
            yield from batches(self._source, row_group, self._columns.names())
            return
        others = [name for name in self._columns.names() if name != self._columns.link]
        read = batches(self._source, row_group, others) if others else iter(())
        for first in range(0, len(links), BATCH_ROWS):
            batch = {self._columns.link: links.slice(first, BATCH_ROWS)}
            if others:
                further = next(read)
                batch |= {name: further.column(name) for name in others}
            yield pa.record_batch(batch)

    def _links(self, row_group: int) -> pa.Array | None:
        name = self._columns.link
        if name is None:
            return None
        kind = self._source.schema_arrow.field(name).type
        texts = self._texts(row_group, name) if kind in (pa.string(), pa.binary()) else None
        if texts is None:
            return None
        content, ends = texts
        return pa.Array.from_buffers(kind, len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(content)])


class _Masked:
    """Writes nothing: the list of rows says it all."""

    def __init__(self, source: pq.ParquetFile, columns: Columns, read: Path) -> None:
        reader = PageReader.open(read)
        self._close = reader.close if reader is not None else None
        self.batches = _Deciding(source, columns, reader.texts if reader is not None else _no_texts).batches

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:
        """Leave the batch alone."""

    def end_row_group(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Close what the pages were read from."""
        if self._close is not None:
            self._close()

    def abandon(self) -> None:
        """Give up after a fault."""
        self.close()


def _no_texts(row_group: int, name: str) -> None:
    """Leave every column to Arrow."""


class _Paged:
    """Takes rows out of the pages of the file, which is copied as it stands if none goes. Columns that do not decide are never decoded."""

    def __init__(self, source: pq.ParquetFile, columns: Columns, rewriter: PageRewriter) -> None:
        self.batches = _Deciding(source, columns, rewriter.texts).batches
        self._rewriter = rewriter
        self._row_group = 0
        self._stays: list[Flags] = []
        self.abandon = rewriter.abandon

    @classmethod
    def open(cls, source: pq.ParquetFile, columns: Columns, read: Path, path: Path) -> Self | None:
        """Open it; ``None`` if the file holds something that must be decoded."""
        rewriter = PageRewriter.open(read, path)
        return cls(source, columns, rewriter) if rewriter is not None else None

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:  # noqa: ARG002 - as the protocol says
        """Take note of the rows that stay."""
        self._stays.append(stays)

    def end_row_group(self) -> None:
        """Write the rows that stay of a row group."""
        self._rewriter.write(self._row_group, np.concatenate([np.zeros(0, np.bool_), *self._stays]))
        self._row_group, self._stays = self._row_group + 1, []

    def close(self) -> None:
        """Write the metadata, or the file."""
        self._rewriter.close()


class _Filtered:
    """Writes the rows that stay anew, with all before them, once one goes; a file that loses none is copied as it stands.

    Columns that do not decide are read as dictionaries where the file has them so.
    """

    def __init__(self, source: pq.ParquetFile, columns: Columns, read: Path, path: Path) -> None:
        encoded = dictionaries_of(source, but=columns.names())
        self._deciding, self._columns = source, columns
        self._source = open_parquet(read, dictionaries=encoded) if encoded else source
        self._read, self._path = read, path
        self._rewriter: Rewriter | None = None
        self._row_group = 0
        self._stays: list[Flags] = []

    def batches(self, row_group: int) -> Iterator[pa.RecordBatch]:
        """Read all columns, or those that decide as long as nothing went."""
        if self._rewriter is None:
            return batches(self._deciding, row_group, self._columns.names())
        return batches(self._source, row_group)

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:  # noqa: ARG002 - as the protocol says
        """Write the rows that stay, or take note of them."""
        if self._rewriter is None:
            self._stays.append(stays)
        else:
            self._rewriter.add(batch if stays.all() else batch.filter(pa.array(stays)))

    def end_row_group(self) -> None:
        """Write a row group, if one has lost rows."""
        if self._rewriter is not None:
            self._rewriter.end_row_group()
            return
        stays = np.concatenate([np.zeros(0, np.bool_), *self._stays])
        self._check_rows(len(stays))
        if not stays.all():
            self._rewriter = Rewriter(self._deciding, self._path, self._source.schema_arrow)
            self._write_so_far(self._rewriter, stays)
        self._row_group, self._stays = self._row_group + 1, []

    def _check_rows(self, rows: int) -> None:
        """Refuse a row group with rows that were not read, since its file may be copied."""
        group, schema = self._deciding.metadata.row_group(self._row_group), self._deciding.schema
        flat = [n for n in range(group.num_columns) if not schema.column(n).max_repetition_level]
        if {group.num_rows, *(group.column(n).num_values for n in flat)} != {rows}:
            raise damaged(self._read, malformed("a row group has other rows than it says"))

    def _write_so_far(self, rewriter: Rewriter, stays: Flags) -> None:
        """Write the row groups that lost nothing, and this one less the rows that go."""
        for group in range(self._row_group):
            for batch in batches(self._source, group):
                rewriter.add(batch)
            rewriter.end_row_group()
        row = 0
        for batch in batches(self._source, self._row_group):
            rewriter.add(batch.filter(pa.array(stays[row : row + batch.num_rows])))
            row += batch.num_rows
        rewriter.end_row_group()

    def close(self) -> None:
        """Write the rest."""
        if self._rewriter is not None:
            self._rewriter.close()
        else:
            shutil.copyfile(self._read, self._path)
        self._source.close()

    def abandon(self) -> None:
        """Give up after a fault."""
        if self._rewriter is not None:
            self._rewriter.abandon()
        self._source.close()


class _Annotated:
    """Puts two columns behind those of the file, whose pages are copied as they stand."""

    def __init__(self, source: pq.ParquetFile, columns: Columns, read: Path, path: Path) -> None:
        for name in ADDED.names:
            if name in source.schema_arrow.names:
                raise InputError(
                    f"{read.name} has a column {name} already",
                    remedy="give the dataset as it was before it was annotated",
                )
        reader = PageReader.open(read)
        if reader is None:
            raise FormatError(
                f"no columns can be added to {read.name}: its metadata are too large, or of a form that is not known",
                remedy="use --mode mask, which says the same beside the dataset, or --mode filter",
            )
        self._adder = ColumnAdder(reader, path, ADDED, codec_of(source))
        self._row_group = 0
        self._told: list[pa.RecordBatch] = []
        self.batches = _Deciding(source, columns, reader.texts).batches
        self.close, self.abandon = self._adder.close, self._adder.abandon

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:  # noqa: ARG002 - as the protocol says
        """Take note of what was decided and why."""
        told = spread_causes(listed, pa.array([], CAUSES_TYPE) if causes is None else causes)
        self._told.append(pa.record_batch([pa.array(stays), told], schema=ADDED))

    def end_row_group(self) -> None:
        """Write a row group, with what was decided about its rows."""
        self._adder.write(self._row_group, pa.Table.from_batches(self._told, ADDED))
        self._row_group, self._told = self._row_group + 1, []
