"""The file that lists rows with their causes: written in row groups of a fair size, however few rows come at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.causes import CODED_SCHEMA, CODED_WORDS

if TYPE_CHECKING:
    from byleave.apply.matching import Matched
    from byleave.apply.noting import KeptNotes
    from byleave.apply.tables import Ints

ROWS_OF_A_GROUP = 131_072
FASTEST = -20
"""Level of compression: ids, which are as good as drawn, are left as they are."""
_CODED = ["file", *(f"causes.list.element.{name}" for name in CODED_WORDS)]
"""Columns in which a few values return all the time; the others would only be slower with a dictionary."""
_OFTEN = "causes.list.element.reference"
"""Claims return where many rows name the same ones, and hardly ever otherwise. Then their dictionary is soon full, and given up at no cost."""
_DICTIONARY_BYTES = 16_384
_ORDERED = ["file", "row"]
"""Columns by which somebody may look for rows; least and greatest values of the others would say nothing, and cost a third of the writing."""


class ListFile:
    """Takes rows of ``CODED_SCHEMA`` and writes them as ``REMOVED_SCHEMA``, as they fill row groups; as context manager it closes the file.

    With ``notes`` it also takes the rows that stay, for :mod:`byleave.apply.binding`.
    """

    def __init__(self, path: Path, notes: KeptNotes | None = None) -> None:
        self._notes = notes
        self._writer = pq.ParquetWriter(
            path,
            CODED_SCHEMA,
            compression="zstd",
            compression_level=FASTEST,
            use_dictionary=[*_CODED, _OFTEN],
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
            column_encoding={"row": "DELTA_BINARY_PACKED"},
            write_statistics=_ORDERED,
            # Readers see text: the dictionaries in memory are no matter of theirs.
            store_schema=False,
        )
        self._held: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()
            if self._notes is not None:
                self._notes.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self._held.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROWS_OF_A_GROUP:
            self._flush()

    def keep(self, matched: Matched, stays: npt.NDArray[np.bool_]) -> None:
        """Note those of the ``n`` rows of a batch that stay, bool (n,), if that is wanted."""
        if self._notes is not None:
            self._notes.add(matched, stays)

    def _flush(self) -> None:
        if self._held:
            # Every part brings dictionaries of its own; unlike ones would be given up for plain text.
            table = pa.Table.from_batches(self._held, CODED_SCHEMA).unify_dictionaries()
            self._writer.write_table(table, row_group_size=max(1, self._rows))
        self._held, self._rows = [], 0


def listed_rows(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows that a :class:`ListFile` wrote, as it takes them."""
    with pq.ParquetFile(path, read_dictionary=_CODED) as file:
        for batch in file.iter_batches(use_threads=False):
            yield batch if batch.schema.equals(CODED_SCHEMA) else batch.cast(CODED_SCHEMA)


def rows_listed(path: Path) -> Ints:
    """Return the places of all rows of the list of one shard, int64 (n,), in the order of the list."""
    rows = pq.read_table(path, columns=["row"], use_threads=False).column(0)
    places: Ints = rows.to_numpy()
    return places
