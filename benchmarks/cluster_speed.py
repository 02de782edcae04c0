"""Two workers of a Ray cluster against one, at the same shards, once both are ready; the cluster is two machines on loopback with a processor each.

Prints rows per second of wall clock for one worker and for two, their ratio, and the load of the machine: at a load above the number of processors the
workers wait for each other's neighbours, and the ratio says little. Also prints processor seconds per million rows, which other work disturbs less.

    python benchmarks/cluster_speed.py [--rows 2000000] [--shards 16] [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from apply_data import NOW, Sizes, write_dataset, write_registry

from byleave.apply.desks import Done
from byleave.apply.engine import Rows
from byleave.apply.workers import ShardWork, Task
from byleave.errors import ByleaveError

HEAD, SECOND = "127.0.0.2", "127.0.0.3"
MEMORY = 512 * 1024 * 1024
HERE = Path(__file__).parent
LARGE_ROWS = 20_000_000
WARM = 4
"""Shards done before the clock starts, so that every worker has mapped the list and compiled its loops."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Does shards, and tells the processor seconds each took."""

    work: ShardWork

    def begin(self) -> Callable[[Task, Rows], tuple[Done, float]]:
        do = self.work.begin()

        def timed(task: Task, progress: Rows) -> tuple[Done, float]:
            begun = time.process_time()
            return do(task, progress), time.process_time() - begun

        return timed


@contextmanager
def cluster(folder: Path, machines: int) -> Iterator[str]:
    """Start a cluster of one or two machines and give its address."""
    (folder / "ray").mkdir(exist_ok=True)
    os.environ |= {
        "RAY_TMPDIR": str(folder),
        "TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent / "src")]),
    }
    from ray.cluster_utils import Cluster

    facts: dict[str, Any] = {"num_cpus": 1, "object_store_memory": MEMORY}
    head = facts | {"include_dashboard": False, "node_ip_address": HEAD}
    started = Cluster(initialize_head=True, head_node_args=head)
    try:
        if machines > 1:
            started.add_node(**facts, node_ip_address=SECOND)
        yield started.address
    finally:
        started.shutdown()  # type: ignore[no-untyped-call]


def split(source: Path, folder: Path, shards: int) -> None:
    """Write the rows again as so many files of one size."""
    folder.mkdir()
    rows = sum(pq.read_metadata(path).num_rows for path in source.glob("*.parquet"))
    each = -(-rows // shards)
    batches = (
        batch
        for path in sorted(source.glob("*.parquet"))
        for batch in pq.ParquetFile(path).iter_batches(min(each, 65_536))
    )
    writer, held = None, 0
    for batch in batches:
        if writer is None or held >= each:
            if writer is not None:
                writer.close()
            name = folder / f"{len(list(folder.iterdir())):05d}.parquet"
            writer, held = pq.ParquetWriter(name, batch.schema, compression="zstd"), 0
        writer.write_batch(batch)
        held += batch.num_rows
    if writer is not None:
        writer.close()


def measured(folder: Path, out: Path, machines: int) -> tuple[float, float]:
    """Apply to all shards; return wall-clock and processor seconds, counted from when some shards are done."""
    from byleave.apply.ray_engine import joined
    from byleave.apply.request import ApplyRequest
    from byleave.apply.run import apply_ruleset
    from byleave.apply.shard import Unchecked
    from byleave.consent import Regime, Use

    with cluster(folder / "cluster", machines) as address, joined(address, HEAD) as engine:
        seconds: list[float] = []

        class Watching:
            share = engine.share

            def run(self, work: Any, tasks: Sequence[Any], progress: Rows) -> Iterator[tuple[int, Any]]:
                yield from engine.run(work, tasks[:WARM], progress)
                begun = time.monotonic()
                for place, (done, took) in engine.run(Timed(work), tasks[WARM:], progress):
                    seconds.append(took)
                    yield WARM + place, done
                walls.append(time.monotonic() - begun)

        walls: list[float] = []
        asked = ApplyRequest(
            folder / "synced",
            str(folder / "shards"),
            out,
            Regime.OPT_OUT,
            (Use.TRAIN_GEN,),
            folder,
            unchecked=Unchecked.KEEP,
        )
        apply_ruleset(asked, NOW, engine=Watching())
    return walls[0], sum(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--large", action="store_true", help="20 million rows and two million links")
    given = parser.parse_args()
    sizes = Sizes.of(given.rows or (LARGE_ROWS if given.large else 2_000_000), large=given.large)
    with tempfile.TemporaryDirectory(prefix="by-") as aside:
        folder = Path(aside)
        (folder / "cluster").mkdir()
        write_dataset(folder / "data", sizes)
        write_registry(folder, sizes)
        split(folder / "data", folder / "shards", given.shards)
        best: dict[int, float] = {}
        for number in range(given.rounds):
            for machines in (1, 2):
                try:
                    wall, processor = measured(folder, folder / f"out-{number}-{machines}", machines)
                except ByleaveError as error:
                    raise SystemExit(str(error)) from error
                rows = sizes.rows * (given.shards - WARM) / given.shards
                best[machines] = min(wall, best.get(machines, wall))
                print(
                    f"{machines} worker{'s' * (machines > 1)}: {rows / wall:>10,.0f} rows/s, "
                    f"{1e6 * processor / rows:.2f} processor seconds per million rows, load {os.getloadavg()[0]:.1f}"
                )
        print(f"two workers have {best[1] / best[2]:.2f} times the speed of one")


if __name__ == "__main__":
    main()
