"""What an ingest leaves behind survives a power cut and says what it cannot read."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from byleave.catalog.info import DatasetInfo, SourceInfo, dataset_version, read_info, write_info
from byleave.catalog.ledger import DETAIL_CHARACTERS, LISTED_REJECTS, Journal, Tally, lease
from byleave.datasets import Reject
from byleave.errors import ConflictError, FormatError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
INFO = DatasetInfo(
    "d", dataset_version(["b", "a"]), 3, 1, NOON, {"captions": "m/1"}, (SourceInfo("/s", "folder", "a"),)
)


class TestJournal:
    """A shard is finished when its line is whole."""

    def test_finished_shards_are_known_to_the_next_run(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path, "s")
        journal.finish("one", Tally(3, 1, Counter(no_url=2)), [Reject("no_url", "row 1")] * 2)
        journal.finish("two", Tally(4, 0, Counter(no_url=1), Counter(bad_text=5)), [])
        again = Journal(tmp_path, "s")
        assert set(again.finished) == {"one", "two"}
        assert again.total() == Tally(7, 1, Counter(no_url=3), Counter(bad_text=5))

    def test_half_a_line_is_cut_off_and_the_next_one_is_whole(self, tmp_path: Path) -> None:
        Journal(tmp_path, "s").finish("one", Tally(3), [])
        with (tmp_path / "journal/s.jsonl").open("ab") as file:
            file.write(b'{"shard": "tw')
        Journal(tmp_path, "s").finish("three", Tally(1), [])
        assert set(Journal(tmp_path, "s").finished) == {"one", "three"}

    def test_rejects_are_listed_up_to_a_limit(self, tmp_path: Path) -> None:
        many = [Reject("unusable_url", f"row {n}", "x" * 10_000) for n in range(LISTED_REJECTS + 5)]
        Journal(tmp_path, "s").finish("one", Tally(), many)
        (file,) = (tmp_path / "rejects/s").iterdir()
        lines = file.read_text().splitlines()
        assert len(lines) == LISTED_REJECTS + 1
        assert len(json.loads(lines[1])["detail"]) == DETAIL_CHARACTERS

    def test_a_forgotten_source_begins_anew(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path, "s")
        journal.finish("one", Tally(1), [])
        journal.forget()
        assert Journal(tmp_path, "s").finished == {}


class TestLease:
    """One writer at a time."""

    def test_a_second_holder_is_told_of_the_first(self, tmp_path: Path) -> None:
        with (
            lease(tmp_path / "d", now=NOON, purpose="ingest of /x"),
            pytest.raises(ConflictError, match=r"since 2026-11-22 12:00:00 UTC \(ingest of /x\)"),
            lease(tmp_path / "d", now=NOON, purpose="other"),
        ):
            pass

    def test_it_is_free_again_afterwards(self, tmp_path: Path) -> None:
        for purpose in ("ingest", "search"):
            with lease(tmp_path / "d", now=NOON, purpose=purpose):
                assert f"({purpose})" in (tmp_path / "d" / "lease").read_text()


class TestInfo:
    """``dataset.json`` is read as it was written, or refused."""

    def test_it_comes_back_as_it_was(self, tmp_path: Path) -> None:
        write_info(tmp_path, INFO)
        assert read_info(tmp_path) == INFO

    def test_no_file_is_no_dataset(self, tmp_path: Path) -> None:
        assert read_info(tmp_path) is None

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "byleave/dataset/9"}', "null", "\x00"])
    def test_another_content_is_refused(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "dataset.json").write_text(content)
        with pytest.raises(FormatError, match="cannot be read"):
            read_info(tmp_path)

    def test_the_version_does_not_depend_on_the_order_of_sources(self) -> None:
        assert dataset_version(["a", "b"]) == dataset_version(["b", "a"]) != dataset_version(["ab"])
