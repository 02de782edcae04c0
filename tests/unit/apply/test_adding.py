"""Columns added to a Parquet file: what stood there stands there byte for byte, and every reader finds both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.apply.drawn_files import OPTIONS, arrow_reads_what_it_wrote, columns

from byleave.apply.pages import file as pages
from byleave.apply.pages.adding import ColumnAdder
from byleave.apply.pages.file import PageReader
from byleave.errors import FormatError

MORE = pa.schema(
    [
        pa.field("said", pa.bool_(), nullable=False),
        pa.field(
            "why",
            pa.list_(pa.field("cause", pa.struct([("kind", pa.string())]), nullable=False)),
            nullable=False,
        ),
    ]
)


def more(rows: int, first: int = 0) -> pa.Table:
    """Say something of each of so many rows."""
    numbers = range(first, first + rows)
    return pa.table(
        [[n % 3 == 0 for n in numbers], [[{"kind": str(n)}] * (n % 3) for n in numbers]], schema=MORE
    )


def added(path: Path) -> Path:
    """Add the columns to a file; return the new one."""
    reader = PageReader.open(path)
    assert reader is not None
    adder, row = ColumnAdder(reader, path.with_name("out.parquet"), MORE, "zstd"), 0
    for number, group in enumerate(list(reader.groups)):
        adder.write(number, more(group.number(3), row))
        row += group.number(3)
    adder.close()
    return path.with_name("out.parquet")


def chunks(path: Path) -> list[list[bytes]]:
    """Return the bytes of every column of every row group that has rows: its pages, as they stand."""
    content, metadata = path.read_bytes(), pq.read_metadata(path)
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if not group.num_rows:
            continue
        listed = [group.column(place) for place in range(group.num_columns)]
        starts = [min(filter(None, [c.dictionary_page_offset, c.data_page_offset])) for c in listed]
        sizes = [column.total_compressed_size for column in listed]
        found.append([content[start : start + size] for start, size in zip(starts, sizes, strict=True)])
    return found


@settings(deadline=None, max_examples=100)
@given(data=st.data(), options=OPTIONS)
def test_columns_can_be_added_to_any_file(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, options: dict[str, Any]
) -> None:
    drawn = data.draw(columns())
    table = pa.table({"column": drawn, "row": range(len(drawn))}, metadata={"told": "by somebody"})
    path = tmp_path_factory.mktemp("adding") / "in.parquet"
    pq.write_table(table, path, **options)
    if not arrow_reads_what_it_wrote(path, table):
        return
    before = pq.ParquetFile(path).read()
    with pq.ParquetFile(added(path), page_checksum_verification=True) as after:
        found = after.read()
        assert found.schema == pa.schema([*before.schema, *MORE])
        assert found.schema.metadata == before.schema.metadata
        assert repr(found.select(before.schema.names).to_pylist()) == repr(before.to_pylist())
        assert found.select(MORE.names).to_pylist() == more(len(drawn)).to_pylist()
        as_they_stood = [group[: -len(MORE.names)] for group in chunks(path.with_name("out.parquet"))]
        assert as_they_stood == chunks(path)
        says_as_before(pq.read_metadata(path), after.metadata)


def says_as_before(before: pq.FileMetaData, after: pq.FileMetaData) -> None:
    """Compare what is said of the columns that stood there, but for their places."""
    assert (before.created_by, before.format_version) == (after.created_by, after.format_version)
    with_rows = [n for n in range(before.num_row_groups) if before.row_group(n).num_rows]
    assert len(with_rows) == after.num_row_groups
    for number, place in enumerate(with_rows):
        groups = before.row_group(place), after.row_group(number)
        assert groups[0].num_rows == groups[1].num_rows
        for column in range(groups[0].num_columns):
            was, now = (group.column(column).to_dict() for group in groups)
            places = {"file_offset", "data_page_offset", "dictionary_page_offset", "index_page_offset"}
            assert {k: v for k, v in was.items() if k not in places} == {
                k: v for k, v in now.items() if k not in places
            }


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "brotli"},
        {"compression": "lz4"},
        {
            "use_dictionary": False,
            "column_encoding": {"url": "DELTA_BYTE_ARRAY", "number": "DELTA_BINARY_PACKED"},
        },
    ],
)
def test_columns_are_added_to_files_that_are_not_taken_apart_here(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table({"url": ["http://a.example/1", "http://a.example/2"], "number": [1, 2]})
    pq.write_table(table, path, **options)
    reader = PageReader.open(path)
    assert reader is not None
    assert not reader.is_known
    assert reader.texts(0, "url") is None
    reader.close()
    assert pq.read_table(added(path)).select(["url", "number"]) == table


def test_pages_larger_than_what_is_copied_at_a_time_come_out_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "COPIED_BYTES", 1000)
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"number": np.arange(5000)}), path, compression="none")
    out = added(path)
    assert chunks(out)[0][: -len(MORE.names)] == chunks(path)[0]
    assert len(chunks(path)[0][0]) > 10 * 1000


def test_a_row_group_that_was_given_other_rows_than_it_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"number": np.arange(5)}), path)
    reader = PageReader.open(path)
    assert reader is not None
    adder = ColumnAdder(reader, tmp_path / "out.parquet", MORE, "zstd")
    with pytest.raises(FormatError, match=r"in.parquet .*other rows than it says"):
        adder.write(0, more(4))
    adder.abandon()


def test_pages_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"number": np.arange(5)}), path)
    reader = PageReader.open(path)
    assert reader is not None
    reader.groups[0].structs(1)[0].within(3).set(7, 6, 10**9)
    adder = ColumnAdder(reader, tmp_path / "out.parquet", MORE, "zstd")
    with pytest.raises(FormatError, match=r"in.parquet .*ends behind the file"):
        adder.write(0, more(5))
    adder.abandon()
