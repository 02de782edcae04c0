"""The real command: datasets go in and are found, and what is hostile ends in words, never in a traceback."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.forked import run_command
from tests.sources import jpeg, links, sample_members, write_folder, write_links, write_tar

pytestmark = [pytest.mark.functional, pytest.mark.timeout(300)]


def byleave(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"BYLEAVE_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home.parent)}
    done = run_command(arguments, environment)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_person_brings_pictures_in_and_finds_them(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", write_folder(tmp_path / "pictures", range(5))
    ingested = byleave(home, "ingest", str(folder), "--dataset", "mine", "--json")
    report = json.loads(ingested.stdout)
    assert ingested.returncode == 0
    assert (report["samples"], report["with_pictures"], report["already"]) == (5, 5, False)

    (tmp_path / "query.jpg").write_bytes(jpeg(3))
    found = byleave(home, "search", "--image", str(tmp_path / "query.jpg"), "--json", "--limit", "1")
    hit = json.loads(found.stdout)
    assert (hit["kind"], hit["distance"], hit["url"]) == ("exact", 0, "https://pictures.example/3.jpg")

    worded = byleave(home, "search", "picture number 4", "--limit", "1")
    assert "https://pictures.example/4.jpg" in worded.stdout

    nothing = byleave(home, "search", "qwxzv")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr.startswith("Not found in the 1 datasets searched here (as of ")


def test_every_kind_of_damage_in_one_folder_is_counted(tmp_path: Path) -> None:
    source = tmp_path / "hostile"
    whole = [member for number in range(4) for member in sample_members(number)]
    write_tar(source / "00000.tar", whole)
    cut = write_tar(source / "00001.tar", [m for n in (10, 11) for m in sample_members(n, shard=1)])
    cut.write_bytes(cut.read_bytes()[:2000])
    write_tar(
        source / "00002.tar",
        [("../../etc/evil.jpg", b"\xff\xd8\xff" + b"\0" * 99), ("x.json", b"[" * 99_999)],
    )
    (source / "00003.tar").write_bytes(b"\0" * 257 + b"ustar" + b"\xff" * 4000)
    write_links(
        source / "00000.parquet",
        [{"key": "000000009", "url": "https://a.example/9", "status": "failed_to_download"}],
    )
    done = byleave(tmp_path / "home", "ingest", str(source), "--dataset", "d", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["source"]["samples"] == 5
    assert report["source"]["rejected"] == {
        "bad_fields": 1,
        "corrupt_header": 1,
        "download_failed": 1,
        "picture_truncated": 1,
        "truncated": 1,
    }
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.parquet", b"", "neither Parquet, nor tar files, nor pictures"),
        ("broken.parquet", b"PAR1" + b"\xff" * 5000, "no readable Parquet file"),
        ("noise", bytes(range(256)) * 40, "neither Parquet, nor tar files, nor pictures"),
    ],
)
def test_a_file_that_is_no_dataset_is_refused_with_a_hint(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    done = byleave(tmp_path / "home", "ingest", str(tmp_path / name), "--dataset", "d")
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint: " in done.stderr
    assert done.stdout == ""


def test_a_list_without_links_says_what_it_found_and_what_is_wanted(tmp_path: Path) -> None:
    path = write_links(tmp_path / "a.parquet", [{"address": row["URL"]} for row in links([1])])
    done = byleave(tmp_path / "home", "ingest", str(path), "--dataset", "d")
    assert done.returncode == 2
    assert "'address'" in done.stderr
    assert "url, image_url" in done.stderr


def test_a_search_for_nothing_is_refused(tmp_path: Path) -> None:
    assert byleave(tmp_path / "home", "search").returncode == 2
