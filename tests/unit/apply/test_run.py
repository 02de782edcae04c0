"""Applying keeps what may stay, in order and form, lists the rest with causes, and fails closed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.apply.worlds import KEY, NOW, URLS, coverage_file, kept_rows, links_file, request, row, synced

from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sources import dataset_version
from byleave.consent import ClaimState, Evidence, Preference, Regime, TargetKind, Use
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError, InputError, VerificationError
from byleave.release import SigningKey


def removed_rows(folder: Path, name: str = "removed.parquet") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / OWN_FOLDER / name).to_pylist()
    return rows


class TestRegimes:
    """The regime says what happens where nobody answered."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Path:
        synced(
            tmp_path,
            [
                row(1, TargetKind.HOST, "a.example"),
                row(2, TargetKind.URL, "http://b.example/2", Preference.ALLOW),
            ],
        )
        links_file(tmp_path / "links.parquet", URLS)
        return tmp_path

    def applied(self, world: Path, regime: Regime, **others: Any) -> Path:
        apply_ruleset(request(world, world / "links.parquet", regime=regime, **others), NOW)
        return world / "out"

    def test_opt_out_keeps_silence_and_drops_what_cannot_be_read(self, world: Path) -> None:
        assert kept_rows(self.applied(world, Regime.OPT_OUT)) == [1, 3]

    def test_opt_in_keeps_only_a_yes(self, world: Path) -> None:
        assert kept_rows(self.applied(world, Regime.OPT_IN)) == [1]

    def test_research_drops_nothing_and_lists_what_opt_out_would(self, world: Path) -> None:
        out = self.applied(world, Regime.RESEARCH)
        assert kept_rows(out) == [0, 1, 2, 3, 4, 5]
        assert not (out / OWN_FOLDER / "removed.parquet").exists()
        assert [listed["row"] for listed in removed_rows(out, "would_be_removed.parquet")] == [0, 2, 4, 5]

    def test_each_use_must_let_a_row_stay(self, world: Path) -> None:
        out = self.applied(world, Regime.OPT_IN, uses=(Use.TRAIN_GEN, Use.SEARCH))
        assert kept_rows(out) == []

    def test_a_use_that_nobody_spoke_of_is_not_refused(self, world: Path) -> None:
        assert kept_rows(self.applied(world, Regime.OPT_OUT, uses=(Use.SEARCH,))) == [0, 1, 3, 5]

    def test_the_report_shows_all_three_side_by_side(self, world: Path) -> None:
        report = json.loads((self.applied(world, Regime.OPT_OUT) / OWN_FOLDER / "report.json").read_text())
        assert report["regimes"] == {
            "opt_out": {"kept": 2, "removed": 4},
            "opt_in": {"kept": 1, "removed": 5},
            "research": {"kept": 6, "removed": 0},
        }

    def test_every_removed_row_names_its_causes(self, world: Path) -> None:
        removed = removed_rows(self.applied(world, Regime.OPT_OUT))
        claim = {
            "kind": "claim",
            "reference": (1).to_bytes(16).hex(),
            "use": "train_gen",
            "preference": "deny",
            "method": "host",
            "distance": None,
            "origin": "registry.example/list",
        }
        assert [(one["file"], one["row"]) for one in removed] == [("links.parquet", n) for n in (0, 2, 4, 5)]
        assert removed[0]["causes"] == [claim]
        assert [cause["reference"] for cause in removed[1]["causes"]] == ["url"]
        assert removed[1]["causes"][0]["kind"] == "unreadable"

    def test_a_run_without_a_use_cannot_be_asked_for(self, world: Path) -> None:
        with pytest.raises(InputError, match="what the dataset is for"):
            request(world, "x", uses=())


