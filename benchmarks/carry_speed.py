"""What it costs that an output states its fingerprints: timed within runs that carry them over, and by itself, a row.

A tar of generated JPEGs is fingerprinted once and a list is applied to it with its fingerprints; then a sidecar of random values loses one row in
seven. Both work in this process on one thread. The figures are processor time.

    python benchmarks/carry_speed.py [--pictures 1500] [--rows 500000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apply_data import NOW, Sizes, write_registry
from sidecar_speed import pictures, whole, write_shard

from byleave.apply import workers
from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.carrying import carry_over
from byleave.apply.sidecars.file import SCHEMA, SidecarWriter
from byleave.consent import Regime, Use
from byleave.fingerprints import PICTURE_VERSION

SIDE = 512
ONE_IN = 7
LIST_ROWS = 10_000


def timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def within_runs(folder: Path, count: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of a run, and of what it does to carry fingerprints over; medians."""
    made = pictures(SIDE)
    (folder / "data").mkdir()
    write_shard(folder / "data" / "00000.tar", made, count)
    whole(folder / "data", folder / "prints")
    write_registry(folder, Sizes.of(LIST_ROWS, large=False))
    carrying: list[float] = []

    def watched(*arguments: Any) -> Any:
        start = time.process_time()
        written = carry_over(*arguments)
        carrying.append(time.process_time() - start)
        return written

    def applied(out: Path) -> None:
        asked = ApplyRequest(
            folder / "synced", str(folder / "data"), out, Regime.OPT_OUT, (Use.TRAIN_GEN,), folder
        )
        apply_ruleset(replace(asked, unchecked=Unchecked.KEEP, fingerprints=folder / "prints"), NOW)

    place: Any = workers
    place.carry_over = watched
    runs = [timed(partial(applied, folder / f"out{number}")) for number in range(rounds + 1)]
    place.carry_over = carry_over
    return median(runs[1:]), median(carrying[1:])


def by_itself(folder: Path, rows: int, rounds: int) -> float:
    """Return the least seconds in which a sidecar of so many rows was carried over."""
    random = np.random.default_rng(1)

    def fixed(size: int) -> pa.Array:
        values = pa.py_buffer(random.bytes(rows * size))
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), rows, [None, values])

    columns = {
        "key": pa.array([f"{place:09d}" for place in range(rows)]),
        "item_id": fixed(16),
        "sha256": fixed(32),
        "version": pa.array([PICTURE_VERSION] * rows),
        "pdq": fixed(32),
        "pdq_trimmed": fixed(32),
        "quality": pa.array(random.integers(50, 100, rows), pa.uint8()),
        "reason": pa.nulls(rows, pa.string()),
    }
    path = folder / "random.parquet"
    with SidecarWriter(path, None) as writer:
        writer.add_batch(pa.RecordBatch.from_pydict(columns, schema=SCHEMA))
        writer.finish(path.name, (), None)
    gone: npt.NDArray[np.int64] = np.arange(0, rows, ONE_IN)
    return min(timed(lambda: carry_over(path, gone, rows, folder / "out", [])) for _ in range(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1_500)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, carrying = within_runs(folder, given.pictures, given.rounds)
        print(f"{given.pictures:,} JPEGs of at most {SIDE} pixels in a tar, {given.rounds} rounds")
        print(f"  the run          {run / given.pictures * 1e6:8.1f} microseconds a row")
        print(
            f"  carrying over    {carrying / given.pictures * 1e6:8.1f}, {carrying / (run - carrying):.2%} on top of the rest"
        )
        least = by_itself(folder, given.rows, given.rounds)
        print(f"{given.rows:,} rows by themselves, one in {ONE_IN} taken out")
        print(f"  carrying over    {least / given.rows * 1e9:8.0f} nanoseconds a row at least")


if __name__ == "__main__":
    main()
