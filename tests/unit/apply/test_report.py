"""The report tells people and programs the same numbers, and asks for nothing from outside."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.report import Report, report_object
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.tally import MOST_NAMES, Tally, most_first
from byleave.consent import Evidence, Preference, Regime, TargetKind, Use
from byleave.datasets import OWN_FOLDER

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "report.md"
VOID = {"meta", "br"}


@pytest.fixture
def report(tmp_path: Path) -> Report:
    synced(
        tmp_path,
        [
            row(1, TargetKind.HOST, "a.example", evidence=Evidence.E3),
            row(2, TargetKind.URL, "http://b.example/", Preference.CONDITIONAL, evidence=Evidence.E0),
            row(3, TargetKind.PICTURE, "x"),
        ],
    )
    links_file(
        tmp_path / "links.parquet",
        ["http://a.example/1", "http://a.example/2", "http://b.example/", "x", "http://c.example/"],
    )
    asked = request(
        tmp_path, tmp_path / "links.parquet", uses=(Use.TRAIN_GEN, Use.SEARCH), unchecked=Unchecked.KEEP
    )
    return apply_ruleset(asked, NOW)


class TestJSON:
    """``report.json`` is stable and adds up."""

    def test_the_numbers_add_up(self, report: Report) -> None:
        told = report_object(report)
        assert told["rows"] == {
            "input": 5,
            "kept": 1,
            "removed": 4,
            "listed": 4,
            "listed_in": "removed.parquet",
        }
        assert told["evidence"] == {"E0": 1, "E1": 0, "E2": 0, "E3": 2, "E4": 0, "E5": 0}
        assert told["hosts"] == [
            {"host": "a.example", "rows": 2},
            {"host": "", "rows": 1},
            {"host": "b.example", "rows": 1},
        ]
        assert told["unreadable"] == {"links": 1, "digests": 0}
        for use, counts in report.answers():
            assert sum(counts.values()) == 5, use

    def test_every_field_is_in_the_reference(self, report: Report) -> None:
        described = REFERENCE.read_text()
        told = report_object(report)
        names = set(told) | {name for part in told.values() if isinstance(part, dict) for name in part}
        words = {r.value for r in Regime} | {use.value for use in Use} | {level.name for level in Evidence}
        missing = [name for name in sorted(names - words) if f"`{name}`" not in described]
        assert missing == []

    def test_the_file_is_what_the_function_returns(self, report: Report, tmp_path: Path) -> None:
        assert json.loads((tmp_path / "out" / OWN_FOLDER / "report.json").read_text()) == json.loads(
            json.dumps(report_object(report))
        )


class TestPage:
    """``report.html`` stands alone, is well formed, and has a table beside every chart."""

    @pytest.fixture
    def page(self, report: Report, tmp_path: Path) -> str:
        return (tmp_path / "out" / OWN_FOLDER / "report.html").read_text()

    def test_it_asks_for_nothing_from_outside(self, page: str) -> None:
        assert not re.search(r"<script|<link|<img|@import|url\(|src=|href=| on[a-z]+=", page)

    def test_every_element_is_closed(self, page: str) -> None:
        open_tags: list[str] = []

        class Reader(HTMLParser):
            def handle_starttag(self, tag: str, attrs: object) -> None:
                if tag not in VOID:
                    open_tags.append(tag)

            def handle_startendtag(self, tag: str, attrs: object) -> None:
                assert tag == "rect"

            def handle_endtag(self, tag: str) -> None:
                assert open_tags.pop() == tag

        Reader().feed(page)
        assert open_tags == []

    def test_every_chart_is_described_and_has_a_table(self, page: str) -> None:
        charts = re.findall(r'<svg [^>]*role="img" aria-label="[^"]+"', page)
        assert len(charts) == page.count("<svg") >= 5
        assert len(re.findall(r"</figure><div class=\"scroll\"[^>]*><table><caption>", page)) == len(charts)

    def test_it_says_what_could_not_be_checked_and_what_was_done(self, page: str) -> None:
        assert "<strong>5</strong> entries could not be checked" in page
        assert "--unchecked keep" in page

    def test_it_says_in_plain_words_what_it_does_not_say(self, page: str) -> None:
        assert "Models trained earlier are not changed" in page

    def test_research_says_that_nothing_was_removed(self, tmp_path: Path, report: Report) -> None:
        asked = request(
            tmp_path,
            tmp_path / "links.parquet",
            regime=Regime.RESEARCH,
            output=tmp_path / "r",
            unchecked=Unchecked.KEEP,
        )
        apply_ruleset(asked, NOW)
        page = (tmp_path / "r" / OWN_FOLDER / "report.html").read_text()
        assert "Nothing was removed" in page
        assert "would_be_removed.parquet" in page


class TestTally:
    """Counts of shards add up and stay bounded."""

    def test_tallies_survive_the_journal(self) -> None:
        tally = Tally()
        tally.hosts["a"] = 3
        tally.totals["rows"] = 9
        assert Tally.total([Tally.from_json(json.loads(json.dumps(tally.to_json())))] * 2).hosts == {"a": 6}

    def test_rare_hosts_are_dropped_and_that_is_counted(self) -> None:
        tally = Tally()
        tally.hosts.update({f"h{n}": 1 for n in range(MOST_NAMES)})
        tally.hosts.update({"big": 7, "zz": 1})
        tally.cut_names()
        assert (len(tally.hosts), tally.totals["cut"], tally.hosts["big"]) == (MOST_NAMES, 2, 7)

    def test_equal_counts_stand_by_name(self) -> None:
        assert most_first({"b": 1, "c": 2, "a": 1}) == [("c", 2), ("a", 1), ("b", 1)]

    @given(st.dictionaries(st.text(max_size=2), st.integers(1, 3)), st.integers(0, 9))
    def test_the_first_few_are_those_of_all(self, counts: dict[str, int], most: int) -> None:
        assert most_first(counts, most) == most_first(counts)[:most]
