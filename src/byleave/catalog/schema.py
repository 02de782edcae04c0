"""The columns of a dataset's table of samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from byleave.fingerprints import PDQ_BYTES

KEY_BYTES = 16
DIGEST_BYTES = 32

PIXEL_COLUMNS = ("digest", "pdq", "pdq_trimmed", "picture_version", "quality", "embedding", "unsafe_score")
"""Filled together when a picture is seen, and replaced together when another one is."""


def sample_schema(*, picture_dim: int, caption_dim: int) -> pa.Schema:
    """Describe one row. Vectors are unit length in float16: half the bytes, and the same order of hits.

    ``twin_key`` is the sample key with ordinal 0, shared by all rows that are equal in link and caption.
    ``source`` and ``shard`` name the last source that touched the row. ``words`` is what the word index reads.
    """
    return pa.schema(
        [
            pa.field("sample_key", pa.binary(KEY_BYTES), nullable=False),
            pa.field("item_id", pa.binary(KEY_BYTES), nullable=False),
            pa.field("twin_key", pa.binary(KEY_BYTES), nullable=False),
            pa.field("url", pa.string()),
            pa.field("canonical_url", pa.string()),
            pa.field("host", pa.string()),
            pa.field("domain", pa.string()),
            pa.field("caption", pa.string()),
            pa.field("words", pa.string()),
            pa.field("metadata", pa.string(), nullable=False),
            pa.field("creator", pa.string()),
            pa.field("rights", pa.string()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field("digest", pa.binary(DIGEST_BYTES)),
            pa.field("pdq", pa.binary(PDQ_BYTES)),
            pa.field("pdq_trimmed", pa.binary(PDQ_BYTES)),
            pa.field("picture_version", pa.string()),
            pa.field("quality", pa.int16()),
            pa.field("embedding", pa.list_(pa.float16(), picture_dim)),
            pa.field("unsafe_score", pa.float32()),
            pa.field("caption_vector", pa.list_(pa.float16(), caption_dim)),
            pa.field("thumbnail", pa.binary()),
            pa.field("source", pa.string(), nullable=False),
            pa.field("shard", pa.string(), nullable=False),
        ]
    )


def to_arrow(rows: Sequence[Mapping[str, object]], schema: pa.Schema) -> pa.Table:
    """Make a table of rows; a value that a row lacks is null. Vectors are float16 arrays."""
    columns = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def from_arrow(table: pa.Table) -> Iterator[dict[str, object]]:
    """Yield rows; vectors come as float16 arrays and not as lists of numbers."""
    names = table.schema.names
    columns = [_values(table.column(name).combine_chunks()) for name in names]
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


def vectors_of(column: pa.Array) -> NDArray[np.float16]:
    """Return a column of vectors as one array, shape (rows, dimensions); null rows hold zeros or anything."""
    flat = column.values.slice(column.offset * column.type.list_size, len(column) * column.type.list_size)
    return np.asarray(flat.fill_null(np.float16(0)), dtype=np.float16).reshape(
        len(column), column.type.list_size
    )


def _values(column: pa.Array) -> Sequence[object]:
    if not pa.types.is_fixed_size_list(column.type):
        values: list[object] = column.to_pylist()
        return values
    valid = column.is_valid().to_pylist()
    return [vector if is_set else None for vector, is_set in zip(vectors_of(column), valid, strict=True)]


def _column(values: list[object], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values, kind)
    dense = np.zeros((len(values), kind.list_size), np.float16)
    for row, value in enumerate(values):
        if value is not None:
            dense[row] = value
    empty = pa.array([value is None for value in values])
    return pa.FixedSizeListArray.from_arrays(pa.array(dense.ravel()), type=kind, mask=empty)
