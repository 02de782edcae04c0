"""A mask, an annotated dataset and a filtered one say the same, whoever and how many work on it."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.engine import Failure
from byleave.apply.modes import CAUSES_COLUMN, KEEP_COLUMN, Mode
from byleave.apply.pages import footer
from byleave.apply.ruleset import ruleset_path
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.wholeness import is_known_whole, note_path
from byleave.consent import Regime, TargetKind
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError, InputError, VerificationError
from byleave.storage.outputs import OUTPUT_NOTE

FILES = 3


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.PREFIX, "b.example/p/")])
    for place in range(FILES):
        urls = [f"http://{'abc'[n % 3]}.example/{'pq'[n % 2]}/{place}-{n}" for n in range(60)]
        links_file(tmp_path / "data" / f"{place}.parquet", [*urls, None])
    return tmp_path


def applied(world: Path, name: str, **others: Any) -> Path:
    report = apply_ruleset(request(world, world / "data", output=world / name, **others), NOW)
    assert report.kept + report.removed == FILES * 61
    return world / name


def listed(folder: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / OWN_FOLDER / name).to_pylist()
    return rows


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class TestModes:
    """Three ways to write down one decision."""

    def test_a_mask_lists_the_rows_that_a_filter_takes_out(self, world: Path) -> None:
        masked, filtered = applied(world, "masked", mode=Mode.MASK), applied(world, "filtered")
        assert listed(masked, "mask.parquet") == listed(filtered, "removed.parquet")

    def test_a_mask_is_enough_to_become_a_rewrite_later(self, world: Path) -> None:
        masked, filtered = applied(world, "masked", mode=Mode.MASK), applied(world, "filtered")
        for place in range(FILES):
            name = f"{place}.parquet"
            gone = {one["row"] for one in listed(masked, "mask.parquet") if one["file"] == name}
            whole = pq.read_table(world / "data" / name)
            stays = whole.filter(pa.array([at not in gone for at in range(whole.num_rows)]))
            assert stays == pq.read_table(filtered / name)

    def test_a_mask_writes_no_data_and_reads_only_what_decides(self, world: Path) -> None:
        # A page of another column is damaged: whoever read it would fail.
        path = world / "data" / "0.parquet"
        column = pq.read_metadata(path).row_group(0).column(1)
        assert column.path_in_schema == "row"
        content = bytearray(path.read_bytes())
        start = column.dictionary_page_offset or column.data_page_offset
        content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
        path.write_bytes(content)
        masked = applied(world, "masked", mode=Mode.MASK)
        assert {p.name for p in masked.iterdir()} == {OWN_FOLDER, OUTPUT_NOTE}
        with pytest.raises(FormatError, match="cannot be read"):
            applied(world, "filtered")

    def test_an_annotated_dataset_has_all_rows_and_says_of_each(self, world: Path) -> None:
        annotated, filtered = applied(world, "annotated", mode=Mode.ANNOTATE), applied(world, "filtered")
        table, source = pq.read_table(annotated / "1.parquet"), pq.read_table(world / "data" / "1.parquet")
        assert table.select(source.schema.names) == source
        assert table.filter(table[KEEP_COLUMN]).select(source.schema.names) == pq.read_table(
            filtered / "1.parquet"
        )
        causes = [one["causes"] for one in listed(filtered, "removed.parquet") if one["file"] == "1.parquet"]
        assert [told for told in table[CAUSES_COLUMN].to_pylist() if told] == causes
        assert all(
            bool(told) != keep
            for told, keep in zip(
                table[CAUSES_COLUMN].to_pylist(), table[KEEP_COLUMN].to_pylist(), strict=True
            )
        )
        assert listed(annotated, "mask.parquet") == listed(filtered, "removed.parquet")
        group = pq.read_metadata(annotated / "1.parquet").row_group(0)
        assert {group.column(place).compression for place in range(group.num_columns)} == {"SNAPPY"}

    def test_an_annotated_dataset_is_not_annotated_again(self, world: Path) -> None:
        annotated = applied(world, "annotated", mode=Mode.ANNOTATE)
        shutil.rmtree(world / "data")
        (world / "data").mkdir()
        shutil.copy(annotated / "1.parquet", world / "data")
        with pytest.raises(InputError, match=r"1.parquet has a column byleave_keep already"):
            applied(world, "again", mode=Mode.ANNOTATE)

    def test_a_file_whose_metadata_cannot_be_extended_is_named_with_what_to_do(
        self, world: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(footer, "MOST_FOOTER_BYTES", 10)
        with pytest.raises(FormatError, match=r"no columns can be added to \d.parquet") as refused:
            applied(world, "annotated", mode=Mode.ANNOTATE)
        assert "--mode mask" in refused.value.remedy
        assert not (world / "annotated").exists()

    def test_research_marks_nothing_and_lists_what_opt_out_would(self, world: Path) -> None:
        out = applied(world, "research", mode=Mode.ANNOTATE, regime=Regime.RESEARCH)
        table = pq.read_table(out / "0.parquet")
        assert all(table[KEEP_COLUMN].to_pylist())
        assert len(listed(out, "would_be_removed.parquet")) == FILES * 31

    def test_the_report_names_the_mode(self, world: Path) -> None:
        masked = applied(world, "masked", mode=Mode.MASK)
        assert json.loads((masked / OWN_FOLDER / "report.json").read_text())["request"]["mode"] == "mask"
        assert "entries were marked" in (masked / OWN_FOLDER / "report.html").read_text()


class TestWorkers:
    """How many work changes nothing that is written."""

    def test_two_processes_write_the_same_bytes_as_one(self, world: Path) -> None:
        alone = applied(world, "alone")
        assert contents(applied(world, "together", workers=2)) == contents(alone)

    def test_an_error_in_a_worker_is_the_error_of_the_run_and_there_is_no_output(self, world: Path) -> None:
        path = world / "data" / "1.parquet"
        content = bytearray(path.read_bytes())
        content[4:400] = b"\xff" * 396
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"1\.parquet cannot be read as Parquet") as caught:
            applied(world, "out", workers=2)
        assert "fetch the file again" in caught.value.remedy
        assert not (world / "out").exists()

    def test_what_the_workers_finished_is_used_by_the_next_run(self, world: Path) -> None:
        alone = applied(world, "alone")
        asked = request(world, world / "data", output=world / "out", workers=2)
        told: list[int] = []

        def stop(step: str, done: int, total: int) -> None:
            told.append(done)
            if step == "apply" and done == 2 * total // FILES:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            apply_ruleset(asked, NOW, stop)
        left = next(world.glob(".out.apply-*"))
        before = {p.name: p.stat().st_ino for p in left.glob("shards/*/out/*")}
        apply_ruleset(asked, NOW)
        assert contents(world / "out") == contents(alone)
        after = {p.name: p.stat().st_ino for p in (world / "out").iterdir()}
        assert {name: after[name] for name in ("0.parquet", "1.parquet")} == {
            name: before[name] for name in ("0.parquet", "1.parquet")
        }

    @pytest.mark.parametrize("workers", [0, 257])
    def test_nobody_and_too_many_are_refused(self, world: Path, workers: int) -> None:
        with pytest.raises(InputError, match="cannot work"):
            applied(world, "out", workers=workers)

    def test_every_error_keeps_its_words_on_the_way(self) -> None:
        error = Failure.of(FormatError("it is odd", remedy="mend it")).error()
        assert (type(error), error.problem, error.remedy) == (FormatError, "it is odd", "mend it")


class TestWholeness:
    """A ruleset is read in whole once, and again when it changed."""

    @pytest.fixture
    def settled(self, world: Path) -> Path:
        path = ruleset_path(world / "synced", 1)
        open_ruleset(world / "synced")
        assert not is_known_whole(path), "a file this young may change without a trace"
        deadline = time.monotonic() + 30
        while not is_known_whole(path) and time.monotonic() < deadline:
            time.sleep(0.2)
            open_ruleset(world / "synced")
        assert is_known_whole(path)
        return path

    def test_a_change_is_found_although_the_file_was_whole_before(self, settled: Path) -> None:
        content = bytearray(settled.read_bytes())
        content[-1] ^= 1
        before = settled.stat()
        settled.write_bytes(content)
        os.utime(settled, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(VerificationError, match="damaged"):
            open_ruleset(settled.parent)

    def test_a_note_that_cannot_be_read_counts_for_nothing(self, settled: Path) -> None:
        note_path(settled).write_bytes(b"{")
        assert not is_known_whole(settled)
        open_ruleset(settled.parent)
        assert is_known_whole(settled)