class TestTime:
    """Dates count at the moment of the run."""

    def test_a_claim_acts_between_its_dates(self, tmp_path: Path) -> None:
        begins, ends = NOW, NOW + timedelta(days=1)
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example", effective_at=begins, expires_at=ends)])
        links_file(tmp_path / "links.parquet", ["http://a.example/"])
        moments = [begins - timedelta(seconds=1), begins, ends]
        kept = []
        for place, moment in enumerate(moments):
            asked = request(tmp_path, tmp_path / "links.parquet", output=tmp_path / f"out{place}")
            kept.append(apply_ruleset(asked, moment).kept)
        assert kept == [1, 0, 1]

    def test_pending_refusals_act_only_where_asked_for(self, tmp_path: Path) -> None:
        filed = row(
            1, TargetKind.HOST, "a.example", evidence=Evidence.E0, state=ClaimState.FILED, effective_at=None
        )
        synced(tmp_path, [filed])
        links_file(tmp_path / "links.parquet", ["http://a.example/"])
        asked = request(tmp_path, tmp_path / "links.parquet")
        assert apply_ruleset(asked, NOW).kept == 1
        assert apply_ruleset(replace(asked, output=tmp_path / "b", with_pending=True), NOW).kept == 0


class TestForm:
    """Columns, order, schema, codec and row groups are those of the input."""

    def applied(
        self, tmp_path: Path, table: pa.Table, **options: Any
    ) -> tuple[pq.ParquetFile, pq.ParquetFile]:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        pq.write_table(table, tmp_path / "in.parquet", **options)
        apply_ruleset(request(tmp_path, tmp_path / "in.parquet"), NOW)
        return pq.ParquetFile(tmp_path / "in.parquet"), pq.ParquetFile(tmp_path / "out" / "in.parquet")

    def table(self, size: int = 10) -> pa.Table:
        urls = [f"http://{'ab'[n % 2]}.example/{n}" for n in range(size)]
        schema = pa.schema(
            [
                pa.field("z", pa.int64(), nullable=False),
                pa.field("url", pa.large_string(), metadata={"about": "links"}),
                pa.field("when", pa.timestamp("us", "Europe/Paris")),
                pa.field("tags", pa.list_(pa.struct([("word", pa.string()), ("score", pa.float32())]))),
                pa.field("kind", pa.dictionary(pa.int32(), pa.string())),
            ],
            metadata={"made by": "somebody", "huggingface": "{}"},
        )
        columns = [
            pa.array(range(size), pa.int64()),
            pa.array(urls, pa.large_string()),
            pa.array([datetime(2020, 1, 1, tzinfo=UTC)] * size, schema.field("when").type),
            pa.array([[{"word": "x", "score": 1.5}]] * size, schema.field("tags").type),
            pa.array(["k"] * size).dictionary_encode(),
        ]
        return pa.table(columns, schema=schema)

    @pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
    def test_schema_and_codec_stay(self, tmp_path: Path, codec: str) -> None:
        before, after = self.applied(tmp_path, self.table(), compression=codec)
        assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
        assert after.read()["z"].to_pylist() == [1, 3, 5, 7, 9]
        for column in range(before.metadata.row_group(0).num_columns):
            old, new = (file.metadata.row_group(0).column(column) for file in (before, after))
            assert old.compression == new.compression
            assert old.encodings == new.encodings

    def test_row_groups_stay_less_the_rows_taken_out(self, tmp_path: Path) -> None:
        _, after = self.applied(tmp_path, self.table(), row_group_size=4)
        assert [after.metadata.row_group(g).num_rows for g in range(3)] == [2, 2, 1]

    def test_a_file_without_an_arrow_schema_gets_none(self, tmp_path: Path) -> None:
        before, after = self.applied(tmp_path, self.table(), store_schema=False, version="1.0")
        assert b"ARROW:schema" not in (after.metadata.metadata or {})
        assert after.schema.equals(before.schema)
        assert after.metadata.format_version == before.metadata.format_version

    def test_old_timestamps_stay_old(self, tmp_path: Path) -> None:
        _, after = self.applied(tmp_path, self.table(), use_deprecated_int96_timestamps=True)
        assert after.metadata.row_group(0).column(2).physical_type == "INT96"

    def test_a_file_of_no_rows_stays_one(self, tmp_path: Path) -> None:
        before, after = self.applied(tmp_path, self.table().slice(0, 0))
        assert after.metadata.num_rows == 0
        assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)

    def test_a_file_of_which_nothing_stays_keeps_its_schema(self, tmp_path: Path) -> None:
        before, after = self.applied(tmp_path, self.table(1))
        assert after.metadata.num_rows == 0
        assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)

    def test_a_folder_keeps_its_names(self, tmp_path: Path) -> None:
        synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
        for name in ("one.parquet", "deep/two.parquet"):
            links_file(tmp_path / "data" / name, URLS)
        (tmp_path / "data" / "readme.txt").write_text("hello")
        report = apply_ruleset(request(tmp_path, tmp_path / "data"), NOW)
        out = tmp_path / "out"
        assert kept_rows(out, "deep/two.parquet") == kept_rows(out, "one.parquet") == [1, 3]
        assert report.left_out == ("readme.txt",)
        assert sorted({one["file"] for one in removed_rows(out)}) == ["deep/two.parquet", "one.parquet"]


