"""The catalog between processes: readers see what a writer adds, and there is one writer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.functional.catalog.ingest_child import ingesting
from tests.sources import jpeg, links, write_folder, write_links

from byleave import media
from byleave.catalog import Catalog, IngestOptions, PictureQuery, WordsQuery
from byleave.catalog.pictures import Describers
from byleave.datasets import open_source
from byleave.errors import ConflictError
from byleave.settings import Limits

INLINE = IngestOptions(workers=0)
FRESH_S = 2.0

pytestmark = [pytest.mark.functional, pytest.mark.timeout(300)]


def test_a_reader_sees_rows_of_another_process_within_two_seconds(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "home")
    catalog.ingest(write_folder(tmp_path / "f", [1]), dataset="d", options=INLINE)
    assert not catalog.search(WordsQuery("zeppelin")).hits
    rows = [{"url": "https://late.example/1", "caption": "a zeppelin"}]
    with ingesting(tmp_path / "home", write_links(tmp_path / "b.parquet", rows)) as child:
        pass
    assert child.exitcode == 0
    begun = time.monotonic()
    assert [hit.caption for hit in catalog.search(WordsQuery("zeppelin")).hits] == ["a zeppelin"]
    assert catalog.search(PictureQuery(jpeg(1))).hits[0].kind == "exact"
    assert time.monotonic() - begun < FRESH_S


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    source = write_links(tmp_path / "a.parquet", links(range(600)), group_rows=5)
    refused = "being written by process {} on .* since .* UTC"
    with ingesting(home, source) as child, pytest.raises(ConflictError, match=refused.format(child.pid)):
        Catalog(home).ingest(source, dataset="d", options=INLINE)
    assert child.exitcode == 0
    assert Catalog(home).ingest(source, dataset="d", options=INLINE).already


def test_workers_give_what_one_process_gives_and_in_order(tmp_path: Path) -> None:
    pictures = [jpeg(n) for n in range(66)] + [b"broken"] + [jpeg(n) for n in range(66, 70)]
    with Describers(limits=Limits(), thumbnail_px=None, workers=2) as pool:
        by_pool = list(pool.describe(pictures))
    with Describers(limits=Limits(), thumbnail_px=None, workers=0) as alone:
        inline = list(alone.describe(pictures))
    assert [_name(one) for one in by_pool] == [_name(one) for one in inline]
    assert isinstance(by_pool[66], media.Unusable)


def test_a_worker_that_dies_costs_no_picture(tmp_path: Path) -> None:
    pictures = (jpeg(n) for n in range(200))
    with Describers(limits=Limits(), thumbnail_px=None, workers=2) as pool:
        results = pool.describe(pictures)
        first = next(results)
        assert pool._pool is not None
        for process in list(pool._pool._processes.values()):
            process.kill()
        rest = list(results)
    assert not any(isinstance(one, media.Unusable) for one in [first, *rest])
    assert len(rest) == 199


def test_a_folder_large_enough_for_workers_is_ingested_alike(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", range(80))
    digests = []
    for name, workers in (("one", 0), ("two", 2)):
        catalog = Catalog(tmp_path / name)
        catalog.ingest(folder, dataset="d", options=IngestOptions(workers=workers))
        digests.append(catalog.table_digest("d"))
    assert digests[0] == digests[1]
    assert open_source(folder).size > 0


def _name(one: object) -> object:
    return one.kind if isinstance(one, media.Unusable) else getattr(one, "digest", None)
