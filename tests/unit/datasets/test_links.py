"""Parquet of links: found by column names, read in bounded ranges, and damage costs only its range."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.sources import jpeg, links, write_links

from byleave.datasets import Record, Reject, open_source
from byleave.datasets import links as links_module
from byleave.datasets.links import columns_of, parquet_shards
from byleave.errors import FormatError


def read_all(path: Path) -> list[Record | Reject]:
    return [item for shard in parquet_shards(path, path.name) for item in shard.read()]


def records(items: list[Record | Reject]) -> list[Record]:
    return [item for item in items if isinstance(item, Record)]


def test_every_row_is_read_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "LINK_ROWS", 1500)
    path = write_links(tmp_path / "a.parquet", links(range(5000)), group_rows=4000)
    shards = list(parquet_shards(path, "a.parquet"))
    assert [shard.name for shard in shards] == [
        "a.parquet@0.0", "a.parquet@0.1500", "a.parquet@0.3000", "a.parquet@1.0",
    ]  # fmt: skip
    read = [item.url for shard in shards for item in shard.read() if isinstance(item, Record)]
    assert read == [f"https://pictures.example/{n}.jpg" for n in range(5000)]


def test_a_shard_can_be_read_alone_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "LINK_ROWS", 1500)
    path = write_links(tmp_path / "a.parquet", links(range(4000)))
    third = list(parquet_shards(path, "a.parquet"))[2]
    first_time, second_time = list(third.read()), list(third.read())
    assert first_time == second_time
    assert len(first_time) == 1000
    assert records(first_time)[0].url == "https://pictures.example/3000.jpg"


def test_a_file_without_a_column_of_links_says_what_it_has_and_what_is_wanted(tmp_path: Path) -> None:
    path = write_links(tmp_path / "a.parquet", [{"href": "https://a.example/x", "label": "x"}])
    with pytest.raises(FormatError, match=r"'href', 'label'(.|\n)*url, image_url"):
        columns_of(path)


def test_a_column_of_links_that_holds_numbers_is_refused(tmp_path: Path) -> None:
    path = write_links(tmp_path / "a.parquet", [{"URL": 7}])
    with pytest.raises(FormatError, match="holds int64, not links"):
        columns_of(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"PAR1" + b"\xff" * 64])
def test_a_broken_footer_is_an_error_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(FormatError, match="no readable Parquet file"):
        columns_of(tmp_path / "a.parquet")


def test_a_file_without_rows_has_no_shards(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": pa.array([], pa.string())}), tmp_path / "a.parquet")
    assert read_all(tmp_path / "a.parquet") == []


def test_a_corrupt_page_costs_its_own_range_only(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"url": [f"https://pictures.example/{n}.jpg" for n in range(300)]})
    pq.write_table(
        table, path, row_group_size=100, compression="none", use_dictionary=False, write_page_checksum=True
    )
    content = bytearray(path.read_bytes())
    place = content.index(b"pictures.example/150.jpg")
    content[place : place + 8] = b"\xff" * 8
    path.write_bytes(bytes(content))
    items = read_all(path)
    rejects = [item for item in items if isinstance(item, Reject)]
    assert [(reject.kind, reject.where) for reject in rejects] == [
        ("corrupt_rows", "a.parquet group 1 rows 0 to 99")
    ]
    assert [record.url for record in records(items)] == [
        f"https://pictures.example/{n}.jpg" for n in [*range(100), *range(200, 300)]
    ]


def test_text_that_is_not_utf8_is_repaired_and_its_neighbours_untouched(tmp_path: Path) -> None:
    bad = pa.array([b"good", b"caf\xe9", None], pa.binary())
    text = pa.StringArray.from_buffers(3, bad.buffers()[1], bad.buffers()[2], bad.buffers()[0])
    pq.write_table(pa.table({"url": ["https://a.example/1"] * 3, "caption": text}), tmp_path / "a.parquet")
    read = records(read_all(tmp_path / "a.parquet"))
    assert [record.caption for record in read] == ["good", "caf�", None]
    assert [record.cleaned for record in read] == [(), ("bad_text",), ()]


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.binary()]
)
def test_text_is_read_whatever_way_arrow_stores_it(tmp_path: Path, kind: pa.DataType) -> None:
    urls = pa.array(["https://a.example/1", None, "https://a.example/1"]).cast(kind)
    pq.write_table(pa.table({"url": urls}), tmp_path / "a.parquet")
    assert [record.url for record in records(read_all(tmp_path / "a.parquet"))] == [
        "https://a.example/1", None, "https://a.example/1",
    ]  # fmt: skip


@pytest.mark.parametrize("largest_dictionary", [1024, 2**30])
def test_huge_values_are_never_in_memory_all_at_once(tmp_path: Path, largest_dictionary: int) -> None:
    long_url = "https://a.example/" + "x" * 1_000_000
    table = pa.table({"url": [long_url] * 400 + ["https://a.example/end"]})
    pq.write_table(table, tmp_path / "a.parquet", dictionary_pagesize_limit=largest_dictionary)
    del table
    before, seen, most = pa.total_allocated_bytes(), 0, 0
    for shard in parquet_shards(tmp_path / "a.parquet", "a"):
        for item in shard.read():
            seen += isinstance(item, Record)
            most = max(most, pa.total_allocated_bytes() - before)
    assert seen == 401
    assert most < 250_000_000


def test_odd_columns_become_metadata(tmp_path: Path) -> None:
    table = pa.table(
        {
            "url": ["https://a.example/1"],
            "when": pa.array([2**62], pa.timestamp("ns")),
            "nested": [{"tags": ["a", "b"], "nan": float("nan")}],
            "price": pa.array([None], pa.decimal128(10, 2)),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (record,) = records(read_all(tmp_path / "a.parquet"))
    assert record.metadata["nested"] == {"tags": ["a", "b"], "nan": None}
    assert set(record.metadata) == {"when", "nested"}


def test_pictures_inside_parquet_are_read(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"key": "000000000", "jpg": jpeg(1), "url": "https://a.example/1", "txt": "one", "status": "success"},
        {
            "key": "000000001",
            "jpg": None,
            "url": "https://a.example/2",
            "txt": "two",
            "status": "failed_to_download",
        },
    ]
    source = open_source(write_links(tmp_path / "00000.parquet", rows))
    assert source.format == "img2dataset"
    first, second = records([item for shard in source.shards() for item in shard.read()])
    assert (first.picture, first.caption) == (jpeg(1), "one")
    assert (second.picture, second.failure) == (None, "failed_to_download")
    assert "jpg" not in first.metadata
