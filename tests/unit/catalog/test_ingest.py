"""What goes into the catalog: the same keys whatever the order, nothing lost beside what is broken."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources import jpeg, links, sample_members, write_folder, write_links, write_tar

from byleave import urls
from byleave.catalog import Catalog, IngestOptions, Sample, table
from byleave.catalog.info import dataset_version, write_info
from byleave.catalog.table import SampleTable
from byleave.datasets import source_digest
from byleave.errors import ConflictError, InputError, NotFoundError
from byleave.settings import Limits

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
INLINE = IngestOptions(workers=0)


def make(home: Path) -> Catalog:
    return Catalog(home, now=lambda: NOON)


def keys(catalog: Catalog, dataset: str = "d") -> list[bytes]:
    table = catalog._named(dataset).table.open()
    return sorted(table.to_table(columns=["sample_key"]).column(0).to_pylist())


def everything(catalog: Catalog, dataset: str = "d") -> list[Sample]:
    return catalog.samples(dataset, keys(catalog, dataset))


class TestLinks:
    """A list of links needs no pixels."""

    def test_columns_are_kept_and_the_link_in_both_forms(self, tmp_path: Path) -> None:
        rows = [
            {"URL": "HTTPS://WWW.Pictures.example:443/a.jpg#x", "TEXT": "a cat", "WIDTH": 640, "punsafe": 0.5}
        ]
        catalog = make(tmp_path / "home")
        report = catalog.ingest(write_links(tmp_path / "a.parquet", rows), dataset="d", options=INLINE)
        (sample,) = everything(catalog)
        assert sample.url == "HTTPS://WWW.Pictures.example:443/a.jpg#x"
        assert sample.canonical_url == "pictures.example/a.jpg"
        assert (sample.host, sample.caption, sample.width) == ("pictures.example", "a cat", 640)
        assert sample.metadata == {"punsafe": 0.5}
        assert sample.item_id == urls.item_id_of_url("pictures.example/a.jpg")
        assert sample.sample_key == urls.sample_key("d", sample.item_id, str(rows[0]["URL"]), "a cat", 0)
        assert (report.source.samples, report.source.with_pictures, report.dataset.as_of) == (1, 0, NOON)

    def test_what_cannot_be_used_is_counted_and_listed_and_the_rest_goes_in(self, tmp_path: Path) -> None:
        rows: list[dict[str, Any]] = [
            *links([1]),
            {"URL": None, "TEXT": "no link"},
            {"URL": "mailto:a@b.example", "TEXT": "no http"},
            {"URL": "https://a.example/" + "x" * 9000, "TEXT": "long"},
            {"URL": "https://a.example/nul", "TEXT": "a\0b"},
            {"URL": "https://a.example/long", "TEXT": "ü" * 40_000},
            *links([2]),
        ]
        catalog = make(tmp_path / "home")
        report = catalog.ingest(write_links(tmp_path / "a.parquet", rows), dataset="d", options=INLINE)
        assert report.source.rejected == {"no_url": 1, "unusable_url": 1, "url_too_long": 1}
        assert report.source.cleaned == {"bad_text": 1, "caption_shortened": 1}
        assert report.source.samples == 4
        assert sorted(len(sample.caption or "") for sample in everything(catalog)) == [2, 16, 16, 16384]
        (listed,) = (tmp_path / "home/catalog/d/rejects" / report.source.digest).glob("*.jsonl")
        shard, *lines = [json.loads(line) for line in listed.read_text().splitlines()]
        assert shard == {"shard": "a.parquet@0.0"}
        assert [(line["kind"], line["where"]) for line in lines] == [
            ("no_url", "a.parquet group 0 row 1"),
            ("unusable_url", "a.parquet group 0 row 2"),
            ("url_too_long", "a.parquet group 0 row 3"),
        ]

    def test_metadata_beyond_the_limit_sheds_its_longest_values(self, tmp_path: Path) -> None:
        row = {"url": "https://a.example/1", "essay": "x" * 70_000, "licence": "CC0"}
        catalog = make(tmp_path / "home")
        report = catalog.ingest(write_links(tmp_path / "a.parquet", [row]), dataset="d", options=INLINE)
        assert report.source.cleaned == {"metadata_shortened": 1}
        (sample,) = everything(catalog)
        assert (sample.metadata, sample.rights) == ({"licence": "CC0"}, "CC0")


class TestPictures:
    """Where pixels exist, they are looked at."""

    def test_a_folder_of_pictures_is_described(self, tmp_path: Path) -> None:
        catalog = make(tmp_path / "home")
        catalog.ingest(write_folder(tmp_path / "f", [1, 2]), dataset="d", options=INLINE)
        for sample in everything(catalog):
            assert (sample.width, sample.height, sample.picture_version) == (96, 96, "pdq-512/1")
            assert sample.pdq is not None
            assert sample.digest is not None
            assert sample.has_thumbnail
            assert (catalog.thumbnail("d", sample.sample_key) or b"")[:2] == b"\xff\xd8"

    def test_a_picture_without_a_link_is_known_by_its_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "f").mkdir()
        (tmp_path / "f/a.jpg").write_bytes(jpeg(1))
        catalog = make(tmp_path / "home")
        catalog.ingest(tmp_path / "f", dataset="d", options=INLINE)
        (sample,) = everything(catalog)
        assert sample.digest is not None
        assert sample.item_id == urls.item_id_of_bytes(sample.digest)
        assert (sample.url, sample.caption) == (None, None)

    def test_thumbnails_may_be_off(self, tmp_path: Path) -> None:
        catalog = make(tmp_path / "home")
        options = IngestOptions(thumbnails=False, workers=0)
        catalog.ingest(write_folder(tmp_path / "f", [1]), dataset="d", options=options)
        (sample,) = everything(catalog)
        assert not sample.has_thumbnail
        assert catalog.thumbnail("d", sample.sample_key) is None

    def test_an_unusable_picture_costs_its_pixels_and_not_its_link(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path / "f", [1, 2, 3])
        (folder / "2.jpg").write_bytes(b"<html>not found</html>")
        (folder / "lonely.jpg").write_bytes(b"")
        catalog = make(tmp_path / "home")
        report = catalog.ingest(folder, dataset="d", options=INLINE)
        assert report.source.samples == 3
        assert report.source.with_pictures == 2
        assert report.source.rejected["picture_not_a_picture"] == 1
        assert [sample.digest is None for sample in everything(catalog)].count(True) == 1

    def test_a_bomb_of_a_picture_is_refused_by_its_header(self, tmp_path: Path) -> None:
        folder = write_folder(tmp_path / "f", [1, 2])
        options = IngestOptions(workers=0, limits=Limits(picture_pixels=96 * 96 - 1))
        report = make(tmp_path / "home").ingest(folder, dataset="d", options=options)
        assert report.source.rejected == {"picture_too_many_pixels": 2}
        assert report.source.samples == 2


class TestTwoSources:
    """Links and pixels of the same rows meet on the same keys, in either order."""

    @pytest.mark.parametrize("links_first", [True, False])
    def test_neither_erases_what_the_other_brought(self, tmp_path: Path, *, links_first: bool) -> None:
        numbers = range(4)
        listed = write_links(
            tmp_path / "a.parquet",
            [
                {
                    "URL": f"https://pictures.example/{n}.jpg",
                    "TEXT": f"picture number {n}",
                    "WIDTH": 4000,
                    "punsafe": 0.25,
                }
                for n in numbers
            ],
        )
        seen = write_folder(tmp_path / "f", numbers)
        catalog = make(tmp_path / "home")
        for source in (listed, seen) if links_first else (seen, listed):
            catalog.ingest(source, dataset="d", options=INLINE)
        samples = everything(catalog)
        assert len(samples) == 4
        for sample in samples:
            assert sample.metadata == {"punsafe": 0.25}
            assert sample.pdq is not None
            assert sample.width == 96
            assert sample.has_thumbnail
        info = catalog.dataset("d")
        assert (info.samples, info.with_pictures) == (4, 4)
        assert info.version == dataset_version([source_digest(listed), source_digest(seen)])

    @pytest.mark.parametrize("links_first", [True, False])
    @pytest.mark.parametrize(
        ("stated", "kept"), [((4000, 3000), (4000, 3000)), ((4000, 90), (96, 96)), ((90, 90), (96, 96))]
    )
    def test_the_size_of_the_whole_picture_outlives_a_smaller_copy_of_it(
        self, tmp_path: Path, stated: tuple[int, int], kept: tuple[int, int], *, links_first: bool
    ) -> None:
        link = {"URL": "https://pictures.example/1.jpg", "TEXT": "picture number 1"}
        listed = write_links(tmp_path / "a.parquet", [{**link, "WIDTH": stated[0], "HEIGHT": stated[1]}])
        seen = write_folder(tmp_path / "f", [1])
        catalog = make(tmp_path / "home")
        for source in (listed, seen) if links_first else (seen, listed):
            catalog.ingest(source, dataset="d", options=INLINE)
        (sample,) = everything(catalog)
        assert (sample.width, sample.height) == kept

    def test_the_size_of_other_pixels_is_not_kept(self, tmp_path: Path) -> None:
        row = {
            "URL": "https://pictures.example/1.jpg",
            "TEXT": "picture number 1",
            "WIDTH": 400,
            "HEIGHT": 400,
        }
        catalog = make(tmp_path / "home")
        sources = [
            write_links(tmp_path / "a.parquet", [row]),
            write_folder(tmp_path / "f", [1]),
            write_folder(tmp_path / "g", [1]),
        ]
        (tmp_path / "g/1.jpg").write_bytes(jpeg(2))
        for source in sources:
            catalog.ingest(source, dataset="d", options=INLINE)
        (sample,) = everything(catalog)
        assert (sample.width, sample.height) == (96, 96)

    def test_the_same_source_again_changes_nothing(self, tmp_path: Path) -> None:
        catalog = make(tmp_path / "home")
        source = write_folder(tmp_path / "f", [1, 2])
        catalog.ingest(source, dataset="d", options=INLINE)
        before = catalog.table_digest("d")
        assert catalog.ingest(source, dataset="d", options=INLINE).already
        assert catalog.table_digest("d") == before

    def test_a_source_that_was_begun_must_be_finished_or_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalog = make(tmp_path / "home")
        catalog.ingest(write_links(tmp_path / "a.parquet", links([1])), dataset="d", options=INLINE)
        before = catalog.table_digest("d")
        begun = write_links(tmp_path / "b.parquet", links([2, 3]), group_rows=1)
        with monkeypatch.context() as broken:
            broken.setattr(SampleTable, "settle", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                catalog.ingest(begun, dataset="d", options=INLINE)
        other = write_links(tmp_path / "c.parquet", links([4]))
        with pytest.raises(ConflictError, match=r"b.parquet into 'd' was begun and not finished"):
            catalog.ingest(other, dataset="d", options=INLINE)
        assert catalog.dataset("d").samples == 3
        forget = IngestOptions(workers=0, forget_unfinished=True)
        catalog.ingest(write_links(tmp_path / "a2.parquet", links([1])), dataset="d", options=forget)
        assert len(keys(catalog)) == 1
        assert catalog.table_digest("d") == before
        assert catalog.ingest(begun, dataset="d", options=INLINE).dataset.samples == 3

    def test_another_model_is_refused_with_a_remedy(self, tmp_path: Path) -> None:
        catalog = make(tmp_path / "home")
        info = catalog.ingest(
            write_links(tmp_path / "a.parquet", links([1])), dataset="d", options=INLINE
        ).dataset
        write_info(tmp_path / "home/catalog/d", _with_models(info, {"captions": "older/1"}))
        with pytest.raises(ConflictError, match="under a new dataset name"):
            catalog.ingest(write_links(tmp_path / "b.parquet", links([2])), dataset="d", options=INLINE)


row_numbers = st.lists(st.integers(0, 5), min_size=1, max_size=12)


class TestKeys:
    """The same rows get the same keys, whatever way they come."""

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(row_numbers, st.randoms(use_true_random=False), st.integers(1, 5))
    def test_shuffled_shards_and_shard_sizes_make_no_difference(
        self, numbers: list[int], random: Any, group_rows: int
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            shuffled = list(numbers)
            random.shuffle(shuffled)
            assert _keys_of(home / "one", [numbers], group_rows=1000) == _keys_of(
                home / "two", [shuffled], group_rows=group_rows
            )

    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(row_numbers, st.lists(st.integers(6, 9), min_size=1, max_size=3))
    def test_a_re_release_with_new_rows_keeps_the_old_keys(self, numbers: list[int], new: list[int]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            old = _keys_of(home / "one", [numbers])
            both = _keys_of(home / "two", [numbers, numbers + new])
            assert set(old) <= set(both)
            assert len(both) == len(numbers) + len(new)

    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    def test_links_and_pixels_make_the_same_keys_in_either_order(self, numbers: list[int]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            listed = write_links(home / "a.parquet", links(numbers))
            members = [
                (f"{place}-{name}", content)
                for place, number in enumerate(numbers)
                for name, content in sample_members(number)
            ]
            seen = write_tar(home / "00000.tar", members)
            found = []
            for name, order in (("one", (listed, seen)), ("two", (seen, listed))):
                catalog = make(home / name)
                for source in order:
                    catalog.ingest(source, dataset="d", options=INLINE)
                assert catalog.dataset("d").with_pictures == len(numbers)
                found.append(keys(catalog))
            assert found[0] == found[1]
            assert len(found[0]) == len(numbers)


class TestRefusals:
    """What is asked wrongly is refused before anything is written."""

    @pytest.mark.parametrize("name", ["", "UPPER", "a/b", "..", ".hidden", "x" * 65, "naïve", "a\nb"])
    def test_a_name_that_cannot_be_one(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InputError, match="cannot name a dataset"):
            make(tmp_path / "home").ingest(write_folder(tmp_path / "f", [1]), dataset=name)
        assert not (tmp_path / "home").exists()

    def test_a_dataset_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="no dataset 'd'; the catalog has: none yet"):
            make(tmp_path).dataset("d")

    def test_a_sample_that_is_not_there(self, tmp_path: Path) -> None:
        catalog = make(tmp_path / "home")
        catalog.ingest(write_links(tmp_path / "a.parquet", links([1])), dataset="d", options=INLINE)
        with pytest.raises(NotFoundError, match="has no sample 0000"):
            catalog.sample("d", bytes(16))


def _keys_of(home: Path, releases: Sequence[list[int]], *, group_rows: int = 1000) -> list[bytes]:
    catalog = make(home)
    for place, numbers in enumerate(releases):
        source = write_links(home / f"{place}.parquet", links(numbers), group_rows=group_rows)
        catalog.ingest(source, dataset="d", options=INLINE)
    return keys(catalog)


def _interrupt(_: object) -> None:
    raise KeyboardInterrupt


def _with_models(info: Any, models: dict[str, str]) -> Any:
    from dataclasses import replace

    return replace(info, models=info.models | models)


def test_old_versions_go_when_no_reader_can_have_them_open_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "READERS_END_WITHIN", timedelta(0))
    catalog = make(tmp_path / "home")
    for name, numbers in (("a", [1, 2]), ("b", [2, 3])):
        catalog.ingest(write_links(tmp_path / f"{name}.parquet", links(numbers)), dataset="d", options=INLINE)
    assert len(catalog._named("d").table.open().versions()) == 1
    assert len(everything(catalog)) == 3


def test_a_sample_is_found_by_its_key_in_whichever_dataset_holds_it(tmp_path: Path) -> None:
    catalog = make(tmp_path / "home")
    for name, numbers in (("a", [1]), ("b", [1, 2])):
        catalog.ingest(
            write_links(tmp_path / f"{name}.parquet", links(numbers)), dataset=name, options=INLINE
        )
    for sample in (*everything(catalog, "a"), *everything(catalog, "b")):
        assert catalog.find_samples(sample.sample_key) == [sample]
    assert catalog.find_samples(bytes(16)) == []


def test_samples_come_in_the_order_asked_and_a_missing_one_is_named(tmp_path: Path) -> None:
    catalog = make(tmp_path / "home")
    catalog.ingest(write_links(tmp_path / "a.parquet", links([1, 2, 3])), dataset="d", options=INLINE)
    asked = keys(catalog)[::-1]
    assert [sample.sample_key for sample in catalog.samples("d", asked)] == asked
    with pytest.raises(NotFoundError, match="00" * 16):
        catalog.samples("d", [*asked, bytes(16)])
