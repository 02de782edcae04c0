"""Write a Parquet file anew with fewer rows, keeping what the file says about itself.

Kept: columns, their order, types and nullability, schema metadata, row order, row groups (less the rows taken out), codec and
dictionary encoding per column, the format version, INT96 timestamps, and whether an Arrow schema is stored. Not kept, since Parquet does
not tell or Arrow does not write it: the compression level (the codec's default is used), page sizes, Bloom filters, encryption.

Columns of text that are dictionaries in the file go through as such, which spares spelling out and finding again the same few words. A dictionary
written holds no value that only rows taken out had.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.dictionaries import spelled_out, without_unused
from byleave.apply.pages.footer import ARROW_SCHEMA

BATCH_ROWS = 65_536
"""Rows decided and filtered together: fewer cost more for each in fixed work, more win nothing and take more memory."""
MOST_BYTES = 256 * 1024 * 1024
"""Rows of one row group are held back up to here, so that memory stays bounded whatever the row groups of the input."""


class Rewriter:
    """Takes the rows that stay, batch by batch, and writes them in row groups like those of the source.

    Parameters
    ----------
    schema
        Of the batches: that of ``source``, where columns of text may be dictionaries.
    """

    def __init__(self, source: pq.ParquetFile, path: Path, schema: pa.Schema) -> None:
        options = writer_options(source)
        told = source.schema_arrow
        self._given = schema
        fields = [f if pa.types.is_dictionary(f.type) else f.with_type(spelled_out(f.type)) for f in schema]
        self._schema = pa.schema(fields, schema.metadata)
        stored = None
        if options["store_schema"] and told != self._schema:
            options["store_schema"] = False  # which stores no metadata at all
            stored = (told.metadata or {}) | {ARROW_SCHEMA: base64.b64encode(told.serialize())}
        self._encoded = [n for n, field in enumerate(schema) if pa.types.is_dictionary(field.type)]
        self._writer = pq.ParquetWriter(path, self._schema, **options)
        if stored:
            self._writer.add_key_value_metadata(stored)
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows that stay."""
        if batch.num_rows == 0:
            return
        self._held.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= MOST_BYTES:
            self.end_row_group()

    def end_row_group(self) -> None:
        """Write what was added as one row group."""
        if self._held:
            table = pa.Table.from_batches(self._held, self._given)
            for number in self._encoded:
                column = without_unused(table.column(number))
                table = table.set_column(number, self._given.field(number), column)
            if self._schema != self._given:
                table = table.cast(self._schema)
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._held, self._bytes = [], 0

    def close(self) -> None:
        """Write the rest and the footer."""
        self.end_row_group()
        self._writer.close()

    def abandon(self) -> None:
        """Close the file after a fault; what stands in it is of no use."""
        self._writer.close()


def batches(
    source: pq.ParquetFile, row_group: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield a row group, or some columns of it, in bounded batches."""
    groups, names = [row_group], list(columns) if columns is not None else None
    return iter(source.iter_batches(BATCH_ROWS, row_groups=groups, columns=names, use_threads=False))


def writer_options(source: pq.ParquetFile) -> dict[str, Any]:
    """Return the options under which ``ParquetWriter`` writes a file like ``source``."""
    metadata = source.metadata
    options: dict[str, Any] = {
        "version": "1.0" if metadata.format_version == "1.0" else "2.6",
        "store_schema": ARROW_SCHEMA in (metadata.metadata or {}),
        "use_dictionary": False,
        "compression": "NONE",
    }
    if metadata.num_row_groups == 0:
        return options | {"use_dictionary": True, "compression": codec_of(source)}
    group = metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    options["compression"] = {c.path_in_schema: _codec(c.compression) for c in columns}
    encoded = [c.path_in_schema for c in columns if any("DICTIONARY" in e for e in c.encodings)]
    if encoded:
        options["use_dictionary"] = encoded
    if any(c.physical_type == "INT96" for c in columns):
        options["use_deprecated_int96_timestamps"] = True
    return options


def codec_of(source: pq.ParquetFile) -> str:
    """Return how the first column is compressed; ``snappy``, as Arrow would, where there are no rows."""
    metadata = source.metadata
    return _codec(metadata.row_group(0).column(0).compression) if metadata.num_row_groups else "snappy"


def _codec(name: str) -> str:
    return {"UNCOMPRESSED": "NONE", "LZ4_RAW": "LZ4"}.get(name, name)
