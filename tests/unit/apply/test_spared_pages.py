"""Tests of what is left alone in a Parquet file that loses rows: other row groups, and other pages of the columns of a row group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.apply.drawn_files import rewritten

from byleave.apply.inputs import Columns, open_parquet
from byleave.apply.judging import Flags
from byleave.apply.modes import Mode, outcome_of
from byleave.apply.pages.compact import BINARY, FALSE, I64, TRUE, Reader, Struct, written
from byleave.apply.pages.footer import BYTES, File, Group, Leaf, Physical
from byleave.apply.pages.rewriter import PageRewriter
from byleave.apply.pages.summary import Summary
from byleave.errors import FormatError

ROWS = 900
SMALL: dict[str, Any] = {"data_page_size": 200, "write_batch_size": 10, "row_group_size": 300}
"""Row groups of which each column has thirty pages."""
COLUMNS: dict[str, pa.Array] = {
    "text": pa.array([f"{n:040}" for n in range(ROWS)]),
    "number": pa.array([n - 400 for n in range(ROWS)]),
    "share": pa.array([n / 7 for n in range(ROWS)], pa.float32()),
    "flag": pa.array([n % 300 == 17 for n in range(ROWS)]),
    "maybe": pa.array([None if n % 3 == 1 else f"{n:040}" for n in range(ROWS)]),
    "digest": pa.array([n.to_bytes(16) for n in range(ROWS)], pa.binary(16)),
    "many": pa.array([[n, n] for n in range(ROWS)]),
}


def without(*rows: int) -> Flags:
    stays = np.ones(ROWS, np.bool_)
    stays[list(rows)] = False
    return stays


def damaged_behind(path: Path, group: int, share: float) -> None:
    """Spoil one byte of the first column of a row group, so far behind its beginning."""
    column, content = pq.read_metadata(path).row_group(group).column(0), bytearray(path.read_bytes())
    content[column.data_page_offset + int(share * column.total_compressed_size)] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    "gone", [(5,), (0,), (299,), (17,), (16, 17, 450), tuple(range(280, 320)), (599, 600)]
)
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("name", COLUMNS)
def test_what_is_said_of_a_column_holds_whichever_rows_go(
    tmp_path: Path, name: str, gone: tuple[int, ...], *, dictionary: bool
) -> None:
    table = pa.table({name: COLUMNS[name]})
    path, stays = tmp_path / "in.parquet", without(*gone)
    pq.write_table(table, path, use_dictionary=dictionary, dictionary_pagesize_limit=500, **SMALL)
    with rewritten(path, stays) as after:
        assert after.read() == table.filter(pa.array(stays))
        for group in range(3):
            left = table.slice(300 * group, 300).filter(pa.array(stays[300 * group : 300 * group + 300]))
            said, values = (
                after.metadata.row_group(group).column(0).statistics,
                left.column(0).combine_chunks(),
            )
            if pa.types.is_list(values.type):
                values = values.flatten()
            assert said.null_count == values.null_count
            assert [said.min, said.max] == [f(values.drop_null().to_pylist()) for f in (min, max)]


def test_pages_of_which_every_row_stays_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    three = SMALL | {"data_page_size": 4000, "use_dictionary": False, "compression": "gzip"}
    pq.write_table(pa.table({"text": COLUMNS["text"]}), path, **three)
    damaged_behind(path, 0, 0.5)
    column = pq.read_metadata(path).row_group(0).column(0)
    end = column.data_page_offset + column.total_compressed_size
    with rewritten(path, without(5)):
        behind_the_first = path.read_bytes()[end - column.total_compressed_size // 2 : end]
        assert behind_the_first in (tmp_path / "out.parquet").read_bytes()
    rewriter = PageRewriter.open(path, tmp_path / "out.parquet")
    assert rewriter is not None
    with pytest.raises(FormatError, match=r"in\.parquet cannot be read"):
        rewriter.write(0, without(150)[:300])
    rewriter.abandon()


def test_row_groups_of_which_every_row_stays_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table(COLUMNS), path, write_page_index=True, **SMALL)
    for group in (0, 2):
        damaged_behind(path, group, 0.5)
    with rewritten(path, without(450)) as after:
        groups = [after.metadata.row_group(group) for group in range(3)]
        assert [group.num_rows for group in groups] == [300, 299, 300]
        assert not any(g.column(n).has_offset_index for g in groups for n in range(g.num_columns))
        assert after.read_row_group(1) == pa.table(COLUMNS).slice(300, 300).filter(
            pa.array(without(450)[300:600])
        )
    content = (tmp_path / "out.parquet").read_bytes()
    for group in (0, 2):
        for number in range(len(COLUMNS)):
            column = pq.read_metadata(path).row_group(group).column(number)
            start = column.dictionary_page_offset or column.data_page_offset
            assert path.read_bytes()[start : start + column.total_compressed_size] in content


@pytest.mark.parametrize("codec", ["zstd", "brotli", "lz4"])
def test_a_filter_copies_a_file_that_loses_nothing(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table(COLUMNS), path, compression=codec, write_page_index=True, **SMALL)
    assert filtered(path, without()) == path.read_bytes()


@pytest.mark.parametrize("gone", [(450,), (0,), (899,), tuple(range(300, 600))])
def test_rows_before_those_that_go_are_kept_where_pages_cannot_be_taken_apart(
    tmp_path: Path, gone: tuple[int, ...]
) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table(COLUMNS), path, compression="brotli", **SMALL)
    filtered(path, without(*gone))
    assert pq.read_table(tmp_path / "out.parquet") == pa.table(COLUMNS).filter(pa.array(without(*gone)))


def filtered(path: Path, stays: Flags, mode: Mode = Mode.FILTER) -> bytes:
    """Write what a mode writes of a file; return it."""
    out, row = path.with_name("out.parquet"), 0
    with open_parquet(path) as source:
        outcome = outcome_of(mode, source, Columns("text", None), path, out)
        try:
            for group in range(source.metadata.num_row_groups):
                for batch in outcome.batches(group):
                    kept = stays[row : row + len(batch)]
                    outcome.add(batch, kept, ~kept, None)
                    row += len(batch)
                outcome.end_row_group()
        except FormatError:
            outcome.abandon()
            raise
        outcome.close()
    return out.read_bytes()


@pytest.mark.parametrize("says", [ROWS - 1, ROWS + 1])
@pytest.mark.parametrize("mode", [Mode.FILTER, Mode.ANNOTATE])
@pytest.mark.parametrize("codec", ["zstd", "brotli"])
def test_rows_that_were_not_decided_about_are_not_copied(
    tmp_path: Path, codec: str, mode: Mode, says: int
) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table(COLUMNS), path, compression=codec)
    content = path.read_bytes()
    end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = Reader(content[end:-8]).struct()
    footer.set(File.ROWS, I64, says)
    footer.structs(File.GROUPS)[0].set(Group.ROWS, I64, says)
    said = written(footer)
    path.write_bytes(content[:end] + said + len(said).to_bytes(4, "little") + content[-4:])
    with pytest.raises(FormatError, match="other rows than it says"):
        filtered(path, without(), mode)


class TestWhatWasSaidBefore:
    """The old extremes stand only where no value that went may have been one."""

    @staticmethod
    def said(*exact: tuple[int, bool]) -> Struct:
        fields: dict[int, tuple[int, Any]] = {
            3: (I64, 4),
            5: (BINARY, b"quince-trees"),
            6: (BINARY, b"apple-trees"),
        }
        return Struct(fields | {number: (TRUE if holds else FALSE, holds) for number, holds in exact})

    def outlasts(self, before: Struct, *gone: bytes, nulls: int = 0) -> Struct | None:
        leaf = Leaf(Physical.TEXT, None, 0, 0, BYTES)
        after, went = Summary(leaf, before), Summary(leaf, before)
        went.nulls = nulls
        for value in gone:
            went.add_texts((value, value))
        return after.written() if after.outlasts(went) else None

    def test_values_between_the_extremes_leave_them_alone(self) -> None:
        before = self.said()
        assert self.outlasts(before, b"banana", b"pear", nulls=1) == Struct(before.fields | {3: (I64, 3)})

    @pytest.mark.parametrize("value", [b"apple-trees", b"quince-trees"])
    def test_an_extreme_that_went_is_looked_for_again(self, value: bytes) -> None:
        assert self.outlasts(self.said((7, True), (8, True)), b"pear", value) is None

    @pytest.mark.parametrize("value", [b"apple-trees-in-bloom", b"quince-treeq-in-bloom"])
    def test_an_extreme_that_may_be_a_value_cut_short_is_looked_for_again(self, value: bytes) -> None:
        assert self.outlasts(self.said(), value) is None
        assert self.outlasts(self.said((7, True), (8, True)), value) is not None

    @pytest.mark.parametrize("exact", [((7, False), (8, True)), ((7, True), (8, False))])
    def test_extremes_that_are_said_to_be_cut_are_looked_for_again(self, exact: Any) -> None:
        assert self.outlasts(self.said(*exact), b"pear") is None
        assert self.outlasts(self.said(*exact)) is None

    def test_more_nulls_than_there_were_are_counted_again(self) -> None:
        assert self.outlasts(self.said(), nulls=5) is None

    def test_a_number_of_another_width_is_no_extreme(self) -> None:
        leaf, before = (
            Leaf(Physical.INT32, 4, 0, 0, "<i4"),
            Struct({5: (BINARY, b"\0\1"), 6: (BINARY, b"\0\0")}),
        )
        assert not Summary(leaf, before).outlasts(Summary(leaf, before))
