"""Tests of columns with dictionaries, which go through as such and hold no value that only removed rows had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from byleave.apply.dictionaries import dictionaries_of, spelled_out
from byleave.apply.forms.arrow_folder import arrow_folder
from byleave.apply.inputs import Columns, InputFile, open_parquet
from byleave.apply.modes import CAUSES_COLUMN, KEEP_COLUMN, Mode, outcome_of

STAYS = np.array([True, False, True, True, False, True])
MAKERS = ["anna", "only-bert", None, "carl", "only-dora", "anna"]


def rewritten(path: Path, table: pa.Table, mode: Mode = Mode.FILTER, **options: Any) -> pq.ParquetFile:
    """Write a table, then what a mode makes of it, row group by row group; open the latter."""
    pq.write_table(table, path, **{"compression": "none", "row_group_size": 3} | options)
    output = path.with_name("out.parquet")
    with open_parquet(path) as source:
        outcome = outcome_of(mode, source, Columns("url", None), path, output)
        row = 0
        for group in range(source.metadata.num_row_groups):
            for batch in outcome.batches(group):
                stays = STAYS[row : row + batch.num_rows]
                outcome.add(batch, stays, np.zeros(len(stays), np.bool_), None)
                row += batch.num_rows
            outcome.end_row_group()
        outcome.close()
    return pq.ParquetFile(output)


def rows(makers: pa.Array) -> pa.Table:
    urls = [f"http://a.example/{number}" for number in range(len(makers))]
    return pa.table({"url": urls, "maker": makers, "number": range(len(makers))})


@pytest.mark.parametrize("kind", [pa.string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_a_dictionary_keeps_no_value_of_rows_that_went(tmp_path: Path, kind: pa.DataType) -> None:
    table = rows(pa.array(MAKERS).cast(kind))
    after = rewritten(tmp_path / "in.parquet", table)
    assert after.read().to_pylist() == table.filter(pa.array(STAYS)).to_pylist()
    assert after.schema_arrow == table.schema
    content = (tmp_path / "out.parquet").read_bytes()
    assert b"carl" in content
    assert b"only-" not in content


NAMES = pa.dictionary(pa.int32(), pa.string())


@pytest.mark.parametrize(
    ("kind", "wrapped"),
    [
        (pa.list_(NAMES), lambda name: [name, name]),
        (pa.large_list(NAMES), lambda name: [name]),
        (pa.list_(NAMES, 2), lambda name: [name, None]),
        (
            pa.struct([("name", NAMES), ("more", pa.list_(NAMES))]),
            lambda name: {"name": name, "more": [name]},
        ),
        (pa.map_(pa.string(), NAMES), lambda name: [("by", name)]),
    ],
    ids=["list", "large list", "list of two", "struct", "map"],
)
def test_a_dictionary_inside_another_type_keeps_none_either(
    tmp_path: Path, kind: pa.DataType, wrapped: Callable[[str | None], Any]
) -> None:
    makers = pa.array([wrapped(name) for name in MAKERS], spelled_out(kind)).cast(kind)
    table = rows(makers)
    after = rewritten(tmp_path / "in.parquet", table)
    before = pq.ParquetFile(tmp_path / "in.parquet")
    assert after.schema_arrow == before.schema_arrow
    groups = [after.read_row_group(number).to_pylist() for number in range(2)]
    assert [*groups[0], *groups[1]] == table.filter(pa.array(STAYS)).to_pylist()
    assert b"only-" not in (tmp_path / "out.parquet").read_bytes()


@pytest.mark.parametrize("options", [{"store_schema": True}, {"store_schema": False}], ids=str)
def test_text_with_a_dictionary_is_text_afterwards(tmp_path: Path, options: dict[str, Any]) -> None:
    table = rows(pa.array(MAKERS)).replace_schema_metadata({"who": "somebody"})
    after = rewritten(tmp_path / "in.parquet", table, **options)
    before = pq.ParquetFile(tmp_path / "in.parquet")
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.metadata.metadata == before.metadata.metadata
    assert after.schema == before.schema
    column = after.metadata.row_group(0).column(1)
    assert column.has_dictionary_page
    assert (column.statistics.min, column.statistics.max) == ("anna", "anna")


def test_values_that_appear_again_stand_in_one_dictionary(tmp_path: Path) -> None:
    makers = pa.chunked_array(
        [pa.array(["a", "b", "a"]).dictionary_encode(), pa.array(["c", "b", "a"]).dictionary_encode()]
    )
    table = rows(makers.combine_chunks())
    after = rewritten(tmp_path / "in.parquet", table, row_group_size=6)
    assert after.read()["maker"].to_pylist() == ["a", "a", "c", "a"]
    assert set(after.metadata.row_group(0).column(1).encodings) == {"PLAIN", "RLE", "RLE_DICTIONARY"}


def test_an_annotated_file_says_text_of_text(tmp_path: Path) -> None:
    table = rows(pa.array(MAKERS))
    after = rewritten(tmp_path / "in.parquet", table, Mode.ANNOTATE)
    assert after.schema_arrow.names == [*table.schema.names, KEEP_COLUMN, CAUSES_COLUMN]
    assert after.read().select(table.schema.names) == table


def test_links_columns_without_dictionaries_and_large_ones_are_read_as_they_are(tmp_path: Path) -> None:
    many = pa.table({"url": ["u"] * 20_000, "few": ["f"] * 20_000, "plain": ["p"] * 20_000})
    many = many.append_column("many", pa.array([f"{n * 7919 % 20_000:032x}" for n in range(20_000)]))
    encoded = ["url", "few", "many"]
    pq.write_table(many, tmp_path / "in.parquet", compression="none", use_dictionary=encoded)
    with open_parquet(tmp_path / "in.parquet") as source:
        assert dictionaries_of(source, but=["url"]) == ["few"]


def test_a_file_without_rows_has_no_dictionaries_to_read(tmp_path: Path) -> None:
    table = rows(pa.array([], pa.string()))
    assert rewritten(tmp_path / "in.parquet", table).read() == table


@pytest.mark.parametrize("kind", [NAMES, pa.dictionary(pa.int8(), pa.string()), pa.list_(NAMES)], ids=str)
def test_saved_arrow_keeps_none_either(tmp_path: Path, kind: pa.DataType) -> None:
    names = [[name] for name in MAKERS] if pa.types.is_list(kind) else MAKERS
    table = rows(pa.array(names, spelled_out(kind)).cast(kind))
    files = {name: tmp_path / "in" / name for name in ("state.json", "dataset_info.json", "data.arrow")}
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    files["state.json"].write_text('{"_data_files": [{"filename": "data.arrow"}], "_fingerprint": "f"}')
    files["dataset_info.json"].write_text("{}")
    with pa.ipc.new_stream(files["data.arrow"], table.schema) as stream:
        stream.write_table(table, max_chunksize=3)
    folder = arrow_folder(tmp_path / "in", {path: InputFile(path, name) for name, path in files.items()})
    folder.write(STAYS, tmp_path / "out")
    content = (tmp_path / "out" / "data.arrow").read_bytes()
    after = pa.ipc.open_stream(content).read_all()
    assert after.schema == table.schema
    assert after.to_pylist() == table.filter(pa.array(STAYS)).to_pylist()
    assert b"carl" in content
    assert b"only-" not in content
