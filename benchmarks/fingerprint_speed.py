"""What fingerprints cost beside what cannot be avoided: ratios from one run, never seconds.

Run ``python benchmarks/fingerprint_speed.py``. Pictures are generated, each side of a ratio is timed in turns with the other,
and the median of the turns is taken, so that a busy machine slows both.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO

import numpy as np
from PIL import Image

from byleave.fingerprints import SAME_WORK_RADIUS
from byleave.hamming import HammingIndex
from byleave.media import describe
from byleave.media.decode import decode
from byleave.media.pdq import luma, pdq
from byleave.media.picture import Unusable
from byleave.media.reading import fingerprint
from byleave.settings import Limits

TURNS = 15
ROWS = 1_000_000
LIMITS = Limits()


def ratios(sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median time of each side over that of the first, timed in turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for run in sides.values():
        run()
    for _ in range(TURNS):
        for name, run in sides.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in times.items()}
    first = next(iter(medians.values()))
    return {name: round(value / first, 3) for name, value in medians.items()}


def picture(width: int, height: int) -> bytes:
    """A JPEG of quality 90 with detail."""
    random = np.random.default_rng(width)
    rough = Image.fromarray(random.integers(0, 255, (40, 60, 3), dtype=np.uint8)).resize((width, height))
    noisy = np.asarray(rough).astype(np.int16) + random.integers(-12, 12, (height, width, 3))
    out = BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=90)
    return out.getvalue()


def full_decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB").resize((512, 320), Image.Resampling.BICUBIC))


def decode_and_fingerprint(data: bytes) -> object:
    decoded = decode(data, LIMITS)
    assert not isinstance(decoded, Unusable)
    return fingerprint(decoded.rgb)


def decoding() -> dict[str, dict[str, float]]:
    found = {}
    for width, height in ((640, 400), (1600, 1000), (2560, 1600)):
        data = picture(width, height)
        found[f"{width} x {height}"] = ratios(
            {
                "decode alone": partial(decode, data, LIMITS),
                "decode and fingerprint": partial(decode_and_fingerprint, data),
                "describe": partial(describe, data, limits=LIMITS),
                "Pillow's full decode": partial(full_decode, data),
            }
        )
    return found


def hashing() -> dict[str, float]:
    rgb = np.random.default_rng(0).integers(0, 255, (320, 512, 3), dtype=np.uint8)
    grey = Image.fromarray(rgb)
    sides: dict[str, Callable[[], object]] = {
        "PDQ of a working copy": lambda: pdq(luma(rgb)),
        "Pillow's reduction of it to 64 x 64": lambda: grey.convert("L").resize(
            (64, 64), Image.Resampling.BOX
        ),
    }
    try:
        import pdqhash
    except ImportError:
        pass
    else:
        sides["the reference implementation's binding"] = lambda: pdqhash.compute(rgb)
    return ratios(sides)


def searching() -> dict[str, dict[str, float]]:
    values = np.random.default_rng(0).integers(0, 256, (ROWS, 32), dtype=np.uint8)
    index, words = HammingIndex.build(values), values.view(np.uint64)
    query = values[5:6]

    def scan(radius: int) -> np.ndarray:
        return np.nonzero(np.bitwise_count(words ^ words[5]).sum(axis=1) <= radius)[0]

    return {
        f"radius {radius}, {ROWS} rows": ratios(
            {
                "index": partial(index.search, query, radius),
                "numpy popcount scan": partial(scan, radius),
            }
        )
        for radius in (0, SAME_WORK_RADIUS, 50, 63)
    }


if __name__ == "__main__":
    print(json.dumps({"decoding": decoding(), "hashing": hashing(), "searching": searching()}, indent=2))
