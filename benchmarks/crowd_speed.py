"""What a crowd costs: very many claims on one host, and rows that all stand below it, against the same rows and one claim.

Both lists are applied in this process on one thread, after a few rows that compile the loops. The figures are processor time.

    python benchmarks/crowd_speed.py [--claims 200000] [--rows 200000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from apply_data import KEY, NOW

from byleave.apply.compiling import compile_synced
from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset
from byleave.apply.said import MOST_OF_A_TARGET
from byleave.consent import (
    AI_USES,
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Regime,
    Statement,
    TargetKind,
    Use,
)
from byleave.release import sync
from byleave.release.rows import Row
from byleave.release.writing import write_release
from byleave.urls import host_digest

HOST = "crowded.example"
A_FEW = 64


def claims(count: int) -> Iterator[Row]:
    """Yield so many noes of as many people about one host."""
    no = Preferences.same(Preference.DENY, AI_USES)
    for number in range(1, count + 1):
        statement = Statement(
            claim=number.to_bytes(16),
            claimant=number.to_bytes(16),
            kind=TargetKind.HOST,
            digest=host_digest(HOST),
            preferences=no,
            evidence=Evidence.E3,
            state=ClaimState.EFFECTIVE,
            number=number,
            effective_at=NOW - timedelta(days=1),
        )
        yield Row(statement, NOW - timedelta(days=2))


def synced(folder: Path, count: int) -> Path:
    """Publish so many claims, sync and compile them."""
    write_release(folder / "releases", claims(count), number=count, published_at=NOW, policy={}, key=KEY)
    sync(str(folder / "releases"), folder / "synced", keys=[KEY.verifier])
    compile_synced(folder / "synced")
    return folder / "synced"


def dataset(path: Path, rows: int) -> Path:
    """Write rows below the host."""
    pq.write_table(pa.table({"URL": [f"https://{HOST}/{number}.jpg" for number in range(rows)]}), path)
    return path


def applied(ruleset: Path, source: Path, out: Path) -> tuple[float, int]:
    """Apply a list; return the seconds it took and the size of the list of causes."""
    start = time.process_time()
    report = apply_ruleset(
        ApplyRequest(ruleset, str(source), out, Regime.OPT_OUT, (Use.TRAIN_GEN,), out.parent), NOW
    )
    took = time.process_time() - start
    if report.kept:
        raise SystemExit(f"{report.kept:,} rows were kept")
    return took, (out / "_byleave" / "removed.parquet").stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=200_000)
    parser.add_argument("--rows", type=int, default=200_000)
    given = parser.parse_args()
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = dataset(folder / "few.parquet", A_FEW)
        rows = dataset(folder / "rows.parquet", given.rows)
        taken = {}
        for count in (1, given.claims):
            ruleset = synced(folder / str(count), count)
            applied(ruleset, few, folder / f"warm {count}")
            taken[count], size = applied(ruleset, rows, folder / f"out {count}")
            print(
                f"{given.rows:,} rows and {count:,} claims on their host: {taken[count]:7.2f} s cpu, "
                f"{size / 1e6:.1f} MB of causes, at most {MOST_OF_A_TARGET} a row"
            )
        print(f"  {taken[given.claims] / taken[1]:.1f} times as much as with one claim")


if __name__ == "__main__":
    main()
