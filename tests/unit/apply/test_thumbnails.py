"""The report shows small copies of what was taken out: few, never fetched, and only where everybody concerned lets it."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.unit.apply.pictured import (
    BROKEN,
    LIMITS,
    fingerprinted,
    image_cells,
    links_of,
    picture,
    picture_row,
    reposted,
    tar_shard,
)
from tests.unit.apply.worlds import KEY, NOW, links_file, request, row, synced

from byleave.apply.causes import REMOVED_SCHEMA
from byleave.apply.compiling import compile_synced
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.finding import find_shards
from byleave.apply.thumbnails import LOOKED_AT, MOST_THUMBNAILS, THUMBNAIL_PX, candidates
from byleave.consent import TargetKind
from byleave.datasets import OWN_FOLDER
from byleave.errors import InputError
from byleave.media import isolated
from byleave.media.fingerprinting import Fingerprinter
from byleave.release import sync
from byleave.release.delta_writing import keep_deltas
from byleave.release.writing import write_release

HOST = "pictures.example"


@pytest.fixture(scope="module", autouse=True)
def _end_children() -> Any:
    yield
    isolated.stop()


def page(folder: Path, **asked: Any) -> str:
    """Apply, and return the page."""
    words = {"thumbnails": 10, "unchecked": Unchecked.KEEP} | asked
    apply_ruleset(request(folder, folder / "data", **words), NOW)
    return (folder / "out" / OWN_FOLDER / "report.html").read_text("utf-8")


def pictures(text: str) -> list[Image.Image]:
    """The pictures in a page."""
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"', text)
    return [Image.open(BytesIO(base64.b64decode(one))) for one in found]


def whole_host(*, ticked: bool = True) -> list[Any]:
    return [row(1, TargetKind.HOST, HOST, ticked=HOST if ticked else None)]


class TestShowing:
    def test_nothing_is_shown_unless_it_is_asked_for(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "data", "00000", [picture(1)])
        synced(tmp_path, whole_host())
        text = page(tmp_path, thumbnails=0)
        assert "<img" not in text
        assert "Some of the pictures" not in text

    def test_a_picture_in_a_tar_is_shown_small(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "data", "00000", [picture(1), picture(2)])
        synced(tmp_path, whole_host())
        shown = pictures(page(tmp_path))
        assert len(shown) == 2
        assert {max(one.size) for one in shown} == {THUMBNAIL_PX}

    def test_a_picture_is_shown_under_a_list_that_was_reached_by_a_delta(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "data", "00000", [picture(1)])
        folder = synced(tmp_path, [row(2, TargetKind.HOST, "other.example")])
        rows = [row(2, TargetKind.HOST, "other.example"), *whole_host()]
        releases = tmp_path / "releases"
        newer = write_release(releases, rows, number=2, published_at=NOW, policy={}, key=KEY)
        keep_deltas(releases, newer, [1], KEY)
        assert sync(str(releases), folder, keys=[KEY.verifier]).patched is not None
        compile_synced(folder)
        assert len(pictures(page(tmp_path))) == 1

    def test_the_measured_bits_of_a_copy_are_told_and_the_least_alike_comes_first(
        self, tmp_path: Path
    ) -> None:
        image_cells(tmp_path / "data" / "train.parquet", [picture(3), reposted(3), picture(8)])
        with Fingerprinter(LIMITS) as printer:
            fingerprinted(tmp_path / "data", tmp_path / "prints", printer)
        synced(tmp_path, [picture_row(1, 3)])
        text = page(tmp_path, fingerprints=tmp_path / "prints")
        told = [int(bits) for bits in re.findall(r", (\d+) of 256 bits apart", text)]
        assert len(pictures(text)) == 2
        assert told == sorted(told, reverse=True)
        assert told[-1] == 0

    def test_the_folder_beside_a_list_is_where_its_pictures_are(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        (data / "00000").mkdir(parents=True)
        urls = links_of("00000", 2)
        pq.write_table(pa.table({"url": urls, "key": ["0", "1"]}), data / "00000.parquet")
        (data / "00000" / "1.jpg").write_bytes(picture(1))
        synced(tmp_path, whole_host())
        text = page(tmp_path)
        assert len(pictures(text)) == 1
        assert "Of 1 no picture could be read here" in text

    def test_links_alone_show_nothing_and_nothing_is_fetched(self, tmp_path: Path) -> None:
        links_file(tmp_path / "data" / "links.parquet", links_of("00000", 3))
        synced(tmp_path, whole_host())
        text = page(tmp_path)
        assert pictures(text) == []
        assert "img-src data:" in text
        assert not re.search(r'(src|href)="(?!data:)|url\(', text)

    def test_a_broken_picture_is_counted_and_the_run_goes_on(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "data", "00000", [BROKEN, picture(1)])
        synced(tmp_path, whole_host())
        text = page(tmp_path)
        assert len(pictures(text)) == 1
        assert "Of 1 no picture could be read here" in text

    def test_what_stands_in_a_name_does_not_become_part_of_the_page(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "data", '"onerror=x<b>', [picture(1)])
        synced(tmp_path, whole_host())
        text = page(tmp_path)
        assert len(pictures(text)) == 1
        assert "<b>" not in text
        assert '"onerror' not in text


class TestAllowed:
    def test_a_claim_that_does_not_publish_what_it_names_hides_its_pictures(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "data", "00000", [picture(1), picture(2)])
        synced(tmp_path, whole_host(ticked=False))
        text = page(tmp_path)
        assert pictures(text) == []
        assert "2 that were looked at are not" in text

    def test_one_claim_that_withholds_hides_a_picture_that_another_would_show(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "data", "00000", [picture(1), picture(2)])
        link = links_of("00000", 2)[0]
        synced(tmp_path, [*whole_host(), row(2, TargetKind.URL, link, claimant=9)])
        text = page(tmp_path)
        assert len(pictures(text)) == 1
        assert "1 that were looked at are not" in text

    def test_whatever_goes_for_anything_but_a_claim_is_not_shown(self, tmp_path: Path) -> None:
        """A removal for safety, or a cause that does not exist yet, must never be shown."""
        causes = [cause("claim"), cause("takedown")]
        listed = tmp_path / "removed.parquet"
        content = [("00000.tar", 0, [causes[0]]), ("00000.tar", 1, causes), ("00000.tar", 2, [causes[1]])]
        pq.write_table(removed(content), listed)
        assert [found.row for found in candidates(listed, ["00000.tar"])] == [0]

    def test_an_entry_nobody_answered_for_is_not_shown(self, tmp_path: Path) -> None:
        from byleave.consent import Regime

        tar_shard(tmp_path / "data", "00000", [picture(1)])
        synced(tmp_path, [row(1, TargetKind.HOST, "elsewhere.example", ticked="elsewhere.example")])
        assert pictures(page(tmp_path, regime=Regime.OPT_IN)) == []


class TestBounds:
    def test_no_more_are_shown_than_asked_for_and_few_of_one_claim(self, tmp_path: Path) -> None:
        tar_shard(tmp_path / "data", "00000", [picture(seed) for seed in range(7)])
        links = [
            row(2 + place, TargetKind.URL, url, ticked=url)
            for place, url in enumerate(links_of("00000", 7)[:3])
        ]
        synced(tmp_path, links)
        assert len(pictures(page(tmp_path, thumbnails=2))) == 2
        synced(tmp_path / "other", whole_host())
        asked = {"ruleset": tmp_path / "other" / "synced", "output": tmp_path / "out2"}
        apply_ruleset(request(tmp_path, tmp_path / "data", thumbnails=10, **asked), NOW)
        assert len(pictures((tmp_path / "out2" / OWN_FOLDER / "report.html").read_text("utf-8"))) == 4

    def test_only_so_many_rows_are_looked_at(self, tmp_path: Path) -> None:
        listed = tmp_path / "removed.parquet"
        content = [("a", place, [cause("claim")]) for place in range(LOOKED_AT + 50)]
        pq.write_table(removed(content), listed, row_group_size=4_000)
        found = candidates(listed, ["a"])
        assert len(found) == LOOKED_AT
        assert [one.item for one in found] == sorted(one.item for one in found)

    def test_one_item_that_stands_in_many_rows_is_looked_at_once(self, tmp_path: Path) -> None:
        listed = tmp_path / "removed.parquet"
        table = removed([("a", place, [cause("claim")]) for place in range(5)])
        alike = table.set_column(2, REMOVED_SCHEMA.field("item_id"), pa.array([bytes(16)] * 5, pa.binary(16)))
        pq.write_table(alike, listed)
        assert len(candidates(listed, ["a"])) == 1

    @pytest.mark.parametrize("count", [-1, MOST_THUMBNAILS + 1])
    def test_a_number_that_cannot_be_is_refused(self, tmp_path: Path, count: int) -> None:
        with pytest.raises(InputError, match="small pictures cannot be shown"):
            request(tmp_path, "data", thumbnails=count)

    def test_objects_are_not_fetched_for_it(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="the input is objects"):
            request(tmp_path, "s3://bucket/data", thumbnails=1)

    def test_only_the_pictures_asked_for_are_read(self, tmp_path: Path) -> None:
        image_cells(tmp_path / "cells.parquet", [picture(1), None, picture(2)])
        tar_shard(tmp_path / "tars", "00000", [picture(3), picture(4), None, picture(5)])
        for path in (tmp_path / "cells.parquet", tmp_path / "tars"):
            (shard,) = find_shards(path, str(path)).shards
            every = [sample.picture for sample in shard.samples(LIMITS)]
            for only in ({0}, {2}, {1, 2}, {7}, set[int]()):
                told = [sample.picture for sample in shard.samples(LIMITS, only)]
                assert told == [one for place, one in enumerate(every) if place in only]


def cause(kind: str, distance: int | None = None) -> dict[str, Any]:
    """One cause as the list carries it."""
    return {
        "kind": kind,
        "reference": "00" * 16,
        "use": None,
        "preference": "deny",
        "method": None,
        "distance": distance,
        "origin": "registry.example/list",
    }


def removed(rows: list[tuple[str, int, list[dict[str, Any]]]]) -> pa.Table:
    """A list of rows taken out; item ids fall with the places."""
    columns = [
        {
            "file": file,
            "row": place,
            "item_id": (2**64 - place).to_bytes(16),
            "sample_key": None,
            "causes": causes,
        }
        for file, place, causes in rows
    ]
    return pa.Table.from_pylist(columns, schema=REMOVED_SCHEMA)
