"""The cluster engine on a cluster of two machines, both on loopback, with processes of their own: it does what this machine does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import ray
from ray.cluster_utils import Cluster
from tests.forked import RUN
from tests.functional.apply.ray_works import Deadly, Refusing, Slow, Whereabouts
from tests.functional.cli.commands import byleave
from tests.objects import Bucket, bucket
from tests.unit.apply.pictured import picture, picture_row, reposted, tar_shard
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.loaders import keeps_tables
from byleave.apply.local_engine import LocalEngine
from byleave.apply.opening import Bound
from byleave.apply.ray_engine import RayEngine, _do, joined
from byleave.apply.ruleset import Ruleset
from byleave.apply.run import apply_ruleset
from byleave.apply.sidecars.file import SIDECAR_FOLDER
from byleave.apply.sidecars.run import FingerprintRequest, fingerprint_dataset
from byleave.consent import TargetKind
from byleave.errors import FormatError, UnavailableError
from byleave.storage.objects import ObjectFolder

HEAD, SECOND = "127.0.0.2", "127.0.0.3"
"""Addresses of loopback that Ray does not take for another name of the whole machine."""

pytestmark = [
    pytest.mark.functional,
    pytest.mark.allow_hosts(["127.0.0.1", HEAD]),
    # Ray starts its own processes by forking, in a process in which other tests may have loaded lance, which says so each time.
    pytest.mark.filterwarnings("ignore:lance is not fork-safe:UserWarning"),
]

FILES, SHARDS = 6, 24
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def storage() -> Iterator[Bucket]:
    with bucket() as held, pytest.MonkeyPatch.context() as environment:
        for name, value in held.environment.items():
            environment.setenv(name, value)
        yield held


@pytest.fixture(scope="module")
def scratch(storage: Bucket) -> Iterator[Path]:
    """Give the folder for temporary files of all machines; the paths of Ray's sockets must be short."""
    folder = Path(tempfile.mkdtemp(prefix="by-ray-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def engine(scratch: Path, storage: Bucket) -> Iterator[RayEngine]:
    (scratch / "ray").mkdir()
    facts: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_TMPDIR", str(scratch))
        environment.setenv("TMPDIR", str(scratch))
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_worker_niceness", "0")
        environment.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))
        cluster: Any = Cluster(
            initialize_head=True,
            head_node_args=facts | {"include_dashboard": False, "node_ip_address": HEAD},
        )
        try:
            cluster.add_node(**facts, node_ip_address=SECOND)
            with joined(cluster.address, HEAD) as connected:
                yield connected
        finally:
            cluster.shutdown()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    synced(folder, [row(1, TargetKind.HOST, "a.example")])
    for place in range(FILES):
        urls = [f"https://{'abc'[n % 3]}.example/{place}-{n}" for n in range(3000)]
        links_file(folder / "data" / f"part-{place}.parquet", urls)
    return folder


def test_from_objects_into_objects_it_writes_the_same_bytes_though_a_worker_is_killed_amid_a_shard(
    engine: RayEngine, storage: Bucket, home: Path, tmp_path: Path, scratch: Path
) -> None:
    shown: list[tuple[str, int, int]] = []
    marker = scratch / "killed"
    source = storage.upload(home / "data", "whole/in")
    asked = request(home, source, output=ObjectFolder.of(storage.url("whole/out")))
    apply_ruleset(asked, NOW, lambda *step: shown.append(step), Deadly(engine, 3, marker))
    assert marker.exists()
    assert int(marker.read_text()) != os.getpid()
    assert shown == [("apply", done, FILES) for done in range(1, FILES + 1)]
    apply_ruleset(request(home, home / "data", output=tmp_path / "out"), NOW)
    expected = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert storage.contents("whole/out") == expected


def test_the_command_writes_the_same_bytes_though_a_worker_is_killed_mid_run(
    engine: RayEngine, home: Path, tmp_path: Path
) -> None:
    for place in range(SHARDS):
        urls = [f"https://{'abc'[n % 3]}.example/{place}-{n}" for n in range(30_000)]
        links_file(tmp_path / "data" / f"part-{place:02}.parquet", urls)
    words = ["apply", "--ruleset", home / "synced", "--input", tmp_path / "data", "--regime", "opt_out"]
    words += ["--use", "train_gen", "--output"]
    cluster = ("--engine", "ray", "--ray-address", ray.get_runtime_context().gcs_address)
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, [*words, tmp_path / "cluster", *cluster])],
        env={**os.environ, "BYLEAVE_HOME": str(tmp_path / "home")},
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        killed = killed_amid(tmp_path, command)
        _, told = command.communicate(timeout=300)
    assert command.returncode == 0, told
    assert killed is not None, "all shards were done before any worker could be killed"
    here = byleave(*words, tmp_path / "here", home=tmp_path / "home")
    assert here.returncode == 0, here.stderr
    assert rows_of(tmp_path / "cluster") == rows_of(tmp_path / "here")


def killed_amid(folder: Path, command: subprocess.Popen[str]) -> int | None:
    """Kill a worker of the cluster when some shards are finished and others are not; return which it was."""
    while command.poll() is None:
        finished = len(list(folder.glob(".cluster.apply-*/journal/*.json")))
        if 0 < finished < SHARDS - 2:
            for worker in busy_workers():
                os.kill(worker, signal.SIGKILL)
                return worker
        time.sleep(0.01)
    return None


