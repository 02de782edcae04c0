"""What becomes of the rows of one file, by mode: a mask alone, all rows with what was decided, or the rows that stay."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol, assert_never

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.causes import CAUSE_TYPE, CAUSES_TYPE, spread_causes
from byleave.apply.inputs import Columns
from byleave.apply.judging import Flags
from byleave.apply.rewriting import Rewriter
from byleave.errors import InputError

KEEP_COLUMN = "byleave_keep"
CAUSES_COLUMN = "byleave_causes"
ADDED_LEAVES = (KEEP_COLUMN, *(f"{CAUSES_COLUMN}.list.element.{field.name}" for field in CAUSE_TYPE))


class Mode(StrEnum):
    """How the answer is given, the cheapest first.

    ``mask`` lists positions of rows and writes no data; ``annotate`` writes all rows with two more columns; ``filter`` writes the rows
    that stay.
    """

    MASK = "mask"
    ANNOTATE = "annotate"
    FILTER = "filter"


class Outcome(Protocol):
    """Takes the decided rows of one file, batch by batch. ``columns`` names those that batches must have; ``None`` for all."""

    columns: Sequence[str] | None

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:
        """Take a batch: which rows stay, which are listed, and the causes of each of the latter (``None`` if there are none)."""

    def end_row_group(self) -> None:
        """Take note that a row group of the source is done."""

    def close(self) -> None:
        """Write the rest."""

    def abandon(self) -> None:
        """Give up after a fault."""


def outcome_of(mode: Mode, source: pq.ParquetFile, columns: Columns, path: Path) -> Outcome:
    """Open what a mode writes for one file.

    Raises
    ------
    InputError
        If the file has a column that ``annotate`` would add.
    """
    match mode:
        case Mode.MASK:
            return _Masked(columns)
        case Mode.ANNOTATE:
            return _Annotated(source, path)
        case Mode.FILTER:
            return _Filtered(source, path)
        case _:
            assert_never(mode)


class _Masked:
    """Writes nothing: the list of rows says it all."""

    def __init__(self, columns: Columns) -> None:
        self.columns: Sequence[str] | None = columns.names()

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:
        """Leave the batch alone."""

    def end_row_group(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""

    def abandon(self) -> None:
        """Nothing is open."""


class _Filtered:
    columns: Sequence[str] | None = None

    def __init__(self, source: pq.ParquetFile, path: Path) -> None:
        self._rewriter = Rewriter(source, path, source.schema_arrow)
        self.end_row_group = self._rewriter.end_row_group
        self.close = self._rewriter.close
        self.abandon = self._rewriter.abandon

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:  # noqa: ARG002 - as the protocol says
        """Write the rows that stay."""
        self._rewriter.add(batch if stays.all() else batch.filter(pa.array(stays)))


class _Annotated:
    columns: Sequence[str] | None = None

    def __init__(self, source: pq.ParquetFile, path: Path) -> None:
        schema = source.schema_arrow
        for name in (KEEP_COLUMN, CAUSES_COLUMN):
            if name in schema.names:
                raise InputError(
                    f"a file of the input has a column {name} already",
                    remedy="give the dataset as it was before it was annotated",
                )
        schema = schema.append(pa.field(KEEP_COLUMN, pa.bool_(), nullable=False))
        self._schema = schema.append(pa.field(CAUSES_COLUMN, CAUSES_TYPE, nullable=False))
        self._rewriter = Rewriter(source, path, self._schema, ADDED_LEAVES)
        self.end_row_group = self._rewriter.end_row_group
        self.close = self._rewriter.close
        self.abandon = self._rewriter.abandon

    def add(self, batch: pa.RecordBatch, stays: Flags, listed: Flags, causes: pa.Array | None) -> None:
        """Write all rows, with what was decided and why."""
        told = spread_causes(listed, pa.array([], CAUSES_TYPE) if causes is None else causes)
        self._rewriter.add(pa.record_batch([*batch.columns, pa.array(stays), told], schema=self._schema))
