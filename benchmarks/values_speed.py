"""What it costs to bind what rows state besides their links: timed within runs that bind, beside all else that binding takes.

Runs are over a list of links that states the SHA-256 of every file as text, and over pictures in a tar with their fingerprints; all in this process
on one thread. Beside them, what SHA-256 of all else in a row would cost, 300 bytes, and what is opened of a row. The figures are processor time.

    python benchmarks/values_speed.py [--rows 1000000] [--pictures 1500] [--rounds 5]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apply_data import NOW, ROWS_OF_A_GROUP, Sizes, hex_texts, write_dataset, write_registry
from binding_speed import Stopwatch, timed
from sidecar_speed import pictures, whole, write_shard

from byleave.apply import binding, values
from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.seen import Stated
from byleave.apply.tree_hashing import RowHasher
from byleave.consent import Regime, Use
from byleave.log import canonical_json

SIDE = 512
ROW_BYTES = 300
HASHED_AT_ONCE = 65_536
OPENED = 1_000
LIST_ROWS = 10_000

Spent = tuple[float, float, float]
"""Seconds of a run, of all that it does to bind, and of that for what rows state."""


@contextmanager
def stating(watch: Stopwatch) -> Iterator[None]:
    """Watch what is done for that alone."""
    trees: Any = values.PartTree
    place: Any = binding
    kept = trees.add, trees.root, place.commit_parts
    trees.add, trees.root, place.commit_parts = map(watch.around, kept)
    try:
        yield
    finally:
        trees.add, trees.root, place.commit_parts = kept


def bound_run(asked: ApplyRequest, folder: Path) -> Spent:
    """Apply and bind into a place of their own that is removed."""
    every, stated = Stopwatch(), Stopwatch()
    asked = replace(asked, output=folder / "out", bind=folder / "bound", unchecked=Unchecked.KEEP)
    with every.watching(), stating(stated):
        run = timed(lambda: apply_ruleset(asked, NOW))
    shutil.rmtree(folder)
    return run, every.seconds, stated.seconds


def asked_in(folder: Path, data: str) -> ApplyRequest:
    return ApplyRequest(
        folder / "synced", str(folder / data), folder / "out", Regime.OPT_OUT, (Use.TRAIN_GEN,), folder
    )


def state_digests(data: Path, to: Path) -> None:
    """Write the files of a list anew with a column of digests, as downloaders do."""
    to.mkdir()
    for number, path in enumerate(sorted(data.iterdir())):
        table = pq.read_table(path)
        digests = hex_texts(np.random.default_rng([9, number]), table.num_rows, 64)
        table = table.append_column("sha256", digests)
        pq.write_table(table, to / path.name, compression="zstd", row_group_size=ROWS_OF_A_GROUP)


def told(name: str, rows: int, rounds: list[Spent]) -> None:
    run, every, stated = (median(one) / rows * 1e9 for one in zip(*rounds, strict=True))
    share = median(one / (whole_run - bound) for whole_run, bound, one in rounds)
    both = median(bound / (whole_run - bound) for whole_run, bound, _ in rounds)
    print(f"{name}, {rows:,} rows, {len(rounds)} rounds; nanoseconds a row")
    print(f"  the run that binds      {run:10,.0f}")
    print(f"  binding, all of it      {every:10,.0f}  {both:6.2%} on top of the rest")
    print(f"  what rows state, in it  {stated:10,.0f}  {share:6.2%} on top of the rest")


def all_else(rows: int) -> float:
    """Return the least seconds in which so many rows of 300 bytes were hashed."""
    content = np.random.default_rng(1).integers(0, 256, (HASHED_AT_ONCE, ROW_BYTES), np.uint8)
    hasher, least = RowHasher(b"", ROW_BYTES), float("inf")
    for _ in range(max(5, rows // HASHED_AT_ONCE)):
        start = time.process_time()
        hasher.hash(content)
        least = min(least, time.process_time() - start)
    return least / HASHED_AT_ONCE * rows


def ways(rows: int) -> tuple[float, float]:
    """Return the bytes of the way of one of 1,000 rows opened from a part with a digest each, and the seconds in which all were made."""
    random = np.random.default_rng(2)
    opened = random.choice(rows, OPENED, replace=False).tolist()
    start, tree = time.process_time(), values.PartTree(opened)
    for begin in range(0, rows, HASHED_AT_ONCE):
        every = np.ones(min(HASHED_AT_ONCE, rows - begin), bool)
        tree.add(Stated(random.integers(0, 256, (len(every), 32), np.uint8), every), None, every)
    (part,) = values.open_parts([tree.root()], bytes(16), {0: tree.leaves()})
    return len(canonical_json(part.members())) / OPENED, time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=1_500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = Sizes.of(given.rows, large=False)
        write_registry(folder, sizes)
        write_dataset(folder / "links", sizes)
        state_digests(folder / "links", folder / "stating")
        lists = [asked_in(folder, data) for data in ("links", "stating")]
        runs = [partial(bound_run, asked, folder / "round") for asked in lists]
        rounds = [[run() for run in runs] for _ in range(given.rounds + 1)][1:]
        told("links alone", given.rows, [one for one, _ in rounds])
        told("with a digest each", given.rows, [one for _, one in rounds])
        print(
            f"SHA-256 of {ROW_BYTES} further bytes: {all_else(given.rows) / given.rows * 1e9:.0f} nanoseconds a row at least"
        )
    size, seconds = ways(given.rows)
    print(f"{OPENED:,} rows opened: {size:,.0f} bytes more for each, {seconds:.2f} s for all")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        write_shard(folder / "data" / "00000.tar", pictures(SIDE), given.pictures)
        whole(folder / "data", folder / "prints")
        write_registry(folder, Sizes.of(LIST_ROWS, large=False))
        asked = replace(asked_in(folder, "data"), fingerprints=folder / "prints")
        rounds_of_pictures = [bound_run(asked, folder / "round") for _ in range(given.rounds + 1)][1:]
        told(f"pictures of at most {SIDE} pixels in a tar", given.pictures, rounds_of_pictures)


if __name__ == "__main__":
    main()