class TestDigests:
    """Where the input says what a file's SHA-256 is, claims on exact files act."""

    def test_a_claimed_file_is_taken_out_wherever_it_stands(self, tmp_path: Path) -> None:
        digest = hashlib.sha256(b"picture").digest()
        synced(tmp_path, [row(1, TargetKind.DIGEST, digest)])
        links_file(
            tmp_path / "links.parquet",
            ["http://a.example/1", "http://a.example/2", None],
            sha256=[digest.hex(), "00" * 32, digest.hex()],
        )
        apply_ruleset(request(tmp_path, tmp_path / "links.parquet", unchecked=Unchecked.KEEP), NOW)
        assert kept_rows(tmp_path / "out") == [1]

    def test_a_digest_that_cannot_be_read_counts_as_a_no(self, tmp_path: Path) -> None:
        synced(tmp_path, [])
        links_file(tmp_path / "links.parquet", ["http://a.example/1"] * 3, sha256=["zz", "", None])
        apply_ruleset(request(tmp_path, tmp_path / "links.parquet"), NOW)
        assert kept_rows(tmp_path / "out") == [1, 2]


class TestCoverage:
    """Claimed pictures act through the coverage of this dataset under this release, or not at all."""

    COPY, LIKE, OTHER, UNSEEN = (f"http://x.example/{n}" for n in range(4))

    @pytest.fixture
    def world(self, tmp_path: Path) -> Path:
        synced(tmp_path, [row(1, TargetKind.PICTURE, "pdq-512/1:90:00", evidence=Evidence.E0)])
        links_file(
            tmp_path / "links.parquet", [self.COPY, self.LIKE, self.OTHER, self.UNSEEN, self.COPY + "#again"]
        )
        return tmp_path

    def covered(self, world: Path, **others: Any) -> Path:
        release, _ = open_ruleset(world / "synced")
        content = (world / "links.parquet").read_bytes()
        facts: dict[str, Any] = {
            "release_manifest": release.manifest_digest,
            "version": dataset_version([hashlib.sha256(content).hexdigest()]),
            "matches": [
                {"url": self.COPY, "claim": 1, "distance": 12},
                {"url": self.LIKE, "claim": 1, "distance": 40},
            ],
            "checked": [self.COPY, self.LIKE, self.OTHER],
        }
        return coverage_file(world / "coverage.zip", **facts | others)

    def asked(self, world: Path, **others: Any) -> ApplyRequest:
        return request(world, world / "links.parquet", coverage=self.covered(world), **others)

    def test_a_copy_goes_and_one_that_merely_looks_alike_stays(self, world: Path) -> None:
        report = apply_ruleset(self.asked(world, unchecked=Unchecked.KEEP), NOW)
        assert kept_rows(world / "out") == [1, 2, 3]
        assert report.tally.totals["review"] == 1
        cause = removed_rows(world / "out")[0]["causes"][0]
        assert (cause["kind"], cause["method"], cause["distance"]) == ("claim", "pdq", 12)
        assert removed_rows(world / "out")[0]["sample_key"] == (1).to_bytes(16)

    def test_what_could_not_be_checked_needs_an_answer_before_anything_is_written(self, world: Path) -> None:
        with pytest.raises(InputError, match="could not be checked") as caught:
            apply_ruleset(self.asked(world), NOW)
        assert "--unchecked keep" in caught.value.remedy
        assert not (world / "out").exists()

    def test_unchecked_rows_go_where_the_trainer_says_so(self, world: Path) -> None:
        report = apply_ruleset(self.asked(world, unchecked=Unchecked.DROP), NOW)
        assert kept_rows(world / "out") == [1, 2]
        assert report.tally.totals["unchecked"] == 1
        kinds = [[cause["kind"] for cause in one["causes"]] for one in removed_rows(world / "out")]
        assert kinds == [["claim"], ["unchecked"], ["claim"]]

    def test_without_a_coverage_nothing_is_checked(self, world: Path) -> None:
        with pytest.raises(InputError, match="could not be checked"):
            apply_ruleset(request(world, world / "links.parquet"), NOW)
        report = apply_ruleset(request(world, world / "links.parquet", unchecked=Unchecked.KEEP), NOW)
        assert (report.kept, report.tally.totals["unchecked"]) == (5, 5)

    def test_no_answer_is_needed_where_no_picture_claim_binds_the_use(self, world: Path) -> None:
        assert apply_ruleset(request(world, world / "links.parquet", uses=(Use.SEARCH,)), NOW).kept == 5

    def test_no_answer_is_needed_where_every_row_was_compared(self, world: Path) -> None:
        covered = self.covered(world, checked=[self.COPY, self.LIKE, self.OTHER, self.UNSEEN])
        report = apply_ruleset(request(world, world / "links.parquet", coverage=covered), NOW)
        assert (report.kept, report.tally.totals["unchecked"]) == (3, 0)

    @pytest.mark.parametrize(
        ("others", "says"),
        [
            ({"number": 2}, "release 2"),
            ({"release_manifest": bytes(32)}, "release 1"),
            ({"version": "00" * 32}, "another version"),
            ({"key": SigningKey.from_seed("stranger.example/list", bytes(32))}, "sign"),
            ({"matches": [{"url": COPY, "claim": 9, "distance": 1}]}, "a claim the release does not hold"),
        ],
    )
    def test_a_coverage_of_something_else_is_an_error(
        self, world: Path, others: dict[str, Any], says: str
    ) -> None:
        covered = self.covered(world, **others)
        with pytest.raises(VerificationError, match=says):
            apply_ruleset(
                request(world, world / "links.parquet", coverage=covered, unchecked=Unchecked.KEEP), NOW
            )
        assert not (world / "out").exists()

    def test_a_tampered_coverage_is_an_error(self, world: Path) -> None:
        covered = self.covered(world)
        content = bytearray(covered.read_bytes())
        content[content.index(b"PAR1") + 40] ^= 1
        covered.write_bytes(content)
        with pytest.raises((VerificationError, FormatError)):
            apply_ruleset(
                request(world, world / "links.parquet", coverage=covered, unchecked=Unchecked.KEEP), NOW
            )


