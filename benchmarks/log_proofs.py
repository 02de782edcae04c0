"""What a proof costs as a log grows, in units of one SHA-256 of 65 bytes measured in the same turns, and what growing the log holds.

Tiles are written to a temporary folder leaf by leaf, as a sequencer does, and proofs are made from those files alone; a proof of a
random place is timed in turns with the hash, and the median of the turns is taken. A cost that follows log2(size) and a memory that
stays put are what a log of any size needs.

    python benchmarks/log_proofs.py [--large] [--picture FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from byleave.log import (
    GrowingTree,
    TileAt,
    consistency_proof,
    hash_reader,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LARGE = 10_000_000
TURNS = 60
HASHES_A_TURN = 200
BATCH = 1_000
NODE = bytes(65)
COLUMNS = (
    "size",
    "log2",
    "hashes",
    "tiles",
    "make",
    "batched",
    "verify",
    "make c.",
    "verify c.",
    "append",
    "MiB",
)
PANELS = (
    ("hashes in a proof", "hashes"),
    ("cost of a proof, in SHA-256s", "make"),
    ("memory held, MiB", "MiB"),
)


def leaf(index: int) -> bytes:
    return hashlib.sha256(b"\0entry %d" % index).digest()


def write(folder: Path, tiles: Iterator[tuple[TileAt, bytes]]) -> None:
    for place, data in tiles:
        path = folder / place.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def one_hash() -> float:
    return seconds(lambda: [hashlib.sha256(NODE).digest() for _ in range(HASHES_A_TURN)]) / HASHES_A_TURN


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Reader:
    """Reads tiles from files and counts them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tiles = 0

    def __call__(self, place: TileAt) -> bytes:
        self.tiles += 1
        return (self.folder / place.path).read_bytes()


def proofs(folder: Path, size: int, root: bytes, older: tuple[int, bytes]) -> list[float]:
    """Median costs of an inclusion and a consistency proof, in hashes of the same turn."""
    places = random.Random(size)
    old_size, old_root = older
    costs: list[list[float]] = []
    lengths: list[float] = []
    for _ in range(TURNS):
        index = places.randrange(size)
        reader = Reader(folder)
        unit = one_hash()
        started = time.perf_counter()
        shown = inclusion_proof(index, size, hash_reader(size, reader))
        make = time.perf_counter() - started
        lengths.append(len(shown))
        tiles = reader.tiles
        verify = seconds(partial(verify_inclusion, index, size, leaf(index), shown, root))
        started = time.perf_counter()
        grown = consistency_proof(old_size, size, hash_reader(size, reader))
        make_growth = time.perf_counter() - started
        verify_growth = seconds(partial(verify_consistency, old_size, size, old_root, root, grown))
        costs.append([tiles, *(each / unit for each in (make, verify, make_growth, verify_growth))])
    found = [statistics.median(column) for column in zip(*costs, strict=True)]
    return [statistics.median(lengths), *found[:2], batched(folder, size), *found[2:]]


def proofs_of(
    entries: Sequence[int], size: int, read: Callable[[int, int], bytes]
) -> list[tuple[bytes, ...]]:
    return [inclusion_proof(entry, size, read) for entry in entries]


def batched(folder: Path, size: int) -> float:
    """Median cost of a proof when one reader makes those of the newest entries, as after a batch of claims."""
    newest = range(max(0, size - BATCH), size)
    costs = []
    for _ in range(TURNS // 10):
        unit, read = one_hash(), hash_reader(size, Reader(folder))
        costs.append(seconds(partial(proofs_of, newest, size, read)) / len(newest) / unit)
    return statistics.median(costs)


def shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.1f}"


def drawn(rows: list[list[float]]) -> str:
    """Draw hashes in a proof, cost of making one and memory held against the size of the log, each on a scale of its own."""
    panels = [
        panel(place * 250, name, [(row[0], row[COLUMNS.index(column)]) for row in rows])
        for place, (name, column) in enumerate(PANELS)
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 230" font-family="sans-serif" font-size="11">'
        '<rect width="760" height="230" fill="#fff"/>' + "".join(panels) + "</svg>\n"
    )


def panel(left: int, name: str, points: list[tuple[float, float]]) -> str:
    """Draw one curve: sizes by powers of ten from left to right, values from nothing upwards."""
    first, last = (math.log10(points[place][0]) for place in (0, -1))
    top = max(value for _, value in points) * 1.25 or 1.0
    places = [
        (left + 40 + 190 * (math.log10(size) - first) / (last - first), 190 - 140 * value / top, size, value)
        for size, value in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1b5e8c"/>'
        f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{shown(value) if value % 1 else int(value)}</text>'
        f'<text x="{x:.1f}" y="206" text-anchor="middle" fill="#555">10^{math.log10(size):.0f}</text>'
        for x, y, size, value in places
    )
    return (
        f'<text x="{left + 135}" y="24" text-anchor="middle" font-size="13">{name}</text>'
        f'<path d="M{left + 30} 40V190H{left + 245}" fill="none" stroke="#999"/>'
        f'<polyline points="{line}" fill="none" stroke="#1b5e8c" stroke-width="2"/>{marks}'
        f'<text x="{left + 135}" y="222" text-anchor="middle" fill="#555">entries in the log</text>'
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--large", action="store_true", help=f"go up to {LARGE} entries")
    arguments.add_argument("--picture", type=Path, help="draw the curve into this SVG file")
    given = arguments.parse_args()
    sizes = (*SIZES, LARGE) if given.large else SIZES
    print("costs in SHA-256s of 65 bytes; batched = one of the newest 1,000, all made with one reader;")
    print(
        "c. = consistency from seven tenths of the size; append = a leaf with its share of tiles and files;"
    )
    print("MiB = peak memory above that at the start")
    print(" ".join(name.rjust(10) for name in COLUMNS))
    start, rows = peak_mib(), []
    with tempfile.TemporaryDirectory() as temporary:
        folder, tree = Path(temporary), GrowingTree()
        for size in sizes:
            old_size = size * 7 // 10
            began, before = time.perf_counter(), tree.size
            write(folder, tree.extend(map(leaf, range(before, old_size))))
            old_root = tree.root()
            write(folder, tree.extend(map(leaf, range(old_size, size))))
            write(folder, iter(tree.partial_tiles()))
            append = (time.perf_counter() - began) / (size - before) / one_hash()
            row = [
                size,
                size.bit_length(),
                *proofs(folder, size, tree.root(), (old_size, old_root)),
                append,
                peak_mib() - start,
            ]
            print(" ".join(shown(value).rjust(10) for value in row), flush=True)
            rows.append(row)
    if given.picture:
        given.picture.write_text(drawn(rows))


if __name__ == "__main__":
    main()
