"""What `byleave fingerprint` costs beside decoding and hashing alone, per processor second, in one run over the same bytes.

A tar of generated JPEGs is written. One side reads it from memory and does nothing but decode each picture and compute both PDQ values; the other
is the whole command's work: reading the shard twice (once for its digest), decoding in a limited process, SHA-256 of every picture, and the sidecar.
Processor time of all processes counts. The start of the decoding process, which serves 50,000 pictures, is measured by itself; the ratio is given with it
and without. The sides take turns.

    python benchmarks/sidecar_speed.py [--pictures 6000] [--side 512] [--turns 3]
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from byleave.apply.local_engine import LocalEngine
from byleave.apply.sidecars.run import FingerprintRequest, fingerprint_dataset
from byleave.media import Unusable
from byleave.media.decode import decode
from byleave.media.fingerprinting import Fingerprinter
from byleave.media.reading import fingerprint
from byleave.settings import Limits

LIMITS = Limits()
DISTINCT = 100


def pictures(side: int) -> list[bytes]:
    """JPEGs of quality 90 whose longer side is ``side``, with detail at several scales."""
    random = np.random.default_rng(side)
    made = []
    for _ in range(DISTINCT):
        size = (side, int(side * random.uniform(0.5, 1)))
        total = np.zeros((size[1], size[0], 3))
        for cells in (4, 16, 64):
            rough = Image.fromarray(random.integers(0, 255, (cells, cells, 3), dtype=np.uint8))
            total += np.asarray(rough.resize(size, Image.Resampling.BICUBIC), np.float64) / 3
        noisy = total + random.normal(0, 5, total.shape)
        out = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=90)
        made.append(out.getvalue())
    return made


def write_shard(path: Path, made: list[bytes], count: int) -> None:
    """Write a tar as img2dataset does, less its Parquet file."""
    with tarfile.open(path, "w") as archive:
        for place in range(count):
            key = f"{place:09d}"
            fields = json.dumps({"key": key, "url": f"https://pictures.example/{key}.jpg"}).encode()
            for suffix, content in (("jpg", made[place % len(made)]), ("json", fields)):
                entry = tarfile.TarInfo(f"{key}.{suffix}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def processor_seconds() -> float:
    """Of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def alone(made: list[bytes], count: int) -> float:
    """Decode and hash, and nothing else."""
    begun = processor_seconds()
    for place in range(count):
        decoded = decode(made[place % len(made)], LIMITS)
        if isinstance(decoded, Unusable):
            raise SystemExit("a generated picture cannot be read")
        fingerprint(decoded.rgb)
    return processor_seconds() - begun


def whole(shard: Path, to: Path) -> float:
    """Make the sidecar."""
    begun = processor_seconds()
    request = FingerprintRequest(str(shard), str(to), limits=LIMITS)
    report = fingerprint_dataset(request, LocalEngine(1), lambda *_: None)
    if report.reasons or report.failed:
        raise SystemExit("a generated picture cannot be read")
    return processor_seconds() - begun


def start() -> float:
    """Start a decoding process, and read one small picture."""
    begun = processor_seconds()
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    with Fingerprinter(LIMITS) as printer:
        printer.read([out.getvalue()])
    return processor_seconds() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=6000)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    made = pictures(given.side)
    alone(made, DISTINCT)
    with tempfile.TemporaryDirectory() as name:
        shard = Path(name) / "00000.tar"
        write_shard(shard, made, given.pictures)
        plain, ours, starts = [], [], []
        began = time.perf_counter()
        for turn in range(given.turns):
            plain.append(alone(made, given.pictures))
            ours.append(whole(shard, Path(name) / f"to{turn}"))
            starts.append(start())
            print(
                f"turn {turn}: alone {plain[-1]:.2f} s, whole {ours[-1]:.2f} s, start {starts[-1]:.2f} s",
                flush=True,
            )
        size = next((Path(name) / "to0").rglob("*.parquet")).stat().st_size
    mean = sum(map(len, made)) / len(made)
    print(
        f"{given.pictures:,} JPEGs of at most {given.side} pixels, {mean / 1000:,.0f} kB each, {given.turns} turns"
    )
    print(
        f"decode and hash alone: {given.pictures / statistics.median(plain):,.0f} pictures per processor second"
    )
    print(
        f"byleave fingerprint:   {given.pictures / statistics.median(ours):,.0f} pictures per processor second"
    )
    settled = statistics.median(plain) / (statistics.median(ours) - statistics.median(starts))
    print(
        f"ratio: {statistics.median(plain) / statistics.median(ours):.3f} with the start of the decoding process in {given.pictures:,} "
        f"pictures, {settled:.3f} without (0.9 is asked for)"
    )
    print(
        f"sidecar: {size / given.pictures:,.0f} bytes a picture; {time.perf_counter() - began:,.0f} s in all"
    )


if __name__ == "__main__":
    main()
