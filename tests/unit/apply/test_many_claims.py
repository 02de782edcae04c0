"""Half a million people may say no to one domain: rows are decided as before, and what is told of each stays bounded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.unit.apply.worlds import NOW, coverage_file, links_file, request, row, synced

from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.said import MOST_OF_A_TARGET
from byleave.apply.shard import Unchecked
from byleave.apply.sources import dataset_version
from byleave.consent import Evidence, Preference, TargetKind
from byleave.datasets import OWN_FOLDER, source_digest

HOST = "crowded.example"
LINKS = [f"https://{HOST}/{n}" for n in range(40)]
CROWD = 5_000


def crowd(size: int = CROWD) -> list[Any]:
    """Many claims on one host: one strong no, many weaker ones, some that wait and some that allow."""
    rows = [row(n, TargetKind.HOST, HOST, evidence=Evidence.E3) for n in range(2, size)]
    rows.append(row(size, TargetKind.HOST, HOST, evidence=Evidence.E5))
    rows.append(row(size + 1, TargetKind.HOST, HOST, Preference.ALLOW, evidence=Evidence.E5))
    return rows


def listed(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "out" / OWN_FOLDER / "removed.parquet").to_pylist()
    return rows


@pytest.fixture
def world(tmp_path: Path) -> Path:
    links_file(tmp_path / "data" / "links.parquet", LINKS)
    synced(tmp_path, crowd())
    return tmp_path


def test_every_row_goes_and_names_the_strongest(world: Path) -> None:
    report = apply_ruleset(request(world, world / "data"), NOW)
    assert (report.kept, report.removed) == (0, len(LINKS))
    for one in listed(world):
        named = [cause["reference"] for cause in one["causes"]]
        assert len(named) == MOST_OF_A_TARGET
        assert CROWD.to_bytes(16).hex() in named, "the best confirmed is among them"
        assert {cause["preference"] for cause in one["causes"]} == {"deny"}


def test_claims_that_every_row_names_are_written_once(world: Path) -> None:
    apply_ruleset(request(world, world / "data"), NOW)
    size = (world / "out" / OWN_FOLDER / "removed.parquet").stat().st_size
    assert size < len(LINKS) * MOST_OF_A_TARGET * 8, "half of what their ids alone would take"


def test_the_report_says_how_many_more_there_are(world: Path) -> None:
    apply_ruleset(request(world, world / "data"), NOW)
    own = world / "out" / OWN_FOLDER
    told = json.loads((own / "report.json").read_bytes())
    cut = len(LINKS) * (CROWD - MOST_OF_A_TARGET)
    assert told["causes_cut"] == cut
    assert f"{cut:,} more are not" in (own / "report.html").read_text()
    assert told["evidence"]["E5"] == len(LINKS)


def test_a_copy_that_so_many_claim_is_told_in_the_same_bounds(world: Path) -> None:
    text = "pdq-512/1:99:" + "11" * 32
    many = [row(n, TargetKind.PICTURE, text, evidence=Evidence.E1) for n in range(1, 400)]
    synced(world, many, 2)
    coverage = coverage_file(
        world / "made.coverage",
        release_manifest=open_ruleset(world / "synced")[0].manifest_digest,
        version=dataset_version([source_digest(world / "data")]),
        matches=[{"url": LINKS[0], "claim": n, "distance": 3} for n in range(1, 400)],
        checked=LINKS,
        number=2,
    )
    report = apply_ruleset(request(world, world / "data", coverage=coverage, unchecked=Unchecked.KEEP), NOW)
    assert report.removed == 1
    (one,) = listed(world)
    assert MOST_OF_A_TARGET <= len(one["causes"]) < 400
    assert len(one["causes"]) + report.tally.totals["causes_cut"] == 399


def test_what_is_written_does_not_grow_with_the_crowd(world: Path, tmp_path: Path) -> None:
    apply_ruleset(request(world, world / "data"), NOW)
    few = (world / "out" / OWN_FOLDER / "removed.parquet").stat().st_size
    synced(world, crowd(2 * CROWD), 2)
    apply_ruleset(request(world, world / "data", output=tmp_path / "out2"), NOW)
    assert (tmp_path / "out2" / OWN_FOLDER / "removed.parquet").stat().st_size < few * 1.1
