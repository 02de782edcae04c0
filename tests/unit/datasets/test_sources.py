"""What a folder or file is, is told by its content; everything in it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.sources import jpeg, links, sample_members, write_folder, write_links, write_tar

from byleave.datasets import Record, Reject, Source, detect, open_source, source_digest
from byleave.errors import InputError, NotFoundError


def read(source: Source) -> tuple[list[Record], list[Reject]]:
    items = [item for shard in source.shards() for item in shard.read()]
    return [i for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Reject)]


def test_formats_are_told_by_content_and_not_by_suffix(tmp_path: Path) -> None:
    parquet = write_links(tmp_path / "links.data", links(range(3)))
    tar = write_tar(tmp_path / "pictures.data", sample_members(1))
    folder = write_folder(tmp_path / "folder.tar", [1, 2])
    assert [detect(path) for path in (parquet, tar, folder)] == ["parquet", "img2dataset", "folder"]


def test_the_format_can_be_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mixed", [1])
    write_links(folder / "links.parquet", links(range(3)))
    assert open_source(folder).format == "parquet"
    records, _ = read(open_source(folder, "folder"))
    assert [record.picture for record in records] == [jpeg(1)]


def test_an_unknown_format_and_a_missing_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no format is called 'zip'"):
        open_source(write_folder(tmp_path / "f", [1]), "zip")
    with pytest.raises(NotFoundError):
        open_source(tmp_path / "nothing")


def test_a_folder_of_nothing_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(InputError, match="neither Parquet, nor tar files, nor pictures"):
        open_source(tmp_path)


def test_sidecars_belong_to_the_picture_of_their_name(tmp_path: Path) -> None:
    (tmp_path / "my.cat.jpg").write_bytes(jpeg(1))
    (tmp_path / "my.cat.txt").write_text(" a cat \n")
    (tmp_path / "dog.jpg").write_bytes(jpeg(2))
    (tmp_path / "dog.json").write_text(
        json.dumps({"url": "https://a.example/dog", "caption": "a dog", "tags": ["pet"]})
    )
    (tmp_path / "bare.jpg").write_bytes(jpeg(3))
    records, rejects = read(open_source(tmp_path))
    assert [(r.url, r.caption, dict(r.metadata)) for r in records] == [
        (None, None, {}),
        ("https://a.example/dog", "a dog", {"tags": ["pet"]}),
        (None, "a cat", {}),
    ]
    assert rejects == []


def test_two_pictures_of_one_name_are_two_samples(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    (tmp_path / "a.png").write_bytes(jpeg(2))
    (tmp_path / "a.txt").write_text("both")
    records, _ = read(open_source(tmp_path))
    assert [(record.picture, record.caption) for record in records] == [(jpeg(1), "both"), (jpeg(2), "both")]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg(9))
    outside = write_folder(tmp_path / "outside", [8])
    folder = write_folder(tmp_path / "folder", [1])
    (folder / "leak.jpg").symlink_to(secret)
    (folder / "more").symlink_to(outside)
    records, rejects = read(open_source(folder))
    assert [record.picture for record in records] == [jpeg(1)]
    assert [reject.kind for reject in rejects] == ["leads_out"]


def test_broken_fields_cost_the_fields_and_not_the_picture(tmp_path: Path) -> None:
    for number, text in enumerate(['{"url": ', "[1]", '"x"', "\x00", "[" * 100_000]):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
        (tmp_path / f"{number}.json").write_text(text)
    records, rejects = read(open_source(tmp_path))
    assert len(records) == 5
    assert [reject.kind for reject in rejects] == ["bad_fields"] * 5


def test_img2dataset_tars_bring_pictures_and_failed_rows_bring_links(tmp_path: Path) -> None:
    members = [member for number in range(3) for member in sample_members(number)]
    write_tar(tmp_path / "00000.tar", members)
    rows = [
        {"key": f"0000{n:05d}", "url": f"https://pictures.example/{n}.jpg", "caption": f"picture number {n}",
         "status": "success" if n < 3 else "failed_to_download", "error_message": None if n < 3 else "HTTP Error 404"}
        for n in range(5)
    ]  # fmt: skip
    write_links(tmp_path / "00000.parquet", rows)
    (tmp_path / "00000_stats.json").write_text("{}")
    source = open_source(tmp_path)
    records, rejects = read(source)
    assert source.format == "img2dataset"
    assert [(record.url, record.picture is not None, record.failure) for record in records] == [
        ("https://pictures.example/0.jpg", True, None),
        ("https://pictures.example/1.jpg", True, None),
        ("https://pictures.example/2.jpg", True, None),
        ("https://pictures.example/3.jpg", False, "HTTP Error 404"),
        ("https://pictures.example/4.jpg", False, "HTTP Error 404"),
    ]
    assert rejects == []


def test_img2dataset_files_are_read_like_its_tars(tmp_path: Path) -> None:
    for name, content in sample_members(1):
        (tmp_path / "00000").mkdir(exist_ok=True)
        (tmp_path / "00000" / name).write_bytes(content)
    rows = [
        {"key": "000000001", "url": "https://pictures.example/1.jpg", "status": "success"},
        {"key": "000000002", "url": "https://pictures.example/2.jpg", "status": "failed_to_download"},
    ]
    write_links(tmp_path / "00000.parquet", rows)
    source = open_source(tmp_path)
    records, _ = read(source)
    assert source.format == "img2dataset"
    assert [(record.url, record.picture is not None) for record in records] == [
        ("https://pictures.example/1.jpg", True),
        ("https://pictures.example/2.jpg", False),
    ]


def test_shard_names_are_the_same_on_every_run(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", range(5))
    assert [s.name for s in open_source(folder).shards()] == [s.name for s in open_source(folder).shards()]


def test_the_digest_follows_content_and_names_and_not_the_place(tmp_path: Path) -> None:
    one = write_folder(tmp_path / "one", [1, 2])
    two = write_folder(tmp_path / "two", [1, 2])
    assert source_digest(one) == source_digest(two)
    (two / "1.json").write_text("{}")
    assert source_digest(one) != source_digest(two)
