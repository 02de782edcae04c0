"""How fast rows are compared with registered pictures by their PDQ values, within 31 bits, and whether any copy is missed.

Two registries: values of random bits, and values whose bands are skewed as those of real pictures are. The latter are PDQ values of drawings made
here, or of your own pictures with --pictures, each in all orientations and with random bits flipped until there are enough. Rows per processor second
of one core, beside a full comparison of a part of the rows on the same core; recall is counted against that comparison.

    python benchmarks/apply_pdq.py [--registered 500000] [--rows 100000] [--pictures FOLDER] [--large]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from byleave.hamming import HammingIndex
from byleave.media.pdq import luma, measure

Values = npt.NDArray[np.uint8]
RADIUS = 31
DRAWINGS = 400
COMPARED_IN_FULL = 400


def drawings(randomness: np.random.Generator) -> list[Image.Image]:
    """Draw shapes on flat grounds: large even parts and few edges, from which real skew comes."""
    made = []
    for _ in range(DRAWINGS):
        image = Image.new("RGB", (256, 256), tuple(randomness.integers(0, 256, 3).tolist()))
        pen = ImageDraw.Draw(image)
        for _ in range(int(randomness.integers(1, 9))):
            left, top = randomness.integers(0, 200, 2).tolist()
            wide, high = randomness.integers(10, 120, 2).tolist()
            shape = pen.ellipse if randomness.random() < 0.5 else pen.rectangle
            shape((left, top, left + wide, top + high), fill=tuple(randomness.integers(0, 256, 3).tolist()))
        made.append(image)
    return made


def skewed(count: int, pictures: Path | None, randomness: np.random.Generator) -> Values:
    """Return ``count`` values like those of real pictures."""
    images = (
        [Image.open(path).convert("RGB") for path in sorted(pictures.iterdir())]
        if pictures
        else drawings(randomness)
    )
    real = [value for image in images for value in measure(luma(np.asarray(image)))[0]]
    chosen = np.frombuffer(b"".join(real), np.uint8).reshape(-1, 32)
    return flipped(chosen[randomness.integers(0, len(chosen), count)], randomness)


def flipped(values: Values, randomness: np.random.Generator) -> Values:
    """Flip about 16 random bits of every other value and about 32 of the others."""
    masks = np.bitwise_and.reduce(randomness.integers(0, 256, (3, *values.shape), np.uint8))
    masks[::2] &= randomness.integers(0, 256, masks[::2].shape, np.uint8)
    mixed: Values = values ^ masks
    return mixed


def measured(name: str, registered: Values, rows: Values) -> None:
    """Search all rows, compare some of them in full, and print both."""
    index = HammingIndex.build(registered)
    index.search(rows[: len(rows) // 10], RADIUS)
    begun = time.process_time()
    hits = index.search(rows, RADIUS)
    joined = len(rows) / (time.process_time() - begun)
    words, part = registered.view(np.uint64), rows[:COMPARED_IN_FULL].view(np.uint64)
    begun = time.process_time()
    expected = {
        (query, row)
        for query in range(len(part))
        for row in np.flatnonzero(np.bitwise_count(words ^ part[query]).sum(axis=1) <= RADIUS).tolist()
    }
    full = len(part) / (time.process_time() - begun)
    found = {
        (query, row)
        for query, row in zip(hits.query.tolist(), hits.row.tolist(), strict=True)
        if query < len(part)
    }
    if found - expected:
        raise SystemExit("pairs were found that are further apart")
    largest = np.bincount(registered.view(np.uint16)[:, 0], minlength=65_536).max() / len(registered)
    print(
        f"{name}: {joined:,.0f} rows per processor second, {joined / full:,.0f} times a full comparison; recall "
        f"{len(found) / max(1, len(expected)):.4f} over {len(expected):,} pairs; the most frequent key of a band has {largest:.2%} of all"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registered", type=int, default=500_000)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--large", action="store_true", help="a million rows")
    given = parser.parse_args()
    count = given.rows or (1_000_000 if given.large else 100_000)
    randomness = np.random.default_rng(31)
    print(f"{given.registered:,} registered values, {count:,} rows, radius {RADIUS}")
    plain = randomness.integers(0, 256, (given.registered, 32), np.uint8)
    rows = randomness.integers(0, 256, (count, 32), np.uint8)
    some = np.arange(0, count, 20)
    rows[some] = flipped(plain[some % len(plain)], randomness)
    measured("random bits", plain, rows)
    like_real = skewed(given.registered + count // 20, given.pictures, randomness)
    rows[some] = like_real[given.registered :][: len(some)]
    measured("rows of random bits, skewed registry", like_real[: given.registered], rows)
    rows = flipped(like_real[randomness.integers(0, given.registered, count // 4)], randomness)
    measured("skewed rows, skewed registry", like_real[: given.registered], rows)


if __name__ == "__main__":
    main()
