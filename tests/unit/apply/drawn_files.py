"""Parquet files of every kind, drawn: columns of all types, written under all options."""

from __future__ import annotations

import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from byleave.apply.judging import Flags
from byleave.apply.pages.rewriter import PageRewriter

TEXTS = st.sampled_from(["", "a", "ab", "same", "a longer text, the same each time", "é\0", "ü" * 9])
FLOATS = st.floats(width=32)
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float32(): FLOATS,
    pa.float64(): FLOATS,
    pa.string(): TEXTS,
    pa.large_string(): TEXTS,
    pa.binary(): st.binary(max_size=20),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.decimal128(30, 2): st.integers(-999, 999).map(lambda cents: decimal.Decimal(cents) / 100),
    pa.timestamp("us"): st.integers(-(10**12), 10**12),
    pa.dictionary(pa.int32(), pa.string()): TEXTS,
    pa.list_(pa.string()): st.lists(st.none() | TEXTS, max_size=3),
    pa.struct([("x", pa.int32()), ("y", pa.list_(pa.float64()))]): st.fixed_dictionaries(
        {"x": st.none() | st.integers(0, 9), "y": st.none() | st.lists(FLOATS, max_size=2)}
    ),
}
OPTIONS = st.fixed_dictionaries(
    {
        "compression": st.sampled_from(["none", "snappy", "gzip", "zstd"]),
        "use_dictionary": st.booleans(),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
        "data_page_size": st.sampled_from([60, 1000, 2**20]),
        "write_batch_size": st.sampled_from([1, 5, 1024]),
        "dictionary_pagesize_limit": st.sampled_from([30, 2**20]),
        "row_group_size": st.sampled_from([7, 20, 1000]),
        "write_statistics": st.booleans(),
        "write_page_checksum": st.booleans(),
        "write_page_index": st.booleans(),
        "store_schema": st.booleans(),
    }
)


@st.composite
def columns(draw: st.DrawFn) -> pa.Array:
    """Draw a column of up to 60 rows, each its own or one for all, some null or none."""
    kind = draw(st.sampled_from(list(VALUES)))
    value = VALUES[kind] | st.none() if draw(st.booleans()) else VALUES[kind]
    few = draw(st.lists(value, min_size=1, max_size=12))
    return pa.array([few[n] for n in draw(st.lists(st.integers(0, len(few) - 1), max_size=60))], kind)


def arrow_reads_what_it_wrote(path: Path, table: pa.Table) -> bool:
    """Whether Arrow itself gets lists back out of tiny pages of the second version, which it does not always."""
    try:
        return repr(pq.ParquetFile(path).read().to_pylist()) == repr(table.to_pylist())
    except pa.ArrowException:
        return False


def rewritten(path: Path, flags: Flags) -> pq.ParquetFile:
    """Take rows out of a file page by page; open what is left, with checksums checked."""
    rewriter = PageRewriter.open(path, path.with_name("out.parquet"))
    assert rewriter is not None
    row = 0
    with pq.ParquetFile(path) as source:
        for group in range(source.metadata.num_row_groups):
            rows = source.metadata.row_group(group).num_rows
            rewriter.write(group, flags[row : row + rows])
            row += rows
    rewriter.close()
    return pq.ParquetFile(path.with_name("out.parquet"), page_checksum_verification=True)
