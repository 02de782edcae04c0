"""One contender at one piece of work, in a process of its own: Byleave, a plain scan and rewrite, an SQL engine (``apply_engines.py``), or ``apply_floor.py``.

Byleave works from the release, and so do the engines ``datafusion`` and ``chdb``; those whose names end in ``-knowing`` are given the refused links themselves.
All use one thread, and answer first for a small file, so that loading and compiling count for nobody. For a mask all write which rows go: Byleave by
position and with causes, the engines by the number in a further column, which they read for it. Prints one line of JSON: processor
seconds, peak of resident memory in bytes, rows taken out.

    python benchmarks/apply_contenders.py CONTENDER WORK FOLDER
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from apply_data import NOW
from apply_engines import (
    ChDBFromRelease,
    ChDBKnowing,
    DataFusionFromRelease,
    DataFusionKnowing,
    codec_of,
    files_of,
)
from apply_floor import Floor

COLUMNS_TO_DECIDE = ["URL"]


class Limit:
    """Reads and writes, and decides nothing: the columns a mask needs, or everything, with the same codec."""

    def __init__(self, folder: Path) -> None:
        self._out = folder / "out-limit.parquet"
        self._codec = codec_of(folder)

    def mask(self, paths: list[Path]) -> int:
        for path in paths:
            with pq.ParquetFile(path) as file:
                for _ in file.iter_batches(65_536, columns=COLUMNS_TO_DECIDE, use_threads=False):
                    pass
        return 0

    def filter(self, paths: list[Path]) -> int:
        for path in paths:
            with pq.ParquetFile(path) as file:
                options: dict[str, Any] = {"compression": self._codec, "use_dictionary": ["NSFW"]}
                with pq.ParquetWriter(anew(self._out), file.schema_arrow, **options) as writer:
                    for group in range(file.metadata.num_row_groups):
                        writer.write_table(file.read_row_group(group, use_threads=False))
        return 0

    annotate = filter


def anew(path: Path) -> Path:
    """Remove a file that is to be written: where it is cut to nothing in place, some file systems write it to the disk as soon as it is closed again."""
    path.unlink(missing_ok=True)
    return path


class Byleave:
    """Works from the compiled release, shard by shard, as ``byleave apply`` does."""

    def __init__(self, folder: Path) -> None:
        from byleave.apply.judging import Terms
        from byleave.apply.modes import Mode
        from byleave.apply.run import open_ruleset
        from byleave.apply.shard import Plan, Unchecked
        from byleave.consent import Regime, Use
        from byleave.processes import keep_freed_memory

        keep_freed_memory()
        terms = Terms((Use.TRAIN_GEN,), NOW, with_pending=False)
        _, ruleset = open_ruleset(folder / "synced")
        self._plans = {
            mode: Plan(ruleset, None, terms, Regime.OPT_OUT, Unchecked.KEEP, mode) for mode in Mode
        }
        self._folder = folder

    def _apply(self, mode: str, paths: list[Path]) -> int:
        from byleave.apply.inputs import InputFile
        from byleave.apply.modes import Mode
        from byleave.apply.shard import apply_to_file
        from byleave.apply.tally import Tally

        tallies = []
        for path in paths:
            out, list_ = anew(self._folder / "out-byleave.parquet"), self._folder / f"removed-{path.name}"
            tally = apply_to_file(
                self._plans[Mode(mode)], InputFile(path, path.name), out, list_, lambda _: None
            )
            tallies.append(tally)
        whole = Tally.total(tallies)
        return int(whole.totals["rows"] - whole.kept["opt_out"])

    def mask(self, paths: list[Path]) -> int:
        return self._apply("mask", paths)

    def annotate(self, paths: list[Path]) -> int:
        return self._apply("annotate", paths)

    def filter(self, paths: list[Path]) -> int:
        return self._apply("filter", paths)

    def places(self, paths: list[Path]) -> Iterator[int]:
        self.mask(paths)
        first = 0
        for path in paths:
            found = pq.read_table(self._folder / f"removed-{path.name}", columns=["row"])["row"]
            yield from (first + row for row in found.to_pylist())
            first += pq.read_metadata(path).num_rows


def floor(folder: Path) -> Floor:
    from byleave.apply.run import open_ruleset

    return Floor(folder, open_ruleset(folder / "synced")[1])


CONTENDERS: dict[str, Callable[[Path], Any]] = {
    "limit": Limit,
    "floor": floor,
    "byleave": Byleave,
    "datafusion": DataFusionFromRelease,
    "chdb": ChDBFromRelease,
    "datafusion-knowing": DataFusionKnowing,
    "chdb-knowing": ChDBKnowing,
}


def measured(contender: Any, work: str, folder: Path) -> dict[str, float]:
    """Do a piece of work on the small file, then on all of them, and say what the latter took."""
    run: Callable[[list[Path]], int] = getattr(contender, work)
    run([folder / "small.parquet"])
    begun = time.process_time()
    removed = run(files_of(folder))
    seconds = time.process_time() - begun
    return {"seconds": seconds, "peak": peak_bytes(), "removed": removed}


def peak_bytes() -> int:
    """Return the peak of resident memory of this process alone; where the system does not tell, that of whoever started it counts too."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.partition(":")[::2] for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", nargs="?", choices=sorted(CONTENDERS))
    parser.add_argument("work", nargs="?", choices=["mask", "annotate", "filter", "places"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--large", action="store_true", help="as the other benchmarks; alone it does nothing")
    given = parser.parse_args()
    if given.folder is None:
        print("run by apply_speed.py")
        return
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    contender = CONTENDERS[given.contender](given.folder)
    if given.work == "places":
        print(json.dumps(list(contender.places(files_of(given.folder)))))
    else:
        print(json.dumps(measured(contender, given.work, given.folder)))


if __name__ == "__main__":
    main()
