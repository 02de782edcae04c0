"""How fast a registry is applied, as a ratio to what Parquet itself costs on this machine in the same run.

Two limits are measured with pyarrow alone, one thread, same file: decoding the URL column (the limit of a mask), and reading all columns and
writing them again with the same codec (the limit of a filter). Times are processor seconds of this process.

    python benchmarks/apply_speed.py [--rows 300000] [--claims 200000]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.inputs import columns_of
from byleave.apply.judging import Terms
from byleave.apply.ruleset import compile_synced
from byleave.apply.run import ApplyRequest, apply_ruleset, open_ruleset
from byleave.apply.shard import Plan, decide_batch
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
from byleave.release import SigningKey, sync
from byleave.release.rows import Row
from byleave.release.writing import write_release
from byleave.urls import canonical_url, domain_digest, host_digest, prefix_digest, url_digest

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOSTS = 50_000


def host(randomness: random.Random) -> str:
    number = int(HOSTS * randomness.random() ** 4)
    return (
        f"{('www.', 'img.', '', 'cdn.')[number % 4]}host{number}.{('example', 'test', 'invalid')[number % 3]}"
    )


def dataset(path: Path, rows: int) -> list[str]:
    randomness = random.Random(1)
    urls = [
        f"https://{host(randomness)}/uploads/{randomness.getrandbits(40):x}/{randomness.getrandbits(60):x}.jpg"
        + ("?w=600&amp;h=400" if randomness.random() < 0.12 else "")
        for _ in range(rows)
    ]
    words = [
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "a",
        "lazy",
        "dog",
        "near",
        "red",
        "blue",
        "house",
        "of",
        "stone",
    ]
    captions = [" ".join(randomness.choices(words, k=11)) for _ in range(rows)]
    table = pa.table(
        {
            "URL": urls,
            "TEXT": captions,
            "pdq": pa.array([randomness.randbytes(32) for _ in range(rows)], pa.binary(32)),
            "hash": pa.array([randomness.getrandbits(62) for _ in range(rows)], pa.int64()),
            "WIDTH": pa.array([randomness.randrange(2000) for _ in range(rows)], pa.int32()),
        }
    )
    pq.write_table(table, path, compression="zstd", use_dictionary=False, row_group_size=250_000)
    return urls


def registry(folder: Path, urls: list[str], claims: int) -> None:
    """Publish claims: four links in five of the registry are of no row, one in twenty claims is on a domain or a prefix."""
    randomness = random.Random(2)
    rows = []
    for number in range(1, claims + 1):
        scope, kind = None, TargetKind.URL
        if number % 40 == 0:
            kind, digest = TargetKind.DOMAIN, domain_digest(f"host{randomness.randrange(HOSTS)}.example")
        elif number % 40 == 20:
            name = f"host{randomness.randrange(HOSTS)}.example"
            kind, digest, scope = TargetKind.PREFIX, prefix_digest(f"{name}/uploads/0/"), host_digest(name)
        elif number % 5 == 0:
            digest = url_digest(canonical_url(randomness.choice(urls)))
        else:
            digest = randomness.randbytes(32)
        statement = Statement(
            number.to_bytes(16), number.to_bytes(16), kind, digest, Preferences.same(Preference.DENY, AI_USES),
            Evidence.E5, ClaimState.EFFECTIVE, number, NOW - timedelta(days=1),
        )  # fmt: skip
        rows.append(Row(statement, NOW, scope))
    key = SigningKey.from_seed("bench.example/list", bytes(32))
    write_release(folder / "releases", rows, number=1, published_at=NOW, policy={}, key=key)
    sync(str(folder / "releases"), folder / "synced", keys=[key.verifier])


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """Return the least processor time of a few runs."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--claims", type=int, default=200_000)
    given = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "links.parquet"
        registry(folder, dataset(path, given.rows), given.claims)
        begun = time.process_time()
        compile_synced(folder / "synced")
        print(f"compile: {given.claims:,} claims in {time.process_time() - begun:.2f} s")
        _, ruleset = open_ruleset(folder / "synced")
        plan = Plan(ruleset, None, Terms((Use.TRAIN_GEN,), NOW, with_pending=False), Regime.OPT_OUT, None)

        def urls_only(decide: bool) -> None:  # noqa: FBT001 - a benchmark's switch
            with pq.ParquetFile(path) as file:
                columns = columns_of(file.schema_arrow, "links.parquet")
                for batch in file.iter_batches(65_536, columns=["URL"], use_threads=False):
                    if decide:
                        decide_batch(plan, batch, columns)

        def copy() -> None:
            with pq.ParquetFile(path) as file:
                options = {"compression": "zstd", "use_dictionary": False}
                with pq.ParquetWriter(folder / "copy.parquet", file.schema_arrow, **options) as writer:
                    for group in range(file.metadata.num_row_groups):
                        writer.write_table(file.read_row_group(group, use_threads=False))

        def apply() -> None:
            out = folder / f"out{time.monotonic_ns()}"
            asked = ApplyRequest(folder / "synced", str(path), out, Regime.OPT_OUT, (Use.TRAIN_GEN,), folder)
            apply_ruleset(asked, NOW)

        urls_only(decide=True)
        scan, mask = seconds(lambda: urls_only(decide=False)), seconds(lambda: urls_only(decide=True))
        plain, applied = seconds(copy), seconds(apply)
        report(given.rows, "mask", mask, "decoding the links", scan)
        report(given.rows, "apply and write", applied, "a plain copy", plain)


def report(rows: int, name: str, taken: float, limit_name: str, limit: float) -> None:
    print(
        f"{name}: {rows / taken:,.0f} rows/s, {limit_name}: {rows / limit:,.0f} rows/s, "
        f"ratio {limit / taken:.2f} of the limit"
    )


if __name__ == "__main__":
    main()
