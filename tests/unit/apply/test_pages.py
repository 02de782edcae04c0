"""Tests of rows taken out of the pages of a Parquet file: what Arrow reads afterwards is what it would have kept itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.apply.drawn_files import OPTIONS, arrow_reads_what_it_wrote, columns, rewritten

from byleave.apply.inputs import Columns, open_parquet
from byleave.apply.judging import Flags
from byleave.apply.modes import Mode, outcome_of
from byleave.apply.pages.compact import Reader, Struct, written
from byleave.apply.pages.levels import Levels
from byleave.apply.pages.rewriter import PageRewriter
from byleave.apply.pages.runs import read_runs, written_runs
from byleave.apply.pages.values import Speller
from byleave.errors import FormatError


@settings(deadline=None, max_examples=100)
@given(
    data=st.data(), options=OPTIONS, kept=st.sampled_from([0.0, 0.1, 0.5, 0.95, 1.0]), seed=st.integers(0, 99)
)
def test_any_rows_can_be_taken_out_of_any_file(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    options: dict[str, Any],
    kept: float,
    seed: int,
) -> None:
    drawn = data.draw(columns())
    table = pa.table({"column": drawn, "row": range(len(drawn))}, metadata={"told": "by somebody"})
    path = tmp_path_factory.mktemp("pages") / "in.parquet"
    pq.write_table(table, path, **options)
    written_as_runs = pa.types.is_boolean(drawn.type) and options["data_page_version"] == "2.0"
    if written_as_runs or not arrow_reads_what_it_wrote(path, table):
        return
    stays = np.random.default_rng(seed).random(len(drawn)) < kept
    before = pq.ParquetFile(path).read()
    with rewritten(path, stays) as after:
        found = after.read()
        assert found.schema.equals(before.schema, check_metadata=True)
        assert repr(found.to_pylist()) == repr(before.filter(pa.array(stays)).to_pylist())
        if stays.all():
            assert path.with_name("out.parquet").read_bytes() == path.read_bytes()
            return
        for group in range(after.metadata.num_row_groups):
            says_the_truth(after, group)


def says_the_truth(file: pq.ParquetFile, group: int) -> None:
    """Compare what is said of each column with what Arrow says of the same values."""
    rows, metadata = file.read_row_group(group), file.metadata.row_group(group)
    assert metadata.num_rows == rows.num_rows > 0
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, row_group_size=rows.num_rows)
    reference = pq.ParquetFile(pa.BufferReader(sink.getvalue())).metadata.row_group(0)
    for number in range(metadata.num_columns):
        said, right = metadata.column(number), reference.column(number)
        assert said.num_values == right.num_values
        if said.statistics is None:
            continue
        assert said.statistics.null_count == right.statistics.null_count
        if said.statistics.has_min_max:
            extremes = [repr((s.min, s.max)) for s in (said.statistics, right.statistics)]
            assert extremes[0] == extremes[1]


@given(
    st.integers(0, 32).flatmap(lambda bits: st.tuples(st.just(bits), st.lists(st.integers(0, 2**bits - 1))))
)
def test_runs_and_packed_bits_are_read_as_they_were_written(drawn: tuple[int, list[int]]) -> None:
    bits, numbers = drawn
    repeated = np.array([n for n in numbers for _ in range(1 + n % 11)], np.uint32)
    assert read_runs(written_runs(repeated, bits), bits, len(repeated)).tolist() == repeated.tolist()


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 100))
def test_bytes_that_are_no_runs_are_refused_or_read_within_them(
    content: bytes, bits: int, count: int
) -> None:
    try:
        numbers = read_runs(np.frombuffer(content, np.uint8), bits, count)
    except FormatError:
        return
    assert len(numbers) == count
    assert numbers.max(initial=0) < 2**bits


@pytest.mark.parametrize("content", [b"\xa0\x1f\x03", b"\xd0\x0f\x03" * 2, b"\xfb\x01" + b"\xff" * 250])
def test_levels_that_are_all_the_greatest_are_told_in_one_run_in_two_and_packed(content: bytes) -> None:
    levels = Levels.read(memoryview(content), 3, 1000 if content[0] == 0xFB else 2000)
    assert levels.numbers is None
    assert Levels.read(memoryview(levels.written()), 3, levels.entries) == levels


def test_levels_of_which_one_is_lower_are_all_read() -> None:
    levels = Levels.read(memoryview(b"\xce\x0f\x03\x02\x02"), 3, 1000)
    assert levels.numbers is not None
    assert levels.numbers.tolist() == [3] * 999 + [2]


@given(st.binary(max_size=60))
def test_bytes_that_are_no_metadata_are_refused(content: bytes) -> None:
    try:
        read = Reader(content).struct()
    except FormatError:
        return
    assert isinstance(read, Struct)


def test_metadata_that_arrow_wrote_are_written_again_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table(
        {"url": [f"http://a.example/{n}" for n in range(40)], "maker": pa.array([["a"], None] * 20)}
    )
    pq.write_table(table, path, row_group_size=2, write_page_index=True)
    content = path.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    assert written(Reader(footer).struct()) == footer


def test_no_trace_of_a_row_that_went_is_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    names = ["anna", "aaa-least", "carl", "zzz-most", None, "bert"]
    table = pa.table({"url": [f"http://{name}.example/" for name in names], "maker": names})
    for options in ({"use_dictionary": True}, {"use_dictionary": False, "write_page_index": True}):
        pq.write_table(table, path, compression="none", bloom_filter_options={"maker": True}, **options)
        with rewritten(path, np.array([True, False, True, False, True, True])) as after:
            assert after.read()["maker"].to_pylist() == ["anna", "carl", None, "bert"]
            statistics = after.metadata.row_group(0).column(1).statistics
            assert (statistics.min, statistics.max, statistics.null_count) == ("anna", "carl", 1)
        content = (tmp_path / "out.parquet").read_bytes()
        assert b"anna" in content
        assert b"least" not in content
        assert b"most" not in content


def test_pages_of_which_every_row_stays_are_copied_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table({"text": [f"{n:050}" for n in range(1000)]})
    small = {"data_page_size": 1000, "write_batch_size": 50, "row_group_size": 500}
    pq.write_table(table, path, compression="gzip", use_dictionary=False, **small)
    stays = np.arange(1000) != 7
    with rewritten(path, stays) as after:
        assert after.read() == table.filter(pa.array(stays))
    before, content = path.read_bytes(), (tmp_path / "out.parquet").read_bytes()
    group = pq.ParquetFile(path).metadata.row_group(1).column(0)
    start, size = group.data_page_offset, group.total_compressed_size
    assert before[start : start + size] in content
    assert before[start - 200 : start] in content


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "brotli"},
        {"compression": "lz4"},
        {"use_dictionary": False, "column_encoding": {"url": "DELTA_BYTE_ARRAY"}},
        {"use_dictionary": False, "column_encoding": {"number": "BYTE_STREAM_SPLIT"}},
        {"data_page_version": "2.0", "column_encoding": {"flag": "RLE"}, "use_dictionary": False},
    ],
    ids=["brotli", "lz4", "prefixes", "split", "runs of truths"],
)
def test_what_is_not_taken_apart_is_decoded(tmp_path: Path, options: dict[str, Any]) -> None:
    table = pa.table(
        {
            "url": [f"http://a.example/{n}" for n in range(9)],
            "number": pa.array(range(9), pa.float32()),
            "flag": [True, False, None] * 3,
        }
    )
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(table, path, **options)
    assert PageRewriter.open(path, out) is None
    assert filtered(path, out, np.arange(9) % 2 == 0) == table.filter(pa.array(np.arange(9) % 2 == 0))


def filtered(path: Path, out: Path, stays: Flags) -> pa.Table:
    """Take rows out as a filter does."""
    with open_parquet(path) as source:
        outcome, row = outcome_of(Mode.FILTER, source, Columns("url", None), path, out), 0
        for group in range(source.metadata.num_row_groups):
            for batch in outcome.batches(group):
                outcome.add(batch, stays[row : row + len(batch)], stays[:0], None)
                row += len(batch)
            outcome.end_row_group()
        outcome.close()
    return pq.read_table(out)


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_file_without_rows_stays_one(tmp_path: Path, *, dictionary: bool) -> None:
    table = pa.table({"url": pa.array([], pa.string()), "sha256": pa.array([], pa.string())})
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(table, path, use_dictionary=dictionary)
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    assert filtered(path, out, np.zeros(0, np.bool_)) == table


@pytest.mark.parametrize("mode", [Mode.MASK, Mode.FILTER])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize(
    "urls", [["http://a.example/é", None, "b"], ["", "x", "http://b.example/"]], ids=["nulls", "none"]
)
def test_links_read_from_the_pages_are_those_that_arrow_reads(
    tmp_path: Path, urls: list[str | None], mode: Mode, *, dictionary: bool
) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table({"url": urls * 50, "sha256": [None, "ab", "c"] * 50})
    pq.write_table(table, path, use_dictionary=dictionary, data_page_size=200, row_group_size=90)
    with open_parquet(path) as source:
        outcome = outcome_of(mode, source, Columns("url", "sha256"), path, tmp_path / "out.parquet")
        batches = [batch for group in range(2) for batch in outcome.batches(group)]
        outcome.abandon()
    assert pa.Table.from_batches(batches).select(["url", "sha256"]).to_pylist() == table.to_pylist()


def test_a_column_that_has_more_or_fewer_texts_than_it_says_is_refused() -> None:
    page = np.frombuffer(b"\x01\0\0\0a\x02\0\0\0bc", np.uint8)
    speller = Speller(size=11, count=2)
    speller.add(page, 2)
    content, ends = speller.texts()
    assert (content[:3].tobytes(), ends.tolist()) == (b"abc", [0, 1, 3])
    with pytest.raises(FormatError, match="fewer values"):
        Speller(size=11, count=3).texts()
    for size, count in ((10, 2), (11, 1)):
        with pytest.raises(FormatError, match="more values"):
            Speller(size, count).add(page, 2)


def test_a_damaged_page_ends_the_run_and_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table(
        {"url": [f"http://a.example/{n}" for n in range(900)], "text": ["t" * (n % 9) for n in range(900)]}
    )
    for codec in ("none", "snappy", "zstd", "gzip"):
        pq.write_table(
            table, path, compression=codec, use_dictionary=False, write_page_checksum=codec == "none"
        )
        content = bytearray(path.read_bytes())
        chunk, refused = pq.ParquetFile(path).metadata.row_group(0).column(1), list[str]()
        for at in range(chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size, 97):
            damaged = bytearray(content)
            damaged[at] ^= 0xFF
            (tmp_path / "damaged.parquet").write_bytes(damaged)
            rewriter = PageRewriter.open(tmp_path / "damaged.parquet", tmp_path / "out.parquet")
            if rewriter is None:
                continue
            try:
                rewriter.write(0, np.arange(900) % 3 > 0)
            except FormatError as error:
                refused.append(error.problem)
            finally:
                rewriter.abandon()
        assert refused, codec
        assert all("damaged.parquet cannot be read as Parquet" in problem for problem in refused)
