"""Whether a row costs the same however many rows and rules there are: two curves of the mask, and a picture of them.

Rules are links that no row has; each size is a process of its own, which loads its ruleset, warms up and then reads all rows and adds up what it counted. Figures
are nanoseconds of processor time for a row, the median of rounds in which the sizes of a curve take turns (the best would favour short runs), the time to map the ruleset, and the peak of resident
memory, which counts the pages of the ruleset that were touched. No more than ten million different rows are made, or those of ``--folder`` are taken, which another
benchmark made; beyond these the same files are read again, and the output says so.

    python benchmarks/apply_curve.py [--picture curve.svg] [--folder FOLDER] [--large]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apply_contenders import Byleave, peak_bytes
from apply_data import NOW, Sizes, write_dataset
from apply_engines import files_of

from byleave.apply.compiling import SECRET_BYTES, compile_rows
from byleave.apply.judging import Terms
from byleave.apply.modes import Mode
from byleave.apply.ruleset import load_ruleset
from byleave.apply.shard import Plan, Unchecked
from byleave.consent import ClaimState, Evidence, Preference, Regime, TargetKind, Use
from byleave.release.rows import SCHEMA

WIDTH, HEIGHT, EDGE = 640, 320, 64


class Point(NamedTuple):
    """One measurement: rows or rules, nanoseconds a row, peak of resident memory in MiB."""

    size: int
    cost: float
    peak: float


def rules(count: int) -> pa.Table:
    """Return refusals of links that nobody has, by random digests, sorted as in a release."""
    randomness = np.random.default_rng(count)
    names = {
        name: np.frombuffer(randomness.bytes(size * count), f"S{size}")
        for name, size in (("claim", 16), ("claimant", 16), ("digest", 32), ("salt", 16))
    }
    names["digest"] = np.sort(names["digest"])
    fixed = {
        name: pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(values.itemsize), count, [None, pa.py_buffer(values)]
        )
        for name, values in names.items()
    }
    texts = {"kind": TargetKind.URL.value, "state": ClaimState.EFFECTIVE.value}
    numbers = {"evidence": int(Evidence.E0), "disputed": False, "stale": False, "number": 1}
    times = {"filed_at": NOW, "effective_at": NOW}
    columns = []
    for field in SCHEMA:
        value = (texts | numbers | times).get(field.name)
        if field.name in fixed:
            columns.append(fixed[field.name])
        elif value is not None:
            columns.append(pa.repeat(pa.scalar(value, field.type), count))
        elif field.type == pa.uint8():
            columns.append(pa.repeat(pa.scalar(int(Preference.DENY), pa.uint8()), count))
        else:
            columns.append(pa.nulls(count, field.type))
    return pa.table(columns, schema=SCHEMA)


def _batches(claims: pa.Table, columns: list[str]) -> list[pa.RecordBatch]:
    batches: list[pa.RecordBatch] = claims.select(columns).to_batches(131_072)
    return batches


class _WithRules(Byleave):
    def __init__(self, folder: Path, path: Path) -> None:
        begun = time.perf_counter()
        ruleset = load_ruleset(path, 1, b"\0")
        self.mapping = time.perf_counter() - begun
        terms = Terms((Use.TRAIN_GEN,), NOW, with_pending=False)
        self._plans = {Mode.MASK: Plan(ruleset, None, terms, Regime.OPT_OUT, Unchecked.KEEP, Mode.MASK)}
        self._folder = folder


def _measure(folder: Path, path: Path, files: int, answers: multiprocessing.Queue[str]) -> None:
    pa.set_cpu_count(1)
    _WithRules(folder, path)
    if time.time() - path.stat().st_ctime < 2.5:
        time.sleep(2.5)
    _WithRules(folder, path)
    contender = _WithRules(folder, path)
    paths = files_of(folder)
    contender.mask(paths[:1])
    begun = time.process_time()
    contender.mask([paths[number % len(paths)] for number in range(files)])
    taken = time.process_time() - begun
    answers.put(json.dumps({"seconds": taken, "peak": peak_bytes(), "mapping": contender.mapping}))


def measured(folder: Path, cases: Sequence[tuple[Path, int]], rounds: int) -> list[dict[str, float]]:
    """Measure rulesets, each with a number of files, in processes of their own that take turns; return the median of each."""
    context = multiprocessing.get_context("spawn")
    found: list[list[dict[str, float]]] = [[] for _ in cases]
    for _ in range(rounds):
        for (path, files), told in zip(cases, found, strict=True):
            answers = context.Queue()
            process = context.Process(target=_measure, args=(folder, path, files, answers))
            process.start()
            told.append(json.loads(answers.get()))
            process.join()
    return [sorted(told, key=lambda one: one["seconds"])[len(told) // 2] for told in found]


def picture(curves: Mapping[str, Sequence[Point]]) -> str:
    """Draw curves over a logarithmic axis of sizes, each point with its figures."""
    most = max(point.cost for points in curves.values() for point in points) * 1.25
    drawn = []
    for number, (name, points) in enumerate(curves.items()):
        colour = ("#2166ac", "#b2182b")[number]
        low, high = np.log10(points[0].size), np.log10(points[-1].size)
        places = [
            (
                EDGE + (np.log10(point.size) - low) / max(1e-9, high - low) * (WIDTH - 2 * EDGE),
                HEIGHT - EDGE - point.cost / most * (HEIGHT - 2 * EDGE),
            )
            for point in points
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [
            f'<text x="{x:.1f}" y="{y - 10 + 28 * number:.1f}" fill="{colour}" text-anchor="middle">{point.cost:.0f} ns, {point.peak:,.0f} MiB</text>'
            f'<text x="{x:.1f}" y="{HEIGHT - EDGE + 16 + 16 * number}" fill="{colour}" text-anchor="middle">{point.size:,}</text>'
            for (x, y), point in zip(places, points, strict=True)
        ]
        drawn.append(f'<text x="{EDGE}" y="{20 + 16 * number}" fill="{colour}">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">'
        f'<title>Processor time of a row, and memory resident at most, by number of rows and of rules</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<path d="M{EDGE} {EDGE}V{HEIGHT - EDGE}H{WIDTH - EDGE}" fill="none" stroke="#888"/>{"".join(drawn)}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, help="where to draw the curves, as SVG")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where another benchmark kept its data")
    parser.add_argument("--large", action="store_true", help="1 to 100 million rows, up to 10 million rules")
    parser.add_argument(
        "--files", type=int, nargs="+", help="how many files to read, for each point of a curve"
    )
    parser.add_argument(
        "--rules", type=int, nargs="+", help="how many rules there are, for each point of the other"
    )
    given = parser.parse_args()
    files = given.files or ((1, 10, 100) if given.large else (1, 2, 4))
    counts = given.rules or (
        (100_000, 1_000_000, 10_000_000) if given.large else (100_000, 300_000, 1_000_000)
    )
    with tempfile.TemporaryDirectory() as name:
        data = given.folder or Path(name)
        if given.folder is None:
            write_dataset(data / "data", Sizes.of(10_000_000 if given.large else 500_000, large=False))
        curves = {
            "nanoseconds of a row, by rows": by_rows(data, Path(name), counts[0], files, given.rounds),
            "nanoseconds of a row, by rules": by_rules(data, Path(name), counts, files[1], given.rounds),
        }
    for title, points in curves.items():
        costs = [point.cost for point in points]
        print(f"{title}: the dearest is {max(costs) / min(costs) - 1:.0%} above the cheapest")
    if given.picture:
        given.picture.write_text(picture(curves))


def by_rules(data: Path, aside: Path, counts: Sequence[int], files: int, rounds: int) -> list[Point]:
    """Measure the same rows under ever more rules; return the cost of a row for each number."""
    points = []
    cases = [(_ruleset(aside, count), files) for count in counts]
    for count, told in zip(counts, measured(data, cases, rounds), strict=True):
        points.append(_point(count, told, sum(rows_of(data, files))))
        print(
            f"{count:>12,} rules: {points[-1].cost:6.0f} ns a row, mapped in {told['mapping'] * 1e3:.0f} ms, "
            f"peak {points[-1].peak:,.0f} MiB",
            flush=True,
        )
    return points


def by_rows(data: Path, aside: Path, rules_: int, files: Sequence[int], rounds: int) -> list[Point]:
    """Measure ever more rows under the same rules; return the cost of a row for each number."""
    points = []
    different = sum(rows_of(data, len(files_of(data))))
    cases = [(_ruleset(aside, rules_), number) for number in files]
    for number, told in zip(files, measured(data, cases, rounds), strict=True):
        rows = sum(rows_of(data, number))
        points.append(_point(rows, told, rows))
        again = f", {different:,} different ones read again and again" if rows > different else ""
        print(
            f"{rows:>12,} rows:  {points[-1].cost:6.0f} ns a row, peak {points[-1].peak:,.0f} MiB{again}",
            flush=True,
        )
    return points


def _point(size: int, told: Mapping[str, float], rows: int) -> Point:
    return Point(size, told["seconds"] / rows * 1e9, told["peak"] / 2**20)


def rows_of(data: Path, files: int) -> list[int]:
    """Say how many rows each of so many files has, when those that are there are read over and over."""
    sizes = [int(pq.read_metadata(path).num_rows) for path in files_of(data)]
    return [sizes[number % len(sizes)] for number in range(files)]


def _ruleset(aside: Path, count: int) -> Path:
    path = aside / f"ruleset-{count}.bin"
    if not path.exists():
        claims = rules(count)
        facts: dict[str, str | int] = {"number": 1, "manifest_sha256": "00"}
        compile_rows(partial(_batches, claims), path, facts, bytes(range(SECRET_BYTES)))
    return path


if __name__ == "__main__":
    main()
