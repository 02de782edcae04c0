"""Columns with dictionaries: which of a file can be read as such, and dictionaries without the values that only removed rows had."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MOST_DICTIONARY_BYTES = 65_536
"""Dictionaries up to this size, as compressed, are kept: a writer that found more values than fit went on without them."""


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


def lean(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch of the same types whose dictionaries, inside other types as well, hold no value that none of its rows has."""
    return pa.record_batch([_lean(column) for column in batch.columns], schema=batch.schema)


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


def _lean(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return without_unused(pa.chunked_array([column])).chunk(0)
    plain = spelled_out(column.type)
    return column if plain == column.type else column.cast(plain).cast(column.type)


def _spelled_out(field: pa.Field) -> pa.Field:
    return field.with_type(spelled_out(field.type))


def _has_small_dictionary(chunk: pq.ColumnChunkMetaData) -> bool:
    start = chunk.dictionary_page_offset
    return start is not None and 0 < chunk.data_page_offset - start <= MOST_DICTIONARY_BYTES
