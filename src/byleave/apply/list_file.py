"""The file that lists rows with their causes: written in row groups of a fair size, however few rows come at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.causes import CODED_SCHEMA, CODED_WORDS

ROWS_OF_A_GROUP = 131_072
_CODED = ["file", *(f"causes.list.element.{name}" for name in CODED_WORDS)]
"""Columns in which a few values return all the time; the others would only be slower with a dictionary."""
_ORDERED = ["file", "row"]
"""Columns by which somebody may look for rows; least and greatest values of the others would say nothing, and cost a third of the writing."""


class ListFile:
    """Takes rows of ``CODED_SCHEMA`` and writes them as ``REMOVED_SCHEMA``, as they fill row groups; as context manager it closes the file.

    With ``items`` it also takes the item ids of rows that stay, for :mod:`byleave.apply.binding`, and writes them beside it.
    """

    def __init__(self, path: Path, *, items: bool = False) -> None:
        self._items = items_beside(path).open("wb") if items else None
        self._writer = pq.ParquetWriter(
            path,
            CODED_SCHEMA,
            compression="zstd",
            use_dictionary=_CODED,
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
            if self._items is not None:
                self._items.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self._held.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROWS_OF_A_GROUP:
            self._flush()

    def keep(self, items: npt.NDArray[np.uint8], stays: npt.NDArray[np.bool_]) -> None:
        """Note the item ids, uint8 (n, 16), of those rows that stay, bool (n,), if that is wanted."""
        if self._items is not None:
            whole = np.ascontiguousarray(items).view("V16").ravel()
            self._items.write(whole[stays].data)

    def _flush(self) -> None:
        if self._held:
            # Every part brings dictionaries of its own; unlike ones would be given up for plain text.
            table = pa.Table.from_batches(self._held, CODED_SCHEMA).unify_dictionaries()
            self._writer.write_table(table, row_group_size=max(1, self._rows))
        self._held, self._rows = [], 0


def items_beside(path: Path) -> Path:
    """Return where the item ids of rows that stay are written, beside the list of those that go."""
    return path.with_suffix(".items")


def listed_rows(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows that a :class:`ListFile` wrote, as it takes them."""
    with pq.ParquetFile(path, read_dictionary=_CODED) as file:
        for batch in file.iter_batches(use_threads=False):
            yield batch if batch.schema.equals(CODED_SCHEMA) else batch.cast(CODED_SCHEMA)
