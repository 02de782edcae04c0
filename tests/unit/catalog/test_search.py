"""Search: copies before lookalikes, the same order every time, and an honest empty answer."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from tests.sources import encode, jpeg, write_folder, write_links

from byleave import media
from byleave.catalog import (
    BothQuery,
    Catalog,
    HitKind,
    IngestOptions,
    Page,
    PictureQuery,
    WordsQuery,
)
from byleave.catalog import table as table_module
from byleave.catalog.info import read_info, write_info
from byleave.errors import ConflictError, InputError, NotFoundError
from byleave.fingerprints import REVIEW_RADIUS, ClaimedPicture, hamming
from byleave.settings import Limits

INLINE = IngestOptions(workers=0)
CAPTIONS = [
    "a red house",
    "a small house by the sea",
    "a kitten asleep",
    "an old cat",
    "a bicycle",
    "two umbrellas",
]


def opened(encoded: bytes) -> Image.Image:
    return Image.open(io.BytesIO(encoded))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Two datasets: twelve pictures with two re-posts, and six links with captions."""
    home = tmp_path_factory.mktemp("catalog")
    pictures = write_folder(home / "pictures", range(12))
    mirrored = encode(ImageOps.mirror(opened(jpeg(3))), "PNG")
    (pictures / "mirrored.png").write_bytes(mirrored)
    (pictures / "mirrored.json").write_text(
        json.dumps({"url": "https://cdn.repost.example/m.png", "caption": "look", "creator": "Ada Example"})
    )
    rows = [
        {"url": f"https://{'a' if n % 2 else 'b'}.words.example/{n}.jpg", "caption": caption}
        for n, caption in enumerate(CAPTIONS)
    ]
    catalog = Catalog(home, now=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    catalog.ingest(pictures, dataset="pictures", options=INLINE)
    catalog.ingest(write_links(home / "words.parquet", rows), dataset="words", options=INLINE)
    return catalog


class TestWords:
    """Words are found by BM25 and by meaning."""

    def test_the_caption_with_the_words_comes_first(self, catalog: Catalog) -> None:
        answer = catalog.search(WordsQuery("red house"))
        assert [hit.caption for hit in answer.hits][:2] == CAPTIONS[:2]
        assert {hit.kind for hit in answer.hits} == {HitKind.WORDS}

    def test_meaning_finds_what_letters_do_not(self, catalog: Catalog) -> None:
        assert "an old cat" in [hit.caption for hit in catalog.search(WordsQuery("kitten")).hits]

    def test_creators_are_found_by_name(self, catalog: Catalog) -> None:
        (hit,) = catalog.search(WordsQuery("Ada")).hits
        assert hit.url == "https://cdn.repost.example/m.png"

    def test_nothing_found_says_what_that_does_not_mean(self, catalog: Catalog) -> None:
        answer = catalog.search(WordsQuery("qwxzv"))
        assert answer.hits == ()
        assert answer.empty_text == (
            "Not found in the 2 datasets searched here (as of 2026-11-22). That does not mean it was never used. "
            "You can still say no now, and be told if it turns up."
        )

    @pytest.mark.parametrize("words", ["", "  ", "\0", "x" * 40_000])
    def test_no_words_are_refused(self, catalog: Catalog, words: str) -> None:
        with pytest.raises(InputError, match="no words to search for"):
            catalog.search(WordsQuery(words))

    @pytest.mark.parametrize(
        ("words", "found"),
        [
            ("' OR 1=1 --", {"picture number 1"}),
            ('"', set()),
            ("AND OR NOT (", set()),
            ("*?~^", set()),
            ("ü\ud800", set()),
            ("🐈", set()),
            ("the", set()),  # it stands in too many captions to be looked up
        ],
    )
    def test_words_are_words_and_no_query_language(
        self, catalog: Catalog, words: str, found: set[str]
    ) -> None:
        assert {hit.caption for hit in catalog.search(WordsQuery(words)).hits} == found


class TestPictures:
    """A picture is found with its copies."""

    def test_the_same_file_is_exact_and_a_mirrored_copy_follows(self, catalog: Catalog) -> None:
        hits = catalog.search(PictureQuery(jpeg(3))).hits
        assert [(hit.kind, hit.url) for hit in hits[:2]] == [
            (HitKind.EXACT, "https://pictures.example/3.jpg"),
            (HitKind.COPY, "https://cdn.repost.example/m.png"),
        ]
        assert hits[0].distance == 0
        assert hits[1].distance is not None
        assert hits[1].distance <= 31
        assert all(hit.kind is HitKind.LOOKALIKE for hit in hits[2:])

    def test_a_file_that_is_no_picture_is_refused(self, catalog: Catalog) -> None:
        with pytest.raises(InputError, match="cannot be read as a picture"):
            catalog.search(PictureQuery(b"<svg/>"))

    def test_copies_agree_with_comparing_every_pair(self, catalog: Catalog) -> None:
        claimed = media.claimed_picture(jpeg(3), limits=Limits())
        assert isinstance(claimed, ClaimedPicture)
        rows = [row for batch in catalog.fingerprints("pictures") for row in batch.to_pylist()]
        for radius in (0, 31, REVIEW_RADIUS, 110):
            expected = {}
            for row in rows:
                distance = min(hamming(v, row[p]) for v in claimed.variants for p in ("pdq", "pdq_trimmed"))
                if distance <= radius:
                    expected[row["sample_key"]] = distance
            found = catalog.copies_of(claimed, "pictures", radius)
            assert {copy.sample_key: copy.distance for copy in found} == expected
            assert [copy.distance for copy in found] == sorted(copy.distance for copy in found)

    def test_a_damaged_copy_index_is_built_again(self, catalog: Catalog) -> None:
        claimed = media.claimed_picture(jpeg(3), limits=Limits())
        assert isinstance(claimed, ClaimedPicture)
        before = catalog.copies_of(claimed, "pictures", 31)
        for file in (catalog.folder / "pictures/copies").glob("v*/*"):
            file.write_bytes(b"garbage")
        assert catalog.copies_of(claimed, "pictures", 31) == before

    def test_another_fingerprint_version_is_refused(self, catalog: Catalog) -> None:
        with pytest.raises(ConflictError, match="cannot be compared"):
            catalog.copies_of(ClaimedPicture((bytes(32),), 100, version="pdq-9/9"), "pictures", 31)

    def test_words_and_a_picture_together_keep_copies_first(self, catalog: Catalog) -> None:
        hits = catalog.search(BothQuery("bicycle", jpeg(3)), Page(limit=50)).hits
        assert [hit.kind for hit in hits[:2]] == [HitKind.EXACT, HitKind.COPY]
        assert "a bicycle" in [hit.caption for hit in hits]


class TestPages:
    """Filters and pages cut the same answer."""

    def test_pages_fit_together(self, catalog: Catalog) -> None:
        whole = catalog.search(PictureQuery(jpeg(3)), Page(limit=100))
        parts = [
            hit
            for offset in range(0, whole.total, 4)
            for hit in catalog.search(PictureQuery(jpeg(3)), Page(limit=4, offset=offset)).hits
        ]
        assert tuple(parts) == whole.hits
        assert len({hit.sample_key for hit in parts}) == whole.total

    def test_a_domain_covers_its_hosts_and_no_namesake(self, catalog: Catalog) -> None:
        def hosts(domain: str) -> set[str | None]:
            return {hit.host for hit in catalog.search(WordsQuery("house cat"), Page(domain=domain)).hits}

        assert hosts("words.example") == {"a.words.example", "b.words.example"}
        assert hosts("B.words.example") == {"b.words.example"}
        assert hosts("ords.example") == set()

    def test_a_domain_cuts_copies_too(self, catalog: Catalog) -> None:
        hits = catalog.search(PictureQuery(jpeg(3)), Page(domain="repost.example")).hits
        assert [hit.kind for hit in hits] == [HitKind.COPY]

    @pytest.mark.parametrize("domain", ["", "a b", "x' OR 'a'='a", "https://a.example/path"])
    def test_a_domain_that_is_none_is_refused(self, catalog: Catalog, domain: str) -> None:
        with pytest.raises(InputError):
            catalog.search(WordsQuery("cat"), Page(domain=domain))

    def test_only_the_datasets_asked_for_are_searched(self, catalog: Catalog) -> None:
        answer = catalog.search(WordsQuery("house"), Page(datasets=("pictures",)))
        assert answer.searched == ("pictures",)
        assert {hit.dataset for hit in answer.hits} <= {"pictures"}
        with pytest.raises(NotFoundError):
            catalog.search(WordsQuery("house"), Page(datasets=("nowhere",)))

    def test_an_empty_catalog_has_an_empty_answer(self, tmp_path: Path) -> None:
        answer = Catalog(tmp_path).search(WordsQuery("cat"))
        assert (answer.total, answer.as_of) == (0, None)
        assert "0 datasets" in answer.empty_text


def test_a_query_by_another_model_is_refused_with_a_remedy(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.ingest(
        write_links(tmp_path / "a.parquet", [{"url": "https://a.example/1", "caption": "x"}]),
        dataset="d",
        options=INLINE,
    )
    info = read_info(tmp_path / "catalog/d")
    assert info is not None
    write_info(tmp_path / "catalog/d", replace(info, models=info.models | {"captions": "other/1"}))
    with pytest.raises(ConflictError, match=r"indexed with 'other/1'(.|\n)*ingest the dataset again"):
        catalog.search(WordsQuery("x"))


def test_with_indexes_the_answer_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes are built, and rows added behind them are still found."""
    rows = [{"url": f"https://h{n % 7}.example/{n}", "caption": f"{CAPTIONS[n % 6]} {n}"} for n in range(600)]
    catalog = Catalog(tmp_path)
    catalog.ingest(write_links(tmp_path / "a.parquet", rows), dataset="exact", options=INLINE)
    monkeypatch.setattr(table_module, "INDEXED_ROWS", 300)
    catalog.ingest(write_links(tmp_path / "b.parquet", rows), dataset="indexed", options=INLINE)
    added = [{"url": "https://late.example/1", "caption": "a zeppelin"}]
    monkeypatch.setattr(table_module, "INDEXED_ROWS", 10_000)
    monkeypatch.setattr("byleave.catalog.candidates.INDEXED_ROWS", 300)
    monkeypatch.setattr(table_module.SampleTable, "settle", lambda _: None)
    catalog.ingest(write_links(tmp_path / "c.parquet", added), dataset="indexed", options=INLINE)
    assert catalog.search(WordsQuery("zeppelin"), Page(datasets=("indexed",))).hits[0].caption == "a zeppelin"
    for domain in (None, "h3.example"):
        exact, indexed = (
            {
                hit.url: round(hit.score, 3)
                for hit in catalog.search(
                    WordsQuery("kitten"), Page(1000, domain=domain, datasets=(name,))
                ).hits
            }
            for name in ("exact", "indexed")
        )
        assert exact.keys() == indexed.keys()
        assert len(exact) >= (14 if domain else 100)
