"""Rows are decided by the fingerprints that stand beside them as well, and the report says by what each was checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.unit.apply.pictured import (
    BROKEN,
    LIMITS,
    claimed,
    fingerprinted,
    image_cells,
    links_of,
    picture,
    picture_row,
    reposted,
    tar_shard,
)
from tests.unit.apply.worlds import NOW, coverage_file, request, row, synced
from tests.unit.media.pictures import encoded

from byleave.apply.page import html_page
from byleave.apply.report import Report
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.file import METADATA_KEY, SIDECAR_FOLDER, SidecarFacts, read_facts
from byleave.apply.sources import dataset_version
from byleave.consent import ClaimState, Evidence, Preference, TargetKind
from byleave.datasets import OWN_FOLDER, source_digest
from byleave.errors import FormatError, InputError, NotFoundError, VerificationError
from byleave.fingerprints import MINIMUM_QUALITY, hamming
from byleave.media.fingerprinting import Fingerprinter

CLAIMED, OTHER = 3, 8
FLAT = encoded(Image.new("L", (200, 160), 128))


@pytest.fixture(scope="module")
def printer() -> Iterator[Fingerprinter]:
    with Fingerprinter(LIMITS) as one:
        yield one


@pytest.fixture
def world(tmp_path: Path, printer: Fingerprinter) -> Path:
    """A shard with the claimed picture itself, a re-post, another picture, a broken file and a failed download."""
    tar_shard(tmp_path / "data", "00000", [picture(CLAIMED), reposted(CLAIMED), picture(OTHER), BROKEN, None])
    fingerprinted(tmp_path / "data", tmp_path / "prints", printer)
    return tmp_path


def applied(world: Path, **others: Any) -> Report:
    asked = {"fingerprints": world / "prints", "unchecked": Unchecked.KEEP} | others
    return apply_ruleset(request(world, world / "data", **asked), NOW)


def removed(world: Path) -> dict[int, list[tuple[str, str | None, int | None]]]:
    rows = pq.read_table(world / "out" / OWN_FOLDER / "removed.parquet").to_pylist()
    return {
        one["row"]: [(cause["kind"], cause["method"], cause["distance"]) for cause in one["causes"]]
        for one in rows
    }


class TestDeciding:
    def test_the_dataset_itself_may_be_named_where_fingerprints_stand_beside_its_shards(
        self, world: Path, printer: Fingerprinter
    ) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        fingerprinted(world / "data", world / "data" / SIDECAR_FOLDER, printer)
        applied(world, fingerprints=world / "data")
        assert {0, 1} <= removed(world).keys()

    def test_a_reencoded_copy_of_a_claimed_picture_goes_and_its_distance_is_told(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        applied(world)
        prints = pq.read_table(world / "prints" / "00000.parquet").to_pylist()
        nearest = min(
            hamming(value, prints[1][name])
            for value in claimed(CLAIMED).variants
            for name in ("pdq", "pdq_trimmed")
        )
        assert removed(world) == {0: [("claim", "pdq", 0)], 1: [("claim", "pdq", nearest)]}
        kept = pq.read_table(world / "out" / "00000.parquet")["url"].to_pylist()
        assert kept == links_of("00000", 5)[2:]

    def test_the_digest_of_the_picture_is_compared_where_the_row_states_none(self, world: Path) -> None:
        synced(world, [row(1, TargetKind.DIGEST, hashlib.sha256(reposted(CLAIMED)).digest())])
        applied(world)
        assert removed(world) == {1: [("claim", "digest", None)]}

    def test_a_picture_without_link_and_digest_is_decided_by_its_fingerprint(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        image_cells(tmp_path / "data" / "train.parquet", [picture(OTHER), reposted(CLAIMED)])
        fingerprinted(tmp_path / "data", tmp_path / "prints", printer)
        synced(tmp_path, [picture_row(1, CLAIMED)])
        report = applied(tmp_path, unchecked=None)
        assert list(removed(tmp_path)) == [1]
        assert (report.kept, report.tally.totals["unreadable"]) == (1, 0)

    def test_an_allow_of_the_picture_takes_nothing_out(self, world: Path) -> None:
        said = replace(picture_row(1, CLAIMED))
        yes = replace(
            said.statement,
            preferences=row(2, TargetKind.HOST, "a.example", Preference.ALLOW).statement.preferences,
        )
        synced(world, [replace(said, statement=yes)])
        assert applied(world).removed == 0

    def test_a_flat_picture_near_a_claimed_one_is_left_for_a_person(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        tar_shard(tmp_path / "data", "00000", [FLAT])
        fingerprinted(tmp_path / "data", tmp_path / "prints", printer)
        (seen,) = pq.read_table(tmp_path / "prints" / "00000.parquet").to_pylist()
        assert seen["quality"] < MINIMUM_QUALITY
        text = f"pdq-512/1:99:{seen['pdq'].hex()}"
        synced(tmp_path, [row(1, TargetKind.PICTURE, text, ticked=text)])
        report = applied(tmp_path)
        assert (report.removed, report.tally.totals["review"]) == (0, 1)

    def test_a_claim_that_reaches_a_row_by_coverage_and_fingerprint_is_named_once(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        links = links_of("00000", 5)
        release = open_ruleset(world / "synced")[0]
        coverage = coverage_file(
            world / "made.coverage",
            release_manifest=release.manifest_digest,
            version=dataset_version([source_digest(world / "data")]),
            matches=[{"url": links[0], "claim": 1, "distance": 0}],
            checked=links,
        )
        report = applied(world, coverage=coverage, unchecked=None)
        assert [len(causes) for causes in removed(world).values()] == [1, 1]
        assert report.tally.totals["unchecked"] == 0

    def test_several_workers_write_the_same_bytes(self, world: Path, printer: Fingerprinter) -> None:
        tar_shard(world / "data", "00001", [picture(OTHER), reposted(CLAIMED)])
        fingerprinted(world / "data", world / "prints", printer)
        synced(world, [picture_row(1, CLAIMED)])
        applied(world)
        applied(world, output=world / "out2", workers=2)
        for name in ("removed.parquet", "report.json"):
            one, two = ((world / out / OWN_FOLDER / name).read_bytes() for out in ("out", "out2"))
            assert one == two


class TestCounting:
    def test_the_report_says_by_what_rows_were_checked_and_why_others_were_not(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        report = applied(world)
        told = json.loads((world / "out" / OWN_FOLDER / "report.json").read_bytes())
        assert told["checked_by"] == {"link": 5, "digest": 4, "fingerprint": 3, "coverage": 0}
        assert told["unchecked"]["rows"] == 2
        assert told["unchecked"]["reasons"] == {"no_fingerprint:no_picture": 1, "no_fingerprint:truncated": 1}
        assert told["unchecked"]["needed"]["withheld"] == 0
        assert (told["fingerprints"]["shards"], told["fingerprints"]["fingerprinted"]) == (1, 3)
        page = html_page(report)
        (cells,) = (line for line in page.split("<tr>") if "by a fingerprint of their picture" in line)
        assert ">3</td>" in cells
        assert "the file ends before its picture does" in page

    def test_rows_that_could_not_be_checked_go_where_that_is_asked_for(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        applied(world, unchecked=Unchecked.DROP)
        assert {place: causes[0][0] for place, causes in removed(world).items()} == {
            0: "claim",
            1: "claim",
            3: "unchecked",
            4: "unchecked",
        }

    def test_nobody_decides_in_silence_about_rows_without_fingerprint(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        says = "2 of the first 5 rows could not be checked.*pictures, and these rows have no fingerprint"
        with pytest.raises(InputError, match=says) as caught:
            applied(world, unchecked=None)
        assert "--fingerprints" not in caught.value.remedy
        assert "--unchecked keep" in caught.value.remedy

    def test_where_claims_keep_their_values_back_nobody_is_told_to_pass_the_fingerprints_she_passed(
        self, world: Path
    ) -> None:
        synced(world, [picture_row(1, CLAIMED), picture_row(2, OTHER, ticked=False)])
        with pytest.raises(InputError, match="1 of those on pictures without their values") as caught:
            applied(world, unchecked=None)
        assert "--fingerprints" not in caught.value.remedy
        assert "--coverage" in caught.value.remedy
        assert "--unchecked keep" in caught.value.remedy

    def test_claims_whose_values_are_not_published_leave_every_row_unchecked(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED), picture_row(2, OTHER, ticked=False)])
        report = applied(world)
        assert list(removed(world)) == [0, 1]
        assert report.run.needs.withheld == 1
        assert report.tally.totals["unchecked"] == 5
        assert report.tally.reasons["values_withheld"] == 3

    def test_a_withheld_claim_that_does_not_act_leaves_no_row_unchecked(self, world: Path) -> None:
        waits = replace(
            picture_row(2, OTHER, ticked=False).statement, state=ClaimState.FILED, evidence=Evidence.E0
        )
        synced(
            world,
            [picture_row(1, CLAIMED), replace(picture_row(2, OTHER, ticked=False), statement=waits)],
        )
        report = applied(world)
        assert (report.run.needs.withheld, report.tally.totals["unchecked"]) == (0, 2)

    def test_a_shard_without_fingerprints_is_not_compared(self, world: Path) -> None:
        tar_shard(world / "data", "00001", [picture(CLAIMED)])
        synced(world, [picture_row(1, CLAIMED)])
        report = applied(world)
        assert report.tally.reasons["not_compared"] == 1
        assert set(removed(world)) == {0, 1}


class TestRefusing:
    def test_fingerprints_of_other_bytes_are_refused_and_nothing_is_written(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        tar_shard(world / "data", "00000", [picture(OTHER), picture(CLAIMED), picture(OTHER), BROKEN, None])
        with pytest.raises(VerificationError, match=r"not made of 00000\.parquet as it is now"):
            applied(world)
        assert not (world / "out").exists()

    def test_fingerprints_of_another_version_are_refused(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        self.change(world, lambda facts: replace(facts, fingerprint_version="pdq-512/0"))
        with pytest.raises(VerificationError, match=r"version pdq-512/0.*pdq-512/1"):
            applied(world)

    def test_fingerprints_that_count_other_rows_than_the_shard_are_refused(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        path = world / "prints" / "00000.parquet"
        table = pq.read_table(path)
        facts = replace(read_facts(path), rows=4)
        pq.write_table(table.slice(0, 4).replace_schema_metadata({METADATA_KEY: facts.to_json()}), path)
        with pytest.raises(VerificationError, match="not made of"):
            applied(world)

    def test_a_tar_that_the_fingerprints_do_not_name_is_refused(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        self.change(world, lambda facts: replace(facts, files=facts.files[1:]))
        with pytest.raises(VerificationError, match="not made of"):
            applied(world)

    def test_damaged_fingerprints_are_refused(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        path = world / "prints" / "00000.parquet"
        digest = hashlib.sha256(picture(OTHER)).digest()
        content = path.read_bytes()
        assert content.count(digest) == 1
        path.write_bytes(content.replace(digest, bytes(32)))
        with pytest.raises(VerificationError, match="cannot be read"):
            applied(world)
        assert not (world / "out").exists()

    def test_another_parquet_file_in_their_place_is_refused(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        (world / "prints" / "00000.parquet").write_bytes((world / "data" / "00000.parquet").read_bytes())
        with pytest.raises(FormatError, match="no file of fingerprints"):
            applied(world)

    def test_a_folder_without_fingerprints_of_the_input_is_refused(self, world: Path) -> None:
        synced(world, [picture_row(1, CLAIMED)])
        with pytest.raises(NotFoundError, match="holds no fingerprints of this input"):
            applied(world, fingerprints=world / "elsewhere")

    @staticmethod
    def change(world: Path, how: Callable[[SidecarFacts], SidecarFacts]) -> None:
        path = world / "prints" / "00000.parquet"
        facts = how(read_facts(path))
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({METADATA_KEY: facts.to_json()}), path)
