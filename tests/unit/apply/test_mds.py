"""What the index of an MDS dataset can say beyond what is made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.apply.datasets_in_forms import FORMS, FREE, LINKS
from tests.unit.apply.worlds import NOW, request, row, synced

from byleave.apply.report import Report
from byleave.apply.run import apply_ruleset
from byleave.consent import TargetKind
from byleave.errors import FormatError

MDS = next(form for form in FORMS if form.name == "mds")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    synced(folder, [row(1, TargetKind.HOST, "a.example")])
    return folder


def applied(home: Path, source: Path, out: Path) -> Report:
    return apply_ruleset(request(home, source, output=out), NOW)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_digests_that_are_not_made_here_are_left_out_of_the_index(home: Path, tmp_path: Path) -> None:
    MDS.make(tmp_path / "data")
    edit(tmp_path / "data" / "index.json", '"hashes": ["sha1"]', '"hashes": ["sha1", "xxh64"]')
    edit(tmp_path / "data" / "index.json", '"hashes": {"', '"hashes": {"xxh64": "0123456789abcdef", "')
    applied(home, tmp_path / "data", tmp_path / "out")
    assert MDS.read(tmp_path / "out") == FREE
    assert "xxh64" not in (tmp_path / "out" / "index.json").read_text()


def test_shards_that_were_unpacked_beside_their_packed_ones_are_written_unpacked(
    home: Path, tmp_path: Path
) -> None:
    MDS.make(tmp_path / "data")
    packed_mds(tmp_path / "data")
    report = applied(home, tmp_path / "data", tmp_path / "out")
    assert MDS.read(tmp_path / "out") == FREE
    shards = json.loads((tmp_path / "out" / "index.json").read_text())["shards"]
    assert {(shard["compression"], shard["zip_data"]) for shard in shards} == {(None, None)}
    assert report.left_out == tuple(f"shard.0000{part}.mds.zstd" for part in range(2))


def test_shards_that_are_only_packed_are_refused_with_the_way_to_unpack_them(
    home: Path, tmp_path: Path
) -> None:
    MDS.make(tmp_path / "data")
    packed_mds(tmp_path / "data")
    (tmp_path / "data" / "shard.00001.mds").unlink()
    with pytest.raises(FormatError, match=r"'shard\.00001\.mds' is not there, only packed") as caught:
        applied(home, tmp_path / "data", tmp_path / "out")
    assert "StreamingDataset" in caught.value.remedy


def test_an_index_of_all_folders_and_those_it_was_merged_from_are_one_dataset(
    home: Path, tmp_path: Path
) -> None:
    merged_mds(tmp_path / "data")
    report = applied(home, tmp_path / "data", tmp_path / "out")
    assert (report.rows, report.removed) == (2 * len(LINKS), 2 * (len(LINKS) - len(FREE)))
    above = json.loads((tmp_path / "out" / "index.json").read_text())["shards"]
    for part in ("train", "val"):
        assert MDS.read(tmp_path / "out" / part) == FREE
        below = json.loads((tmp_path / "out" / part / "index.json").read_text())["shards"]
        named = [shard for shard in above if shard["raw_data"]["basename"].startswith(f"{part}/")]
        for shard in named:
            shard["raw_data"]["basename"] = shard["raw_data"]["basename"].removeprefix(f"{part}/")
        assert named == below


def test_an_index_that_disagrees_with_the_one_above_it_is_named(home: Path, tmp_path: Path) -> None:
    merged_mds(tmp_path / "data")
    edit(tmp_path / "data" / "val" / "index.json", '"samples": 5', '"samples": 6')
    with pytest.raises(FormatError, match=r"val/index\.json: does not agree with index\.json"):
        applied(home, tmp_path / "data", tmp_path / "out")


def test_a_column_that_an_index_names_twice_is_refused(home: Path, tmp_path: Path) -> None:
    MDS.make(tmp_path / "data")
    path = tmp_path / "data" / "index.json"
    index = json.loads(path.read_text())
    for shard in index["shards"]:
        shard["column_names"] = ["url" for _ in shard["column_names"]]
    path.write_text(json.dumps(index))
    with pytest.raises(FormatError, match=r"index\.json: does not describe its shards"):
        applied(home, tmp_path / "data", tmp_path / "out")


def merged_mds(folder: Path) -> None:
    """Make a dataset in two folders, with an index of each and one of both, as the package merges them."""
    folder.mkdir()
    both: list[dict[str, Any]] = []
    for part in ("train", "val"):
        MDS.make(folder / part)
        for shard in json.loads((folder / part / "index.json").read_text())["shards"]:
            shard["raw_data"]["basename"] = f"{part}/{shard['raw_data']['basename']}"
            both.append(shard)
    (folder / "index.json").write_text(json.dumps({"shards": both, "version": 2}))


def packed_mds(folder: Path) -> None:
    """Let an index say that its shards are packed, and put something beside them that stands for that."""
    index = json.loads((folder / "index.json").read_text())
    for shard in index["shards"]:
        name = f"{shard['raw_data']['basename']}.zstd"
        (folder / name).write_bytes(b"packed")
        shard |= {"compression": "zstd", "zip_data": {"basename": name, "bytes": 6, "hashes": {}}}
    (folder / "index.json").write_text(json.dumps(index))
