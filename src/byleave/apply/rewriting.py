"""Write a Parquet file anew with fewer rows, keeping what the file says about itself.

Kept: columns, their order, types and nullability, schema metadata, row order, row groups (less the rows taken out), codec and
dictionary encoding per column, the format version, INT96 timestamps, and whether an Arrow schema is stored. Not kept, since Parquet does
not tell or Arrow does not write it: the compression level (the codec's default is used), page sizes, Bloom filters, encryption.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 32_768
"""Rows decided and filtered together: more of them would not stay in the processor's cache between one step and the next."""
MOST_BYTES = 256 * 1024 * 1024
"""Rows of one row group are held back up to here, so that memory stays bounded whatever the row groups of the input."""


class Rewriter:
    """Takes the rows that stay, batch by batch, and writes them in row groups like those of the source."""

    def __init__(
        self, source: pq.ParquetFile, path: Path, schema: pa.Schema, added: Sequence[str] = ()
    ) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, self._schema, **writer_options(source, added))
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
            table = pa.Table.from_batches(self._held, self._schema)
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


def writer_options(source: pq.ParquetFile, added: Sequence[str] = ()) -> dict[str, Any]:
    """Return the options under which ``ParquetWriter`` writes a file like ``source``.

    ``added`` names columns, as paths of their leaves, that ``source`` lacks: they are compressed as its first one and may have dictionaries.
    """
    metadata = source.metadata
    options: dict[str, Any] = {
        "version": "1.0" if metadata.format_version == "1.0" else "2.6",
        "store_schema": b"ARROW:schema" in (metadata.metadata or {}),
        "use_dictionary": False,
        "compression": "NONE",
    }
    if metadata.num_row_groups == 0:
        return options | {"use_dictionary": True, "compression": "snappy"}
    group = metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    options["compression"] = {c.path_in_schema: _codec(c.compression) for c in columns}
    options["compression"] |= dict.fromkeys(added, _codec(columns[0].compression))
    encoded = [c.path_in_schema for c in columns if any("DICTIONARY" in e for e in c.encodings)]
    if encoded or added:
        options["use_dictionary"] = [*encoded, *added]
    if any(c.physical_type == "INT96" for c in columns):
        options["use_deprecated_int96_timestamps"] = True
    return options


def _codec(name: str) -> str:
    return {"UNCOMPRESSED": "NONE", "LZ4_RAW": "LZ4"}.get(name, name)
