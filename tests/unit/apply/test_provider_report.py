"""Drafts for the EU AI Act say what the run really did, list the domains that are asked for, and invent nothing."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.attesting import read_report
from byleave.apply.domains import MOST_OF_SME, Domains, count_domains
from byleave.apply.provider_report import Told, domains_csv, policy, summary
from byleave.apply.run import apply_ruleset
from byleave.consent import Preference, TargetKind, Use

LINKS = (
    "https://www.one.example/a",
    "http://pictures.one.example:8080/b?c#d",
    "//two.example/x",
    "HTTPS://USER@Three.Example/y",
    "https://blogspot.com/z",
    "https://mara.blogspot.com/z",
    "https://[2001:db8::1]/z",
    "nonsense",
    None,
)
COUNTED = {
    "one.example": 2,
    "two.example": 1,
    "three.example": 1,
    "blogspot.com": 1,
    "mara.blogspot.com": 1,
    "[2001:db8::1]": 1,
}


def as_text(links: Sequence[str | None]) -> pa.Array:
    return pa.array(links, pa.string())


def as_bytes(links: Sequence[str | None]) -> pa.Array:
    return pa.array([link.encode() if link is not None else None for link in links], pa.binary())


def as_dictionary(links: Sequence[str | None]) -> pa.Array:
    return as_text(links).dictionary_encode()


@pytest.mark.parametrize("column", [as_text, as_bytes, as_dictionary])
def test_entries_are_counted_by_registrable_domain(tmp_path: Path, column: object) -> None:
    assert callable(column)
    pq.write_table(pa.table({"url": column(LINKS)}), tmp_path / "links.parquet")
    found = count_domains(tmp_path)
    assert (dict(found.counts), found.without, found.entries) == (COUNTED, 2, len(LINKS))


def test_other_forms_are_counted_alike(tmp_path: Path) -> None:
    lines = [json.dumps({"url": link}) for link in LINKS if link is not None]
    (tmp_path / "links.jsonl").write_text("\n".join(lines) + "\n")
    assert dict(count_domains(tmp_path).counts) == COUNTED


@pytest.mark.parametrize(
    ("domains", "all_", "sme"),
    [(0, 0, 0), (1, 1, 1), (10, 1, 1), (11, 2, 1), (100, 10, 5), (50_000, 5_000, 1_000)],
)
def test_as_many_domains_are_listed_as_the_template_asks_for(domains: int, all_: int, sme: int) -> None:
    found = Domains(Counter({f"{place}.example": domains - place for place in range(domains)}), 0)
    assert (len(found.top()), len(found.top(sme=True))) == (all_, sme)
    assert len(found.top(sme=True)) <= MOST_OF_SME
    assert found.top()[:1] == ([("0.example", domains)] if domains else [])


def test_a_name_that_a_spreadsheet_would_run_is_written_as_text() -> None:
    written = domains_csv(Domains(Counter({"=cmd()": 1}), 0), sme=False)
    assert list(csv.reader(written.splitlines()))[1] == ["'=cmd()", "1"]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drafts")
    rows = [
        row(1, TargetKind.HOST, "a.example"),
        row(2, TargetKind.URL, "http://b.example/1", Preference.ALLOW),
    ]
    synced(folder, rows)
    links = [*(f"http://a.example/{n}" for n in range(3)), *(f"http://b.example/{n}" for n in range(5)), None]
    links_file(folder / "data" / "links.parquet", links)
    apply_ruleset(request(folder, folder / "data", uses=(Use.TDM, Use.TRAIN_GEN)), NOW)
    return folder / "out"


def test_the_summary_says_what_the_run_did(output: Path) -> None:
    domains = count_domains(output)
    told = Told(read_report(output), "Example Models", None, "ab" * 32)
    text = summary(told, domains, sme=False)
    assert "5 entries used of 9" in text
    assert "| b.example | 5 | 100.00 % |" in text
    assert "4 of 9 entries were left out" in text
    assert "no legal advice" in text
    assert "Example Models" in text
    assert "ab" * 32 in text


def test_what_only_the_provider_knows_is_asked_and_not_invented(output: Path) -> None:
    told = Told(read_report(output))
    assert "[name and contact of the provider]" in summary(told, count_domains(output), sme=True)
    drafted = policy(told)
    assert "[provider]" in drafted
    assert "registry.example/list" in drafted
    assert "4 of 9 entries were left out" in drafted
    assert all(f"## 1.{measure} " in drafted for measure in range(1, 6))


def test_the_report_carries_the_block_of_the_hubs_viewer(output: Path) -> None:
    assert read_report(output)["opt_in_out_urls"] == {
        "full_scan": True,
        "has_urls_columns": True,
        "num_opt_in_urls": 1,
        "num_opt_out_urls": 3,
        "num_scanned_rows": 9,
        "num_urls": 8,
        "urls_columns": ["URL"],
        "use": "train_gen",
    }
