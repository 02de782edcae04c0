"""Our PDQ against the values that the reference implementation gives for the same pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from byleave.fingerprints import SAME_WORK_RADIUS, hamming
from byleave.hamming import HammingIndex
from byleave.hamming.index import BANDS_FROM_ROWS
from byleave.media.pdq import dihedral, luma, measure, pdq

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "pdq"
EXPECTED: dict[str, dict[str, Any]] = (
    json.loads((VECTORS / "expected.json").read_text())["expected"] if VECTORS.is_dir() else {}
)
ALLOWED_BITS = 2  # Summing floats in another order may move a coefficient across the median.

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not EXPECTED, reason=f"the published PDQ vectors are not at {VECTORS}"),
]


def brightness_of(name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    with Image.open(VECTORS / name) as picture:
        return luma(np.asarray(picture.convert("RGB")))


def test_the_vectors_are_complete() -> None:
    assert len(EXPECTED) == 27


@pytest.mark.parametrize("name", sorted(EXPECTED) or ["absent"])
def test_value_and_quality_are_those_of_the_reference(name: str) -> None:
    value, quality = pdq(brightness_of(name))
    assert hamming(value, bytes.fromhex(EXPECTED[name]["pdq"])) <= ALLOWED_BITS
    assert quality == EXPECTED[name]["quality"]


@pytest.mark.parametrize("name", sorted(EXPECTED) or ["absent"])
def test_all_eight_orientations_are_those_of_the_reference_in_its_order(name: str) -> None:
    brightness = brightness_of(name)
    values = dihedral(brightness)
    distances = [
        hamming(a, bytes.fromhex(b)) for a, b in zip(values, EXPECTED[name]["dihedral"], strict=True)
    ]
    assert max(distances) <= ALLOWED_BITS
    assert measure(brightness) == (values, EXPECTED[name]["quality"])


def test_among_values_of_real_pictures_the_index_misses_no_copy() -> None:
    randomness = np.random.default_rng(7)
    real = np.array(
        [list(bytes.fromhex(value)) for one in EXPECTED.values() for value in one["dihedral"]], np.uint8
    )
    registered = changed(real[randomness.integers(0, len(real), 2 * BANDS_FROM_ROWS)], 24, randomness)
    queries = changed(registered[:200], SAME_WORK_RADIUS + 4, randomness)
    distances = np.bitwise_count(queries[:, None, :] ^ registered[None, :, :]).sum(axis=2)
    query, row = np.nonzero(distances <= SAME_WORK_RADIUS)
    hits = HammingIndex.build(registered).search(queries, SAME_WORK_RADIUS)
    assert sorted(zip(hits.query.tolist(), hits.row.tolist(), strict=True)) == [
        *zip(query.tolist(), row.tolist(), strict=True)
    ]
    assert len(query) > len(queries)


def changed(
    values: np.ndarray[Any, np.dtype[np.uint8]], most: int, randomness: np.random.Generator
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Flip up to so many bits of each value."""
    spread = np.unpackbits(values, axis=1)
    for one in spread:
        one[randomness.choice(256, int(randomness.integers(0, most + 1)), replace=False)] ^= 1
    return np.packbits(spread, axis=1)
