"""What binding the entries of a run costs: amid the run, and afterwards from its output, beside the run itself, in one run.

Both work in this process on one thread. What a run does for binding alone is also timed within it, since the clock wanders between two runs. The figures are processor seconds for each million rows, ratios of the run, the peak of resident
memory, and the size and cost of proofs of absence, as `byleave attest prove` makes them. The last line reckons all of it for a dataset and a list of the size of
the web from these figures: there proofs are asked for far apart, so that little is shared between two of them.

    python benchmarks/binding_speed.py [--rows 1000000] [--large] [--rounds 5]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from apply_contenders import peak_bytes
from apply_data import NOW

from byleave.apply import noting, run
from byleave.apply.binding import bound_run
from byleave.apply.opening import Bound, bind_items
from byleave.apply.proving import Targets, write_proofs
from byleave.apply.request import ApplyRequest
from byleave.apply.ruleset import Ruleset
from byleave.apply.run import apply_ruleset, open_ruleset
from byleave.apply.shard import Unchecked
from byleave.consent import Regime, Use
from byleave.processes import keep_freed_memory
from byleave.release import open_synced
from byleave.storage import staged_folder

LARGE_ROWS = 20_000_000
WEB_ROWS, WEB_TARGETS = 5_850_000_000, 2_555_000
"""LAION-5B, and the list that `apply_speed.py --large` applies."""
FAR_TURNS = 5
"""Few proofs are made far apart, so that they are made as often, and the median is taken."""


class Stopwatch:
    """Adds up the processor time of some functions, wherever the run calls them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed_work(*arguments: Any) -> Any:
            start = time.process_time()
            try:
                return work(*arguments)
            finally:
                self.seconds += time.process_time() - start

        return timed_work

    def around_entry(
        self, work: Callable[..., AbstractContextManager[Any]]
    ) -> Callable[..., AbstractContextManager[Any]]:
        @contextmanager
        def timed_work(*arguments: Any) -> Iterator[Any]:
            with ExitStack() as stack:
                yield self.around(stack.enter_context)(work(*arguments))

        return timed_work

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch all that only a run which binds does: taking notes, writing what is held of them at the end of a shard, and binding them."""
        with ExitStack() as stack:
            for name in ("__init__", "add", "close"):
                timed_work = self.around(getattr(noting.KeptNotes, name))
                stack.enter_context(patch.object(noting.KeptNotes, name, timed_work))
            stack.enter_context(patch.object(run, "bound_run", self.around_entry(bound_run)))
            yield


def timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measured(asked: ApplyRequest, folder: Path, *, binds_first: bool) -> tuple[float, float, float]:
    """Return the seconds of a run, of one that binds, and of what it does for that.

    What each wrote is removed before the next one, so that both find as much memory that the machine has at hand still. Whichever comes second may
    find more or less of it all the same, so they take turns.
    """
    plain, binding = (replace(asked, output=folder / name) for name in ("plain", "binding"))
    watch, seconds = Stopwatch(), dict[bool, float]()
    for binds in (binds_first, not binds_first):
        request = replace(binding, bind=folder / "bound") if binds else plain
        with watch.watching():
            seconds[binds] = timed(partial(apply_ruleset, request, NOW))
        shutil.rmtree(folder)
    return seconds[False], seconds[True], watch.seconds


def read_links(output: Path) -> None:
    for path in sorted(output.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for _ in file.iter_batches(columns=["URL"], use_threads=False):
                pass


def every(targets: Targets, step: int) -> Targets:
    """Return one of ``step`` targets, which stand as far apart."""
    return Targets(targets.ids[::step], targets.covering[::step], 0)


def prove(bound: Bound, targets: Targets, folder: Path) -> float:
    """Write the proofs for some targets and flush them to the disk, as `byleave attest prove` does; return the seconds."""

    def work() -> None:
        with staged_folder(folder) as staging:
            write_proofs(bound, bytes(32), targets, staging, lambda *_: None)

    return timed(work)


@dataclass(frozen=True, slots=True)
class Proofs:
    """What proofs of absence of all targets that the list names cost, from the output of a run that was bound afterwards: seconds, and bytes of each.

    ``naming`` is finding out what is to be proven, and ``far`` one proof where targets stand as far apart as in a dataset of the size of the web.
    """

    kept: int
    links: float
    bind: float
    opening: float
    naming: float
    far: float
    apart: int
    proving: float
    sizes: list[int]

    @classmethod
    def of(cls, asked: ApplyRequest, ruleset: Ruleset, folder: Path, rows: int) -> Proofs:
        """Apply, bind and prove, in ``folder``, where the list was synced."""
        output, bound, proofs = folder / "out", folder / "bound", folder / "proofs"
        apply_ruleset(replace(asked, output=output), NOW)
        links = timed(lambda: read_links(output))
        bind = timed(lambda: bind_items(output, ruleset, bound))
        Bound.open(bound)
        opened, named = list[Bound](), list[Targets]()
        opening = timed(lambda: opened.append(Bound.open(bound)))
        naming = timed(lambda: named.append(Targets.of(opened[0], [open_synced(folder / "synced")])))
        targets = named[0]
        apart = every(targets, max(1, len(targets) * WEB_ROWS // (WEB_TARGETS * rows)))
        # What is compiled, or read from the cache, is not counted.
        prove(opened[0], every(targets, len(targets)), folder / "first")
        far = median(prove(opened[0], apart, folder / f"apart {turn}") for turn in range(FAR_TURNS))
        proving = prove(opened[0], targets, proofs)
        sizes = [len(line) for path in proofs.glob("*.jsonl") for line in path.read_bytes().splitlines()]
        return cls(
            len(opened[0].kept), links, bind, opening, naming, far / len(apart), len(apart), proving, sizes
        )


def show(rows: int, rounds: Sequence[tuple[float, float, float]], proofs: Proofs) -> None:
    """Print what rounds of two runs took, and proofs."""
    run_s, amid, alone = (median(seconds) for seconds in zip(*rounds, strict=True))
    share = median(spent / (binding - spent) for _, binding, spent in rounds)
    least = min(spent for *_, spent in rounds) / proofs.kept * 1e9
    per, count = 1e6 / rows, len(proofs.sizes)
    each = proofs.naming / count + proofs.far
    later = (proofs.opening / proofs.kept + each * WEB_TARGETS / WEB_ROWS) * rows / run_s
    print(
        f"""{rows:,} rows, {proofs.kept:,} kept; seconds of the processor for each million
  the run               {run_s * per:6.2f}
  reading its links     {proofs.links * per:6.2f}  {proofs.links / run_s:6.1%} of the run
  the run that binds    {amid * per:6.2f}  {amid / run_s - 1:6.1%} on top of the run
  binding alone, in it  {alone * per:6.2f}  {share:6.1%} on top of the rest, {least:.0f} ns an entry kept at least
  binding afterwards    {proofs.bind * per:6.2f}  {proofs.bind / run_s:6.1%} of the run
  a proof of absence has at most {max(proofs.sizes):,} bytes, {sum(proofs.sizes) / count:,.0f} in the mean
  finding out for which {count:,} targets took {proofs.naming / count * 1e6:.1f} microseconds each, making and writing their proofs {proofs.proving / count * 1e6:.0f}
  making and writing {proofs.apart:,} far apart took {proofs.far * 1e6:.0f}, and opening the tree {proofs.opening / proofs.kept * 1e9:.1f} ns an entry
  reckoned for {WEB_ROWS:,} rows and {WEB_TARGETS:,} targets: {share + later:.1%} on top of the run, {later:.1%} of it for the proofs
  peak of this process {peak_bytes() / 2**20:,.0f} MiB"""
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--large", action="store_true", help="20 million rows and the whole registry")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    pa.set_cpu_count(1)
    keep_freed_memory()  # as the commands do
    rows = given.rows or (LARGE_ROWS if given.large else 1_000_000)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # Made by another process, so that what that takes is no peak of this one.
        made = [str(Path(__file__).with_name("apply_data.py")), "--to", temporary, "--rows", str(rows)]
        subprocess.run([sys.executable, *made, *["--large"][: given.large]], check=True)
        ruleset = open_ruleset(folder / "synced")[1]
        asked = ApplyRequest(
            folder / "synced",
            str(folder / "data"),
            folder / "out",
            Regime.OPT_OUT,
            (Use.TRAIN_GEN,),
            folder,
            unchecked=Unchecked.KEEP,
        )
        apply_ruleset(replace(asked, output=folder / "warm out", bind=folder / "warm"), NOW)
        rounds = [
            measured(asked, folder / str(number), binds_first=bool(number % 2))
            for number in range(given.rounds)
        ]
        show(rows, rounds, Proofs.of(asked, ruleset, folder, rows))


if __name__ == "__main__":
    main()
