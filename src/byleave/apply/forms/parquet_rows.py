"""The Parquet file beside other files: its deciding columns, and the file again with the rows that stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from byleave.apply.forms.units import Rows, batch_of, check_length, place_for
from byleave.apply.inputs import Columns, InputFile, columns_of, open_parquet, reading_parquet
from byleave.apply.judging import Flags
from byleave.apply.matching import is_textual
from byleave.apply.modes import Mode, outcome_of


def parquet_count(file: InputFile) -> int:
    """How many rows the footer says there are."""
    with open_parquet(file.path) as opened:
        return int(opened.metadata.num_rows)


def parquet_columns(file: InputFile, *names: str) -> Iterator[pa.RecordBatch]:
    """Yield some columns in bounded batches."""
    with reading_parquet(file.path), open_parquet(file.path) as opened:
        yield from opened.iter_batches(columns=list(names), use_threads=False)


def parquet_rows(file: InputFile) -> Iterator[Rows]:
    """Yield links and digests.

    Raises
    ------
    FormatError
        If the file cannot be read or has neither.
    """
    with open_parquet(file.path) as opened:
        columns = columns_of(opened.schema_arrow, file.name)
    yield from rows_of(file.name, parquet_columns(file, *columns.names()), columns)


def rows_of(name: str, batches: Iterable[pa.RecordBatch], columns: Columns) -> Iterator[Rows]:
    """Yield links and digests of batches that follow one another in what has this name."""
    first = 0
    for batch in batches:
        absent: list[bytes | None] = [None] * batch.num_rows
        links = bytes_of(batch.column(columns.link)) if columns.link else absent
        digests = bytes_of(batch.column(columns.digest)) if columns.digest else absent
        yield Rows(name, first, batch_of(links, digests))
        first += batch.num_rows


def write_parquet(file: InputFile, stays: Flags, out: Path) -> None:
    """Write the rows that stay, with all else as it was."""
    with reading_parquet(file.path), open_parquet(file.path) as opened:
        check_length(stays, int(opened.metadata.num_rows), file.name)
        outcome, row = (
            outcome_of(Mode.FILTER, opened, Columns(None, None), file.path, place_for(file, out)),
            0,
        )
        try:
            for group in range(opened.metadata.num_row_groups):
                for batch in outcome.batches(group):
                    kept = stays[row : row + batch.num_rows]
                    outcome.add(batch, kept, ~kept, None)
                    row += batch.num_rows
                outcome.end_row_group()
            outcome.close()
        except BaseException:
            outcome.abandon()
            raise


def bytes_of(column: pa.Array) -> list[bytes | None]:
    """Return the values of a column of text or bytes as bytes, whether or not they are Unicode."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if is_textual(column.type) and not pa.types.is_large_binary(column.type):
        column = column.cast(pa.large_binary())
    values: list[bytes | None] = column.to_pylist()
    return values
