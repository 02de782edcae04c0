"""What is left of a dataset after a run is read by the unmodified packages that people load it with."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from pyarrow.dataset import dataset
from tests.unit.apply.datasets_in_forms import FAILED, FORMS, FREE, LINKS
from tests.unit.apply.pictured import fingerprinted, links_of, picture, picture_row, tar_shard
from tests.unit.apply.worlds import NOW, request, row, synced

from byleave.apply.run import apply_ruleset
from byleave.apply.sidecars.file import SIDECAR_FOLDER
from byleave.consent import TargetKind
from byleave.media.fingerprinting import Fingerprinter
from byleave.settings import Limits

pytestmark = pytest.mark.conformance

FORM_NAMES = {form.name: form for form in FORMS}


def package(name: str) -> Any:
    """Import a package, or skip; what it warns of while it is imported is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"the package {name.partition('.')[0]} is not installed")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
    return tmp_path


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the package leaves its files open
@pytest.mark.parametrize(("form", "name"), [("img2dataset", "00000.tar"), ("tar", "a.tar")])
def test_webdataset_reads_whole_samples_in_order(world: Path, form: str, name: str) -> None:
    webdataset = package("webdataset")
    FORM_NAMES[form].make(world / "data")
    apply_ruleset(request(world, world / "data"), NOW)
    samples = list(webdataset.WebDataset(str(world / "out" / name), shardshuffle=False))
    fetched = [link for link in FREE if form == "tar" or LINKS.index(link) not in FAILED]
    assert [json.loads(sample["json"])["url"] for sample in samples] == fetched
    assert all({"jpg", "txt", "json"} <= sample.keys() for sample in samples)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_fingerprints_that_stand_in_an_output_are_in_nobodys_way(world: Path) -> None:
    webdataset, datasets = package("webdataset"), package("datasets")
    synced(world, [picture_row(1, 3)], 2)
    for name in ("00000", "00001"):
        tar_shard(world / "data", name, [picture(8), picture(3), picture(5)])
    with Fingerprinter(Limits()) as printer:
        fingerprinted(world / "data", world / "prints", printer)
    apply_ruleset(request(world, world / "data", fingerprints=world / "prints"), NOW)
    out = world / "out"
    assert len(list((out / SIDECAR_FOLDER).iterdir())) == 2
    links = [link for name in ("00000", "00001") for link in links_of(name, 3)[::2]]
    read = webdataset.WebDataset(str(out / "{00000..00001}.tar"), shardshuffle=False)
    assert [json.loads(sample["json"])["url"] for sample in read] == links
    table = datasets.load_dataset(
        "parquet", data_files=str(out / "*.parquet"), split="train", cache_dir=str(world / "cache")
    )
    assert list(table["url"]) == links
    assert dataset(out, exclude_invalid_files=True).to_table()["url"].to_pylist() == links


def test_datasets_loads_a_saved_dataset_under_another_fingerprint(world: Path) -> None:
    datasets = package("datasets")
    whole = datasets.Dataset.from_dict({"url": LINKS, "place": list(range(len(LINKS)))})
    saved = datasets.DatasetDict({"train": whole, "test": whole.select(range(5))})
    saved.save_to_disk(str(world / "data"), num_shards={"train": 2, "test": 1})
    report = apply_ruleset(request(world, world / "data"), NOW)
    assert report.rows == len(LINKS) + 5
    cleaned = datasets.load_from_disk(str(world / "out"))
    assert list(cleaned["train"]["url"]) == FREE
    assert list(cleaned["test"]["url"]) == [link for link in LINKS[:5] if link in FREE]
    assert cleaned["train"].features == whole.features
    before = datasets.load_from_disk(str(world / "data"))
    assert cleaned["train"]._fingerprint != before["train"]._fingerprint


@pytest.mark.filterwarnings("ignore")  # the package warns of what torch will change
def test_mosaicml_streaming_reads_what_is_left_of_what_it_wrote(world: Path) -> None:
    streaming = package("streaming")
    columns = {"url": "str", "place": "int"}
    with streaming.MDSWriter(out=str(world / "data"), columns=columns, size_limit=512) as writer:
        for place, link in enumerate(LINKS):
            writer.write({"url": link, "place": place})
    report = apply_ruleset(request(world, world / "data"), NOW)
    assert report.removed
    streaming.base.util.clean_stale_shared_memory()
    cleaned = streaming.StreamingDataset(local=str(world / "out"), shuffle=False, batch_size=1)
    places = [place for place, link in enumerate(LINKS) if link in FREE]
    assert [(sample["url"], sample["place"]) for sample in cleaned] == [(LINKS[p], p) for p in places]
