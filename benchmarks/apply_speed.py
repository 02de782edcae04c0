"""What a registry costs to apply, beside a plain scan and rewrite with the same codec and beside SQL engines, in one run.

The engines come twice: working from the same release, which carries digests, and, as ``-knowing``, given every refused link in plain words, which no
registry publishes. Goals are held against the first, the best engine that anybody could have; the other ratio stands beside it. Annotated datasets are held against
the plain rewrite alone.

Every contender works in a process of its own, on one thread, on the same files, and must take out the same rows. The figures are rows per
processor second, the best of a few rounds in which contenders take turns, and the peak of resident memory. The ruleset must be mapped in under
100 ms. The engines are `datafusion` and `chdb`; one that is not installed is named as absent.

    python benchmarks/apply_speed.py [--rows 500000] [--rounds 3] [--large] [--folder FOLDER] [--work mask annotate filter] [--engines chdb] [--codec snappy]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq
from apply_data import Sizes, write_dataset, write_registry
from apply_engines import codec_of, files_of, rows_of

from byleave.apply.ruleset import load_ruleset, ruleset_path
from byleave.apply.run import open_ruleset

CONTENDERS = Path(__file__).with_name("apply_contenders.py")
ENGINES = ("datafusion", "chdb")
KNOWING = tuple(f"{name}-knowing" for name in ENGINES)
ALONE = ("limit", "floor")
"""They decide nothing, so that they do not say how many rows go."""
WORK = ("mask", "annotate", "filter")
LARGE_ROWS = 20_000_000
CODECS = ("zstd", "snappy")
"""Codecs the data can be in; LAION-5B itself was published in the second."""


def run(contender: str, work: str, folder: Path) -> str:
    command = [sys.executable, str(CONTENDERS), contender, work, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{contender} failed at {work}:\n{done.stderr[-2000:]}")
    return done.stdout.splitlines()[-1]


def prepare(folder: Path, sizes: Sizes, codec: str) -> None:
    """Make the data, the tables of the engines, and the small file with which everybody warms up."""
    write_dataset(folder / "data", sizes, codec)
    for name, table in write_registry(folder, sizes).tables().items():
        pq.write_table(table, folder / f"{name}.parquet")
    first = next(pq.ParquetFile(min((folder / "data").glob("*.parquet"))).iter_batches(1000))
    with pq.ParquetWriter(folder / "small.parquet", first.schema, compression=codec) as writer:
        writer.write_batch(first)


def hold_to(folder: Path, sizes: Sizes, codec: str) -> None:
    """Refuse data that were made for another comparison."""
    found = rows_of(files_of(folder)), codec_of(folder)
    if found != (sizes.rows, codec):
        raise SystemExit(
            f"{folder} holds {found[0]:,} rows in {found[1]}, not {sizes.rows:,} in {codec}: name another folder"
        )


def compare(folder: Path, rows: int, work: str, contenders: Sequence[str], rounds: int) -> None:
    """Let the contenders take turns; print each one's best."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name in contenders:
            found[name].append(json.loads(run(name, work, folder)))
    removed = {
        name: {one["removed"] for one in results} for name, results in found.items() if name not in ALONE
    }
    if len({number for numbers in removed.values() for number in numbers}) != 1:
        raise SystemExit(f"the contenders do not agree how many rows go: {removed}")
    best = {name: min(one["seconds"] for one in results) for name, results in found.items()}
    print(f"{work}: {int(next(iter(removed['byleave']))):,} of {rows:,} rows go")
    for name in contenders:
        peak = max(one["peak"] for one in found[name])
        print(
            f"  {name:<18} {rows / best[name]:>12,.0f} rows per processor second, "
            f"{best['limit'] / best[name]:5.2f} of the limit, {peak / 2**20:6,.0f} MiB"
        )
    for kind, rivals in (("works from the release too", ENGINES), ("knows every link", KNOWING)):
        present = [name for name in rivals if name in contenders]
        if present:
            rival = min(present, key=best.__getitem__)
            ratio = best[rival] / best["byleave"]
            print(f"  Byleave has {ratio:.2f} times the speed of {rival}, the best that {kind}")
            if "floor" in contenders:
                most = best[rival] / best["floor"]
                print(f"  whoever does only what cannot be left out has {most:.2f} times that of {rival}")


def same_rows(folder: Path, contenders: Sequence[str]) -> None:
    """Hold the answers to each other row for row."""
    expected = run("byleave", "places", folder)
    for name in contenders:
        if run(name, "places", folder) != expected:
            raise SystemExit(f"{name} takes out other rows")
    print("all take out the same rows")


def map_ruleset(folder: Path, rounds: int) -> None:
    """Map the ruleset as every run and every worker does, beside reading the same bytes into memory; print the best of each."""
    release, ruleset = open_ruleset(folder / "synced")
    path = ruleset_path(folder / "synced", release.number)
    mapping, reading, size = [], [], 0
    for _ in range(rounds):
        begun = time.perf_counter()
        load_ruleset(path, ruleset.number, ruleset.manifest_digest)
        mapping.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        size = len(path.read_bytes())
        reading.append(time.perf_counter() - begun)
    print(
        f"ruleset of {size / 1e6:,.0f} MB: mapped in {min(mapping) * 1e3:.1f} ms, "
        f"{min(mapping) / min(reading):.3f} of the {min(reading) * 1e3:.0f} ms in which its bytes are read"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the data is, or is to be made and kept")
    parser.add_argument("--work", nargs="+", default=WORK, choices=WORK)
    parser.add_argument("--engines", nargs="*", default=ENGINES, choices=ENGINES)
    parser.add_argument("--codec", default="zstd", choices=CODECS)
    parser.add_argument(
        "--large", action="store_true", help="20 million rows, 2 million links, 500,000 pictures"
    )
    given = parser.parse_args()
    sizes = Sizes.of(given.rows or (LARGE_ROWS if given.large else 500_000), large=given.large)
    present = [name for name in given.engines if find_spec(name)]
    for name in given.engines:
        if name not in present:
            print(f"absent: {name} is not installed (pip install {name}), so it is not compared")
    engines = [*present, *(f"{name}-knowing" for name in present)]
    with tempfile.TemporaryDirectory() as aside:
        folder = given.folder or Path(aside)
        if not (folder / "small.parquet").exists():
            prepare(folder, sizes, given.codec)
        hold_to(folder, sizes, given.codec)
        open_ruleset(folder / "synced")
        time.sleep(2.1)  # a file this young is read in whole each time it is opened
        _, ruleset = open_ruleset(folder / "synced")
        print(f"{sizes.rows:,} rows in {given.codec}, {ruleset.targets:,} targets")
        map_ruleset(folder, given.rounds)
        same_rows(folder, engines)
        for work in given.work:
            beside = {"mask": engines, "annotate": [], "filter": ["floor", *engines]}[work]
            compare(folder, sizes.rows, work, ["limit", "byleave", *beside], given.rounds)


if __name__ == "__main__":
    main()
