"""Drafts for the EU AI Act say what the run really did, list the domains that are asked for, and invent nothing."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply import domains as counting
from byleave.apply.domains import MOST_OF_SME, Domains, count_domains
from byleave.apply.finished import read_report
from byleave.apply.provider_report import Told, domains_csv, policy, summary
from byleave.apply.run import apply_ruleset
from byleave.consent import Preference, TargetKind, Use
from byleave.urls import registrable_domain

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
    assert found.top()[:1] == (["0.example"] if domains else [])


def test_a_name_that_a_spreadsheet_would_run_is_written_as_text() -> None:
    written = domains_csv(Domains(Counter({"=cmd()": 1}), 0), sme=False)
    assert list(csv.reader(written.splitlines()))[1] == ["'=cmd()", "1"]


def as_tar(folder: Path, pictures: Sequence[tuple[str, bytes]]) -> None:
    with tarfile.open(folder / "00000.tar", "w") as shard:
        for number, (link, picture) in enumerate(pictures):
            for suffix, content in (("json", json.dumps({"url": link}).encode()), ("jpg", picture)):
                member = tarfile.TarInfo(f"{number:09d}.{suffix}")
                member.size = len(content)
                shard.addfile(member, io.BytesIO(content))


def as_cells(folder: Path, pictures: Sequence[tuple[str, bytes]]) -> None:
    links, cells = zip(*pictures, strict=True)
    pq.write_table(pa.table({"url": links, "jpg": pa.array(cells, pa.binary())}), folder / "links.parquet")


def as_views(folder: Path, pictures: Sequence[tuple[str, bytes]]) -> None:
    links, cells = zip(*pictures, strict=True)
    pq.write_table(
        pa.table({"url": links, "jpg": pa.array(cells, pa.binary_view())}), folder / "links.parquet"
    )


def as_structs(folder: Path, pictures: Sequence[tuple[str, bytes]]) -> None:
    links, cells = zip(*pictures, strict=True)
    column = [{"bytes": cell, "path": None} for cell in cells]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"url": links, "image": pa.array(column, kind)}), folder / "links.parquet")


def as_files(folder: Path, pictures: Sequence[tuple[str, bytes]]) -> None:
    links, cells = zip(*pictures, strict=True)
    keys = [f"{number:09d}" for number in range(len(links))]
    pq.write_table(pa.table({"url": links, "key": keys}), folder / "00000.parquet")
    (folder / "00000").mkdir()
    for key, cell in zip(keys, cells, strict=True):
        (folder / "00000" / f"{key}.jpg").write_bytes(cell)


HELD = (
    ("https://few.example/large", b"\xff" * 900),
    ("https://many.example/1", b"\xff" * 40),
    ("https://many.example/2", b"\xff" * 50),
    ("nonsense", b"\xff" * 10),
)


@pytest.mark.parametrize("write", [as_tar, as_cells, as_views, as_structs, as_files])
def test_where_pictures_are_held_domains_are_ranked_by_their_size(tmp_path: Path, write: object) -> None:
    assert callable(write)
    write(tmp_path, HELD)
    found = count_domains(tmp_path)
    assert dict(found.counts) == {"few.example": 1, "many.example": 2}
    assert found.sizes == {"few.example": 900, "many.example": 90}
    assert (found.without, found.bytes_without, found.all_bytes) == (1, 10, 1000)
    assert found.top() == ["few.example"]
    assert list(csv.reader(domains_csv(found, sme=False).splitlines())) == [
        ["domain", "entries", "bytes"],
        ["few.example", "1", "900"],
    ]


def test_a_dataset_that_holds_some_pictures_and_some_links_is_ranked_by_entries(tmp_path: Path) -> None:
    as_tar(tmp_path, HELD)
    (tmp_path / "links.jsonl").write_text('{"url": "https://third.example/1"}\n')
    found = count_domains(tmp_path)
    assert (found.sizes, found.all_bytes) == (None, 0)
    assert found.top() == ["many.example"]


def test_a_host_is_looked_up_once_however_many_batches_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noted(host: str) -> str | None:
        asked.append(host)
        return registrable_domain(host)

    monkeypatch.setattr(counting, "registrable_domain", noted)
    monkeypatch.setattr(counting, "ROWS_AT_ONCE", 2)
    links = [f"https://{name}.example/{n}" for n in range(4) for name in "ab"]
    pq.write_table(pa.table({"url": links}), tmp_path / "links.parquet")
    assert count_domains(tmp_path).counts == {"a.example": 4, "b.example": 4}
    assert sorted(asked) == ["a.example", "b.example"]


def test_a_picture_that_was_not_fetched_has_no_size(tmp_path: Path) -> None:
    column = pa.array([b"\xff" * 7, None], pa.binary())
    pq.write_table(
        pa.table({"url": ["https://a.example/1", "https://a.example/2"], "jpg": column}),
        tmp_path / "l.parquet",
    )
    found = count_domains(tmp_path)
    assert (found.counts["a.example"], found.sizes) == (2, {"a.example": 7})


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


def test_the_summary_ranks_by_size_what_it_knows_the_size_of(output: Path, tmp_path: Path) -> None:
    as_tar(tmp_path, HELD)
    text = summary(Told(read_report(output)), count_domains(tmp_path), sme=False)
    assert "by the size of what was fetched from there: this dataset holds 1,000 bytes" in text
    assert "| Domain | Entries | Bytes | Share |" in text
    assert "| few.example | 1 | 900 | 90.00 % |" in text


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
