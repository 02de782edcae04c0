"""What a newer list costs over the output of an older one, beside that list over the whole dataset and a plain copy, in one run.

A list is applied to LAION-like rows; the next one refuses a few links and domains more. Then contenders take turns: a plain copy of the output through
Arrow with the same codec (the limit), the newer list over the whole dataset, the same with `--since` over the output of the older one, and a mask of
that output. The further claims are of links in all files and of domains, or of as many links in few files alone.

Each contender works in a process of its own, on one thread, and answers first for a small dataset, so that loading and compiling count for nobody.
What is left must be the same, row for row. The figures are processor seconds for each million rows of the output, the best of a few rounds.

    python benchmarks/since_speed.py [--rows 2000000] [--large] [--rounds 3] [--links 100] [--domains 1] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apply_contenders import Limit
from apply_data import (
    KEY,
    NOW,
    ROWS_OF_A_FILE,
    Links,
    Sizes,
    Targets,
    claims_table,
    domain,
    host,
    targets_of,
    write_dataset,
    write_registry,
)
from apply_data import files_of as numbered

from byleave.apply.compiling import compile_synced
from byleave.apply.modes import Mode
from byleave.apply.request import ApplyRequest
from byleave.apply.run import apply_ruleset
from byleave.apply.shard import Unchecked
from byleave.consent import Regime, Use
from byleave.release import sync
from byleave.release.writing import Heading, write_sorted_release

LARGE_ROWS = 20_000_000
ROWS_TO_A_LINK, ROWS_TO_A_DOMAIN = 20_000, 2_000_000
ONE_FILE_IN = 10
CASES = ("spread", "few")
OLDER = "synced"


def asked(folder: Path, ruleset: str, data: Path, output: str) -> ApplyRequest:
    uses, home = (Use.TRAIN_GEN,), folder / "home"
    request = ApplyRequest(folder / ruleset, str(data), folder / output, Regime.OPT_OUT, uses, home)
    return replace(request, unchecked=Unchecked.KEEP)


def further(sizes: Sizes, links: int, domains: int, *, case: str) -> Targets:
    """Choose what the next list refuses as well: links of rows of all files and domains, or as many links of few files."""
    randomness = np.random.default_rng(11)
    names = pa.array([host(rank) for rank in range(sizes.hosts)])
    files = list(numbered(sizes))
    if case == "few":
        files = files[: max(1, len(files) // ONE_FILE_IN)]
    shares = np.array_split(np.arange(links), len(files))
    urls = [
        Links.of(number, rows, sizes.hosts).written(
            names, randomness.choice(rows, len(share), replace=False), canonical=True
        )
        for (number, rows), share in zip(files, shares, strict=True)
    ]
    ranks = randomness.integers(sizes.hosts // 500, sizes.hosts, domains if case == "spread" else 0)
    return Targets(pa.concat_arrays(urls), [domain(rank) for rank in ranks.tolist()], [])


def publish_next(folder: Path, sizes: Sizes, new: Targets, number: int, ruleset: str) -> None:
    """Publish a list that says ``new`` beside all that the first one says; sync and compile it."""
    old = targets_of(sizes)
    urls = pa.concat_arrays([old.urls, new.urls]).unique()
    both = Targets(urls, list(dict.fromkeys([*old.domains, *new.domains])), old.prefixes)
    claims = claims_table(both, sizes)
    heading = Heading(number, NOW, {}, claims.num_rows)
    write_sorted_release(folder / "releases", claims.to_batches(65_536), heading, key=KEY)
    sync(str(folder / "releases"), folder / ruleset, keys=[KEY.verifier])
    compile_synced(folder / ruleset)


def prepare(folder: Path, sizes: Sizes, links: int, domains: int) -> None:
    """Make the dataset and a small one, the lists, and what the older one leaves of both."""
    write_dataset(folder / "data", sizes)
    write_dataset(folder / "small", replace(sizes, rows=2_000))
    write_registry(folder, sizes)
    for number, case in enumerate(CASES, 2):
        publish_next(folder, sizes, further(sizes, links, domains, case=case), number, case)
    for name in ("data", "small"):
        apply_ruleset(asked(folder, OLDER, folder / name, f"older-{name}"), NOW)


def work(contender: str, folder: Path, case: str) -> dict[str, float]:
    """Do the work of a contender on the small dataset and then on the whole one; say what the latter took, and how many rows went."""
    seconds, removed = 0.0, 0
    for name in ("small", "data"):
        shutil.rmtree(folder / contender, ignore_errors=True)
        older, whole = folder / f"older-{name}", folder / name
        begun = time.process_time()
        if contender == "copy":
            Limit(folder).filter(sorted(older.glob("*.parquet")))
        elif contender == "filter":
            removed = apply_ruleset(asked(folder, case, whole, contender), NOW).removed
        else:
            again = asked(folder, case, older, contender)
            again = replace(again, since=1) if contender == "since" else replace(again, mode=Mode.MASK)
            removed = apply_ruleset(again, NOW).removed
        seconds = time.process_time() - begun
    return {"seconds": seconds, "removed": removed}


def run(contender: str, folder: Path, case: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--folder", str(folder), "--contender", contender, "--case", case]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{contender} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def same_rows(folder: Path) -> int:
    """Hold what `--since` left to what the newer list leaves of the whole; return how many files the former copied as they were."""
    copied = 0
    for path in sorted((folder / "filter").glob("*.parquet")):
        again = folder / "since" / path.name
        if not pq.read_table(path).equals(pq.read_table(again)):
            raise SystemExit(f"{path.name} has other rows where the newer list went over the whole")
        copied += again.read_bytes() == (folder / "older-data" / path.name).read_bytes()
    return copied


def compare(folder: Path, case: str, rounds: int) -> None:
    """Let the contenders take turns; print each one's best."""
    contenders = ("copy", "filter", "since", "mask")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name in contenders:
            found[name].append(run(name, folder, case))
    best = {name: min(one["seconds"] for one in results) for name, results in found.items()}
    rows = sum(pq.read_metadata(path).num_rows for path in (folder / "older-data").glob("*.parquet"))
    files = len(list((folder / "data").glob("*.parquet")))
    print(
        f"{case}: {found['since'][0]['removed']:,.0f} of {rows:,} rows go, {same_rows(folder)} of {files} files lose nothing"
    )
    for name in contenders:
        print(
            f"  {name:<7} {best[name] / rows * 1e6:6.3f} s cpu for each million rows, "
            f"{best[name] / best['copy']:.2f} of the time of a plain copy, {best[name] / best['filter']:.2f} of that of the newer list over the whole"
        )


def chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--large", action="store_true", help="20 million rows and the whole registry")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--links", type=int, help="one to 20,000 rows if it is not said")
    parser.add_argument("--domains", type=int, help="one to 2 million rows if it is not said")
    parser.add_argument("--folder", type=Path, help="where the data is, or is to be made and kept")
    parser.add_argument("--case", choices=CASES, help="one of both alone")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    given = chosen()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if given.contender:
        measured: Callable[..., dict[str, float]] = work
        print(json.dumps(measured(given.contender, given.folder, given.case)))
        return
    sizes = Sizes.of(given.rows or (LARGE_ROWS if given.large else 2 * ROWS_OF_A_FILE), large=given.large)
    links = given.links if given.links is not None else max(1, sizes.rows // ROWS_TO_A_LINK)
    domains = given.domains if given.domains is not None else max(1, sizes.rows // ROWS_TO_A_DOMAIN)
    with tempfile.TemporaryDirectory() as aside:
        folder = given.folder or Path(aside)
        if not (folder / "older-data").exists():
            prepare(folder, sizes, links, domains)
        print(
            f"{sizes.rows:,} rows; {links:,} links and {domains:,} domains refused since, or as many links of few files"
        )
        for case in [given.case] if given.case else CASES:
            compare(folder, case, given.rounds)


if __name__ == "__main__":
    main()
