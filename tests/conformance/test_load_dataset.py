"""The package ``datasets``, as it is, loads an output by its folder alone: the rows that stay, in the splits of the input, and nothing of ours."""

from __future__ import annotations

import csv
import gzip
import json
import tarfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.apply.datasets_in_forms import FREE, LINKS, add
from tests.unit.apply.pictured import fingerprinted, links_of, picture, picture_row, tar_shard
from tests.unit.apply.worlds import NOW, request, row, synced

from byleave.apply.modes import Mode
from byleave.apply.run import apply_ruleset
from byleave.apply.sidecars.file import SIDECAR_FOLDER
from byleave.consent import TargetKind
from byleave.media.fingerprinting import Fingerprinter
from byleave.settings import Limits

pytestmark = pytest.mark.conformance

Write = Callable[[Path, Sequence[str]], None]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
    return tmp_path


def loaded(world: Path, *config: str, name: str = "out") -> Mapping[str, list[str]]:
    """Return the links of each split that the package finds in a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        datasets = pytest.importorskip("datasets", reason="the package datasets is not installed")
        found = datasets.load_dataset(str(world / name), *config, cache_dir=str(world / "cache"))
        return {split: [_link(sample) for sample in rows] for split, rows in found.items()}


def _link(sample: dict[str, Any]) -> str:
    return str(sample.get("url") or sample.get("text") or sample["json"]["url"])


def _parquet(path: Path, links: Sequence[str]) -> None:
    pq.write_table(pa.table({"url": links}), path)


def _jsonl(path: Path, links: Sequence[str]) -> None:
    path.write_text("".join(json.dumps({"url": link}) + "\n" for link in links))


def _packed(path: Path, links: Sequence[str]) -> None:
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps({"url": link}) + "\n" for link in links)


def _csv(path: Path, links: Sequence[str]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["url", "place"], *([link, str(at)] for at, link in enumerate(links))])


def _txt(path: Path, links: Sequence[str]) -> None:
    path.write_text("".join(f"{link}\n" for link in links))


WRITERS: Mapping[str, Write] = {
    "parquet": _parquet,
    "jsonl": _jsonl,
    "jsonl.gz": _packed,
    "csv": _csv,
    "txt": _txt,
}


def dataset(folder: Path, files: Mapping[str, Sequence[str]]) -> Path:
    """Write files of links, each in the form that its name says."""
    for name, links in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        next(write for ending, write in WRITERS.items() if name.endswith(f".{ending}"))(path, links)
    return folder


@pytest.mark.parametrize("ending", WRITERS)
def test_only_rows_that_stay_are_loaded(world: Path, ending: str) -> None:
    data = dataset(world / "data", {f"one.{ending}": LINKS[:9], f"rows/two.{ending}": LINKS[9:]})
    apply_ruleset(request(world, data), NOW)
    assert loaded(world) == {"train": FREE}


@pytest.mark.parametrize(
    "names",
    [
        ("train.jsonl", "test.jsonl"),
        ("train/0.parquet", "validation/0.parquet"),
        ("set/my-train-1.csv", "set/my-eval-1.csv"),
        ("data/train-00000-of-00001.parquet", "data/odd.name-00000-of-00001.parquet"),
    ],
)
def test_splits_of_an_output_are_those_of_its_input(world: Path, names: tuple[str, str]) -> None:
    data = dataset(world / "data", dict(zip(names, (LINKS[:9], LINKS[9:]), strict=True)))
    apply_ruleset(request(world, data), NOW)
    before = loaded(world, name="data")
    assert len(before) == 2
    assert loaded(world) == {
        split: [link for link in links if link in FREE] for split, links in before.items()
    }


def test_archives_are_loaded_where_there_is_nothing_else(world: Path) -> None:
    (world / "data").mkdir()
    with tarfile.open(world / "data" / "0.tar", "w") as tar:
        for number, link in enumerate(LINKS):
            add(tar, f"{number:09d}.json", json.dumps({"url": link}).encode())
    apply_ruleset(request(world, world / "data"), NOW)
    assert loaded(world) == {"train": FREE}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_fingerprints_that_stand_in_an_output_are_not_loaded(world: Path) -> None:
    synced(world, [picture_row(1, 3)], 2)
    for name in ("00000", "00001"):
        tar_shard(world / "data" / "train", name, [picture(8), picture(3), picture(5)])
    with Fingerprinter(Limits()) as printer:
        fingerprinted(world / "data", world / "prints", printer)
    apply_ruleset(request(world, world / "data", fingerprints=world / "prints"), NOW)
    assert (world / "out" / SIDECAR_FOLDER / "train").is_dir()
    assert loaded(world) == {
        "train": [link for name in ("00000", "00001") for link in links_of(name, 3)[::2]]
    }


def test_annotated_rows_are_loaded_alone(world: Path) -> None:
    data = dataset(world / "data", {"one.parquet": LINKS})
    apply_ruleset(request(world, data, mode=Mode.ANNOTATE), NOW)
    assert loaded(world) == {"train": LINKS}


def test_an_output_has_the_configurations_of_its_input(world: Path) -> None:
    data = dataset(world / "data", {"en/a.parquet": LINKS[:12], "fr/a.parquet": LINKS[12:]})
    (data / "README.md").write_text(
        "---\nlicense: cc0-1.0\ndataset_info:\n- config_name: en\n  splits:\n  - name: train\n    num_examples: 12\n"
        "configs:\n- config_name: en\n  data_files: en/*.parquet\n"
        "- config_name: fr\n  data_files:\n  - split: dev\n    path: fr/*\ntags:\n- links\n---\n# Links\n"
    )
    assert loaded(world, "fr", name="data") == {"dev": LINKS[12:]}
    report = apply_ruleset(request(world, data), NOW)
    assert report.left_out == ("README.md",)
    again = request(world, world / "out", output=world / "again")
    assert apply_ruleset(again, NOW).left_out == ()
    for name in ("out", "again"):
        assert loaded(world, "en", name=name) == {"train": [link for link in LINKS[:12] if link in FREE]}
        assert loaded(world, "fr", name=name) == {"dev": [link for link in LINKS[12:] if link in FREE]}


def test_signs_that_mean_something_elsewhere_are_parts_of_names(world: Path) -> None:
    name = 'odd [1] * "quoted" \\ 🎨 - #: {}.jsonl'
    data = dataset(world / "data", {f"train {name}": LINKS[:9], f"test {name}": LINKS[9:]})
    apply_ruleset(request(world, data), NOW)
    assert sorted(loaded(world)) == ["test", "train"]


def test_other_readers_of_a_folder_read_as_before(world: Path) -> None:
    data = dataset(world / "data", {"one.parquet": LINKS[:9], "two.parquet": LINKS[9:]})
    apply_ruleset(request(world, data), NOW)
    assert pq.read_table(world / "out")["url"].to_pylist() == FREE