claims = st.lists(
    st.tuples(
        st.sampled_from(["a.example", "b.example", "c.example"]),
        st.sampled_from([Preference.DENY, Preference.CONDITIONAL, Preference.ALLOW]),
    ),
    max_size=4,
)
datasets = st.lists(
    st.sampled_from(
        ["http://a.example/1", "http://b.example/?q", "http://c.example", "http://d.example/", None, "bad"]
    ),
    max_size=12,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(claims=claims, urls=datasets)
def test_the_laws_of_applying_hold(
    claims: Sequence[tuple[str, Preference]], urls: Sequence[str | None]
) -> None:
    """A stricter regime never keeps more, applying twice is applying once, and kept and removed make the input in its order."""
    with TemporaryDirectory() as name:
        world = Path(name)
        synced(world, [row(n + 1, TargetKind.HOST, host, p) for n, (host, p) in enumerate(claims)])
        links_file(world / "links.parquet", urls)
        kept = {}
        for regime in Regime:
            out = world / regime.value
            apply_ruleset(request(world, world / "links.parquet", regime=regime, output=out), NOW)
            kept[regime] = kept_rows(out)
            again = world / f"{regime.value} again"
            apply_ruleset(request(world, out / "links.parquet", regime=regime, output=again), NOW)
            assert (again / "links.parquet").read_bytes() == (out / "links.parquet").read_bytes()
            assert kept[regime] == sorted(kept[regime])
            if regime is not Regime.RESEARCH:
                gone = [one["row"] for one in removed_rows(out)]
                assert sorted(kept[regime] + gone) == list(range(len(urls)))
        assert set(kept[Regime.OPT_IN]) <= set(kept[Regime.OPT_OUT]) <= set(kept[Regime.RESEARCH])


def test_the_key_of_these_worlds_is_remembered(tmp_path: Path) -> None:
    synced(tmp_path, [])
    links_file(tmp_path / "links.parquet", ["http://a.example/"])
    assert apply_ruleset(request(tmp_path, tmp_path / "links.parquet"), NOW).keys == (str(KEY.verifier),)
