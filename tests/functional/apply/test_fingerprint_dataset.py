"""`byleave fingerprint` over a whole dataset, as a trainer runs it: killed and started again, from objects, and joined by `apply`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.forked import RUN
from tests.functional.cli.commands import byleave
from tests.objects import Bucket, bucket
from tests.unit.apply.pictured import BROKEN, image_cells, picture, picture_row, reposted, tar_shard
from tests.unit.apply.worlds import NOW, request, synced

from byleave.apply.local_engine import LocalEngine
from byleave.apply.opening import Bound, bind_items
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.file import SIDECAR_FOLDER, read_facts
from byleave.apply.sidecars.run import FingerprintRequest, fingerprint_dataset
from byleave.errors import InputError, NotFoundError, VerificationError
from byleave.storage import STAGING
from byleave.storage.objects import ObjectFolder

pytestmark = pytest.mark.functional

SHARDS = 4
HEAVY = ("fastapi", "sqlalchemy", "psycopg", "lancedb", "openvino", "ray")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "data"
    for place in range(SHARDS):
        tar_shard(folder, f"{place:05d}", [picture(3), reposted(3), picture(8), BROKEN, None] * 30)
    return folder


def silent(done: int, total: int, samples: int) -> None:
    """Show nothing."""


def sidecars(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def test_a_killed_run_goes_on_and_leaves_what_an_unbroken_one_does(dataset: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, "fingerprint", str(dataset), "--to", str(tmp_path / "killed")]
    environment = {**os.environ, "BYLEAVE_HOME": str(tmp_path / "home")}
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while running.poll() is None and not sidecars(tmp_path / "killed"):
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = sidecars(tmp_path / "killed")
    assert before
    assert all(read_facts(tmp_path / "killed" / name).rows == 150 for name in before)
    done = byleave(
        "fingerprint", dataset, "--to", tmp_path / "killed", "--workers", 2, "--json", home=tmp_path / "home"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["made_before"] >= len(before)
    assert (told["shards"], told["samples"], told["fingerprinted"]) == (SHARDS, 150 * SHARDS, 90 * SHARDS)
    assert told["reasons"] == {"no_picture": 30 * SHARDS, "truncated": 30 * SHARDS}
    fingerprint_dataset(FingerprintRequest(str(dataset), str(tmp_path / "whole")), LocalEngine(1), silent)
    assert sidecars(tmp_path / "killed") == sidecars(tmp_path / "whole")
    assert not list((tmp_path / "killed").rglob(f".*{STAGING}"))


def test_the_command_needs_no_server_and_no_catalog_and_apply_finds_the_copies(tmp_path: Path) -> None:
    tar_shard(tmp_path / "data", "00000", [picture(3), reposted(3), picture(8)])
    loaded = tmp_path / "modules"
    done = byleave("fingerprint", tmp_path / "data", home=tmp_path / "home", modules=loaded)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 samples in 1 shard have fingerprints" in done.stderr
    assert not [name for name in HEAVY if name in loaded.read_text().splitlines()]
    synced(tmp_path, [picture_row(1, 3)])
    words = "apply --ruleset synced --input data --output out --regime opt_out --use train_gen --fingerprints"
    ran = byleave(*words.split(), f"data/{SIDECAR_FOLDER}", "--json", home=tmp_path / "home")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["checked_by"] == {"link": 3, "digest": 3, "fingerprint": 3, "coverage": 0}
    assert pq.read_metadata(tmp_path / "out" / "00000.parquet").num_rows == 1


def test_a_shard_that_cannot_be_read_is_named_and_ends_the_command_with_an_error(tmp_path: Path) -> None:
    tar_shard(tmp_path / "data", "00000", [picture(3)])
    archive = tmp_path / "data" / "00000.tar"
    archive.write_bytes(archive.read_bytes()[:900])
    done = byleave("fingerprint", tmp_path / "data", home=tmp_path / "home")
    assert done.returncode == 2
    assert "of 1 shard 1 could not be fingerprinted" in done.stderr
    assert "hint: fetch the archive again" in done.stderr


def test_where_nothing_was_made_nobody_is_sent_to_see_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "empty.tar").write_bytes(b"")
    done = byleave("fingerprint", tmp_path / "data", home=tmp_path / "home")
    assert done.returncode == 2
    assert "not read: empty.tar: empty.tar ends without its end mark" in done.stderr
    assert "see " not in done.stderr + done.stdout


def test_fingerprints_are_not_put_among_the_data(dataset: Path) -> None:
    with pytest.raises(InputError, match="would count as data"):
        fingerprint_dataset(FingerprintRequest(str(dataset), str(dataset / "prints")), LocalEngine(1), silent)


def test_objects_get_the_same_fingerprints_beside_them_and_are_not_read_twice(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint_dataset(FingerprintRequest(str(dataset), str(tmp_path / "here")), LocalEngine(1), silent)
    with bucket() as held:
        for name, value in held.environment.items():
            monkeypatch.setenv(name, value)
        address = held.upload(dataset, "data")
        report = fingerprint_dataset(FingerprintRequest(address), LocalEngine(1), silent)
        assert report.place == f"{address}/{SIDECAR_FOLDER}"
        again = fingerprint_dataset(FingerprintRequest(address), LocalEngine(1), silent)
        assert [made.before for made in again.made] == [True] * SHARDS
        for name, content in sidecars(tmp_path / "here").items():
            stored = held.client.get_object(Bucket=held.name, Key=f"data/{SIDECAR_FOLDER}/{name}")
            assert stored["Body"].read() == content


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with bucket() as held:
        for name, value in held.environment.items():
            monkeypatch.setenv(name, value)
        yield held


def in_folder(world: Path, **asked: Any) -> dict[str, bytes]:
    """Apply to the same data in a folder, and return what is written."""
    apply_ruleset(request(world, world / "data", **asked), NOW)
    found = (path for path in (world / "out").rglob("*") if path.is_file())
    return {path.relative_to(world / "out").as_posix(): path.read_bytes() for path in found}


class TestObjects:
    """Fingerprints are joined to objects that they were made of, and to no others, wherever they stand."""

    @pytest.fixture
    def prints(self, tmp_path: Path) -> Path:
        tar_shard(tmp_path / "data", "00000", [picture(3), reposted(3), picture(8), BROKEN, None])
        image_cells(tmp_path / "data" / "train.parquet", [picture(8), reposted(3)])
        asked = FingerprintRequest(str(tmp_path / "data"), str(tmp_path / "prints"))
        fingerprint_dataset(asked, LocalEngine(1), silent)
        synced(tmp_path, [picture_row(1, 3)])
        return tmp_path / "prints"

    def test_they_decide_as_they_do_beside_files_and_are_bound_alike(
        self, storage: Bucket, tmp_path: Path, prints: Path
    ) -> None:
        source = storage.upload(tmp_path / "data", f"{tmp_path.name}/in")
        target = ObjectFolder.of(storage.url(f"{tmp_path.name}/out"))
        joined: dict[str, Any] = {"fingerprints": prints, "unchecked": Unchecked.KEEP}
        asked = request(tmp_path, source, output=target, bind=tmp_path / "bound", **joined)
        report = apply_ruleset(asked, NOW)
        assert (report.removed, report.tally.totals["by_fingerprint"]) == (3, 5)
        expected = in_folder(tmp_path, **joined)
        assert storage.contents(f"{tmp_path.name}/out") == expected
        assert f"{SIDECAR_FOLDER}/00000.parquet" in expected
        bind_items(tmp_path / "out", open_ruleset(tmp_path / "synced")[1], tmp_path / "afterwards")
        kept, after = (Bound.open(tmp_path / name).kept for name in ("bound", "afterwards"))
        assert [kept.row(n) for n in range(len(kept))] == [after.row(n) for n in range(len(after))]

        tar_shard(tmp_path / "data", "00000", [picture(8), reposted(3), picture(3), BROKEN, None])
        changed = storage.upload(tmp_path / "data", f"{tmp_path.name}/changed")
        other = ObjectFolder.of(storage.url(f"{tmp_path.name}/out2"))
        with pytest.raises(VerificationError, match=r"not made of 00000\.parquet as it is now"):
            apply_ruleset(request(tmp_path, changed, output=other, **joined), NOW)

    def test_they_may_stand_in_objects_themselves(
        self, storage: Bucket, tmp_path: Path, prints: Path
    ) -> None:
        source = storage.upload(tmp_path / "data", f"{tmp_path.name}/in")
        stored = ObjectFolder.of(storage.upload(prints, f"{tmp_path.name}/prints"))
        target = ObjectFolder.of(storage.url(f"{tmp_path.name}/out"))
        joined: dict[str, Any] = {"unchecked": Unchecked.KEEP}
        asked = request(tmp_path, source, output=target, fingerprints=stored, **joined)
        apply_ruleset(replace(asked, workers=2), NOW)
        beside = {"fingerprints": prints, **joined}
        expected = in_folder(tmp_path, **beside)
        assert storage.contents(f"{tmp_path.name}/out") == expected

        twice = ObjectFolder.of(storage.url(f"{tmp_path.name}/twice"))
        again = request(tmp_path, str(target), output=twice, fingerprints=target, **joined)
        report = apply_ruleset(again, NOW)
        assert (report.removed, report.tally.totals["by_fingerprint"]) == (0, 2)
        here = request(tmp_path, tmp_path / "out", output=tmp_path / "here", fingerprints=target, **joined)
        with pytest.raises(InputError, match="could not be checked"):
            apply_ruleset(replace(here, unchecked=None), NOW)
        nowhere = ObjectFolder.of(storage.url(f"{tmp_path.name}/nowhere"))
        with pytest.raises(NotFoundError, match="holds no fingerprints of this input"):
            apply_ruleset(replace(here, fingerprints=nowhere), NOW)
        assert apply_ruleset(here, NOW).removed == 0