def busy_workers() -> Iterator[int]:
    """Yield the workers of clusters that this process started and that have a task just now."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,command="], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    parents = {int(pid): int(parent) for pid, parent, *_ in lines}
    for pid, _, command in (line for line in lines if len(line) == 3):
        above = int(pid)
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and command.startswith(f"ray::{_do.__name__}"):
            yield int(pid)


def rows_of(output: Path) -> dict[str, bytes]:
    """Every file but those that tell when and where a run was."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and path.name not in {"report.json", "report.html", "_byleave.json"}
    }


def test_in_folders_that_all_machines_see_it_writes_the_same_bytes(
    engine: RayEngine, home: Path, tmp_path: Path
) -> None:
    outs = [tmp_path / "cluster", tmp_path / "here"]
    apply_ruleset(request(home, home / "data", output=outs[0]), NOW, engine=engine)
    apply_ruleset(request(home, home / "data", output=outs[1]), NOW)
    contents = [
        {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in outs
    ]
    assert contents[0] == contents[1]


def test_fingerprints_among_objects_go_through_a_cluster_as_they_do_here(
    engine: RayEngine, storage: Bucket, tmp_path: Path
) -> None:
    synced(tmp_path, [picture_row(1, 3)])
    for place in range(3):
        tar_shard(tmp_path / "data", f"{place:05d}", [picture(8), reposted(3), picture(5)])
    asked = FingerprintRequest(str(tmp_path / "data"), str(tmp_path / "data" / SIDECAR_FOLDER))
    fingerprint_dataset(asked, LocalEngine(1), lambda *_: None)
    source = storage.upload(tmp_path / "data", "pictured/in")
    target = ObjectFolder.of(storage.url("pictured/out"))
    stored = {"output": target, "fingerprints": ObjectFolder.of(source), "bind": tmp_path / "bound"}
    apply_ruleset(request(tmp_path, source, **stored), NOW, engine=engine)
    here = {"fingerprints": tmp_path / "data", "bind": tmp_path / "bound here"}
    apply_ruleset(request(tmp_path, tmp_path / "data", **here), NOW)
    expected = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert storage.contents("pictured/out") == expected
    assert len([name for name in expected if name.startswith(SIDECAR_FOLDER)]) == 3
    trees = [Bound.open(tmp_path / name) for name in ("bound", "bound here")]
    assert trees[0].commitments.kept.size == 6
    assert [one.kept.row(0).item for one in trees] == [trees[0].kept.row(0).item] * 2


def test_both_machines_work_and_hold_a_shared_file_once(
    engine: RayEngine, tmp_path: Path, scratch: Path
) -> None:
    (tmp_path / "list").write_text("the list")
    rows: list[int] = []
    shared = engine.share(tmp_path / "list")
    (tmp_path / "met").mkdir()
    told = list(engine.run(Whereabouts(shared, tmp_path / "met", 2), range(8), rows.append))
    assert sorted(place for place, _ in told) == list(range(8))
    assert {machine for _, (machine, _) in told} == {HEAD, SECOND}
    assert {content for _, (_, content) in told} == {"the list"}
    assert rows == [1] * 8
    copies = list((scratch / f"byleave-{os.geteuid()}" / "shared").glob(shared.sha256))
    assert [path.read_text() for path in copies] == ["the list"]


def test_the_cluster_is_handed_no_more_tasks_at_a_time_than_are_allowed(engine: RayEngine) -> None:
    spans = [span for _, span in RayEngine(in_flight=1).run(Slow(1.0), range(3), lambda _: None)]
    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(sorted(spans)))


def test_an_error_in_a_task_comes_back_as_it_was(engine: RayEngine) -> None:
    with pytest.raises(FormatError, match=r"a\.parquet cannot be read") as told:
        list(engine.run(Refusing(), ["a.parquet"], lambda _: None))
    assert told.value.remedy == "fetch it again"


def test_a_task_that_always_loses_its_worker_is_an_error_with_a_remedy(
    home: Path, storage: Bucket, engine: RayEngine, scratch: Path
) -> None:
    source = storage.upload(home / "data", "lost/in")
    asked = request(home, source, output=ObjectFolder.of(storage.url("lost/out")))
    with pytest.raises(UnavailableError, match="the cluster lost a task 1 times") as told:
        apply_ruleset(asked, NOW, engine=Deadly(RayEngine(retries=0), 1, scratch / "lost"))
    assert "run the same command again" in told.value.remedy
    assert "_byleave.json" not in storage.contents("lost/out")
    assert apply_ruleset(asked, NOW, engine=engine).removed == FILES * 1000


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray Data warns about its own settings
def test_ray_data_keeps_what_a_decider_keeps(engine: RayEngine, home: Path) -> None:
    decider = Ruleset.load(home / "synced").decider(regime="opt_out", uses=["train_gen"])
    links = ["https://a.example/1", "https://b.example/1", "https://a.example/2", "https://c.example/1"]
    dataset = ray.data.from_arrow(pa.table({"url": links}))
    kept = dataset.map_batches(keeps_tables(decider), batch_format="pyarrow").take_all()
    assert sorted(one["url"] for one in kept) == ["https://b.example/1", "https://c.example/1"]
