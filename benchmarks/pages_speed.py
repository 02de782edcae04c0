"""What it costs to take rows out of the pages of a Parquet file, beside a plain copy through Arrow, by the share of rows that go.

One file of LAION-like rows, one thread, both in turns; nothing is decided. The figures are ratios of processor seconds, medians.

    python benchmarks/pages_speed.py [--rows 1000000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apply_data import Sizes, write_dataset

from byleave.apply.pages.rewriter import PageRewriter

SHARES = (0.00001, 0.0001, 0.001, 0.01, 0.07, 0.14, 0.5)


def copied(path: Path, out: Path) -> None:
    with (
        pq.ParquetFile(path) as file,
        pq.ParquetWriter(out, file.schema_arrow, compression="zstd", use_dictionary=["NSFW"]) as writer,
    ):
        for group in range(file.metadata.num_row_groups):
            writer.write_table(file.read_row_group(group, use_threads=False))


def taken_out(path: Path, out: Path, share: float) -> None:
    randomness = np.random.default_rng(7)
    rewriter = PageRewriter.open(path, out)
    assert rewriter is not None
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        rewriter.write(group, randomness.random(metadata.row_group(group).num_rows) >= share)
    rewriter.close()


def timed(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_dataset(folder / "data", Sizes.of(options.rows, large=False))
        path, out = next((folder / "data").iterdir()), folder / "out.parquet"
        taken_out(path, out, 0.5)
        copied(path, out)
        for share in SHARES:
            ratios = []
            for _ in range(options.rounds):
                ours = timed(partial(taken_out, path, out, share))
                ratios.append(ours / timed(partial(copied, path, out)))
            print(
                f"one row in {1 / share:9,.0f} goes: {median(ratios):.2f} of a copy ({min(ratios):.2f} to {max(ratios):.2f})"
            )


if __name__ == "__main__":
    main()
