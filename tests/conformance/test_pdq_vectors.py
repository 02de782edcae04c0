"""Our PDQ against the values that the reference implementation gives for the same pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from byleave.fingerprints import hamming
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
