"""Write a Parquet file anew with fewer rows, keeping what the file says about itself.

Kept: columns, their order, types and nullability, schema metadata, row order, row groups (less the rows taken out), codec and
dictionary encoding per column, the format version, INT96 timestamps, and whether an Arrow schema is stored. Not kept, since Parquet does
not tell or Arrow does not write it: the compression level (the codec's default is used), page sizes, Bloom filters, encryption.

Columns of text that are dictionaries in the file go through as such, which spares spelling out and finding again the same few words. A dictionary
written holds no value that only rows taken out had.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 32_768
"""Rows decided and filtered together: more of them would not stay in the processor's cache between one step and the next."""
MOST_BYTES = 256 * 1024 * 1024
"""Rows of one row group are held back up to here, so that memory stays bounded whatever the row groups of the input."""
MOST_DICTIONARY_BYTES = 65_536
"""Dictionaries up to this size, as compressed, are kept: a writer that found more values than fit went on without them."""
ARROW_SCHEMA = b"ARROW:schema"


class Rewriter:
    """Takes the rows that stay, batch by batch, and writes them in row groups like those of the source.

    Parameters
    ----------
    schema
        Of the batches, with the metadata that the file is to have.
    told
        The Arrow schema that the file is to name, where batches have dictionaries for columns of text; ``schema`` itself if left out.
    """

    def __init__(
        self,
        source: pq.ParquetFile,
        path: Path,
        schema: pa.Schema,
        added: Sequence[str] = (),
        told: pa.Schema | None = None,
    ) -> None:
        options = writer_options(source, added)
        told = schema if told is None else told
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


def dictionaries_of(source: pq.ParquetFile, but: Collection[str]) -> list[str]:
    """Return the columns of text, ``but`` for some, that have a small dictionary in every row group: these can be read as dictionaries."""
    metadata, schema = source.metadata, source.schema_arrow
    texts = {f.name for f in schema if f.type in (pa.string(), pa.binary())} - set(but)
    texts = {name for name in texts if len(schema.get_all_field_indices(name)) == 1}
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        chunks = [group.column(number) for number in range(group.num_columns)]
        texts &= {chunk.path_in_schema for chunk in chunks if _has_small_dictionary(chunk)}
    return sorted(texts) if metadata.num_row_groups else []


def without_unused(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of dictionaries as one with a single dictionary, of values that rows have."""
    if column.num_chunks == 0:
        return column
    if not all(chunk.dictionary.equals(column.chunk(0).dictionary) for chunk in column.chunks):
        column = column.unify_dictionaries()
    values = column.chunk(0).dictionary
    used = np.zeros(len(values), np.bool_)
    for chunk in column.chunks:
        used[chunk.indices.drop_null().to_numpy()] = True
    if used.all():
        return column
    places = pa.array(np.cumsum(used) - 1).cast(column.type.index_type, safe=False)
    kept = values.filter(pa.array(used))
    chunks = [
        pa.DictionaryArray.from_arrays(places.take(chunk.indices), kept, ordered=column.type.ordered)
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, column.type)


def spelled_out(kind: pa.DataType) -> pa.DataType:
    """Return a type without dictionaries in it: those inside lists and structs are written by value, and only the Arrow schema names them."""
    types = pa.types
    if types.is_dictionary(kind):
        return spelled_out(kind.value_type)
    if types.is_struct(kind):
        return pa.struct([_spelled_out(field) for field in kind])
    if types.is_map(kind):
        return pa.map_(_spelled_out(kind.key_field), _spelled_out(kind.item_field), kind.keys_sorted)
    if types.is_fixed_size_list(kind):
        return pa.list_(_spelled_out(kind.value_field), kind.list_size)
    if types.is_list(kind):
        return pa.list_(_spelled_out(kind.value_field))
    if types.is_large_list(kind):
        return pa.large_list(_spelled_out(kind.value_field))
    return kind


def _spelled_out(field: pa.Field) -> pa.Field:
    return field.with_type(spelled_out(field.type))


def _has_small_dictionary(chunk: pq.ColumnChunkMetaData) -> bool:
    start = chunk.dictionary_page_offset
    return start is not None and 0 < chunk.data_page_offset - start <= MOST_DICTIONARY_BYTES


def writer_options(source: pq.ParquetFile, added: Sequence[str] = ()) -> dict[str, Any]:
    """Return the options under which ``ParquetWriter`` writes a file like ``source``.

    ``added`` names columns, as paths of their leaves, that ``source`` lacks: they are compressed as its first one and may have dictionaries.
    """
    metadata = source.metadata
    options: dict[str, Any] = {
        "version": "1.0" if metadata.format_version == "1.0" else "2.6",
        "store_schema": ARROW_SCHEMA in (metadata.metadata or {}),
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
