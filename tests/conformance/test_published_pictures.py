"""Our whole way from file to fingerprint, on the pictures that PDQ's authors publish."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.unit.media.pictures import FRAMES, VECTORS, encoded

from byleave.fingerprints import SAME_WORK_RADIUS, ClaimedPicture, hamming, match
from byleave.media import Picture, claimed_picture, describe
from byleave.media.decode import FILTER
from byleave.media.fingerprint_report import fingerprint_report
from byleave.media.pdq import luma, pdq
from byleave.media.picture import WORKING_SIDE
from byleave.settings import Limits

LIMITS = Limits()
ALLOWED_BITS = 2

DECODER_BUDGET = 8
"""Bits that JPEG's own scaling may move against a full decode; 4 were measured, 31 make two works one."""

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the published PDQ pictures are not at {VECTORS}"),
]

BRIDGES = sorted(VECTORS.rglob("bridge-mods/*.jpg"))
ORIENTED = sorted(VECTORS.rglob("dih/*.jpg"))
OTHERS = sorted(VECTORS.rglob("labelme-subset/*.jpg"))


def claim_of(path: Path) -> ClaimedPicture:
    claimed = claimed_picture(path.read_bytes(), limits=LIMITS)
    assert isinstance(claimed, ClaimedPicture)
    return claimed


def seen_in(data: bytes) -> Picture:
    seen = describe(data, limits=LIMITS, thumbnail_px=None)
    assert isinstance(seen, Picture)
    return seen


@pytest.mark.parametrize("frame", FRAMES)
def test_every_picture_that_is_not_flat_is_found_inside_a_frame(frame: str) -> None:
    missed = []
    for path in BRIDGES + OTHERS:
        claimed = claim_of(path)
        with Image.open(path) as file:
            repost = FRAMES[frame](file.convert("RGB"))
        found = match(claimed, seen_in(encoded(repost, quality=75)).fingerprint)
        if not claimed.is_flat and (found is None or found.distance > SAME_WORK_RADIUS):
            missed.append(path.name)
    assert missed == []


def test_every_turned_and_mirrored_bridge_is_the_same_work() -> None:
    claimed = claim_of(ORIENTED[0])
    distances = []
    for path in ORIENTED:
        found = match(claimed, seen_in(path.read_bytes()).fingerprint)
        distances.append(None if found is None else found.distance)
    assert all(distance is not None and distance <= SAME_WORK_RADIUS for distance in distances), distances


def test_different_pictures_are_not_the_same_work() -> None:
    fingerprints = [seen_in(path.read_bytes()).fingerprint for path in OTHERS]
    for number, path in enumerate(OTHERS):
        others = fingerprints[:number] + fingerprints[number + 1 :]
        claimed = claim_of(path)
        assert claimed.is_flat or not any(match(claimed, other) for other in others)


@pytest.mark.parametrize("path", BRIDGES or [VECTORS], ids=lambda path: path.stem)
def test_scaling_while_decoding_stays_within_its_bit_budget(path: Path) -> None:
    with Image.open(path) as file:
        whole = file.convert("RGB")
    scale = min(1.0, WORKING_SIDE / max(whole.size))
    width, height = (max(1, round(side * scale)) for side in whole.size)
    expected, _ = pdq(luma(np.asarray(whole.resize((width, height), FILTER))))
    seen = seen_in(path.read_bytes())
    assert seen.rgb.shape == (height, width, 3)
    assert hamming(seen.fingerprint.plain, expected) <= DECODER_BUDGET


def test_the_report_gives_the_published_values() -> None:
    expected = json.loads((VECTORS / "expected.json").read_text())["expected"]
    for name, values in expected.items():
        report = fingerprint_report(VECTORS / name, LIMITS)
        assert [report["width"], report["height"], report["quality"]] == [*values["size"], values["quality"]]
        pairs = zip([report["pdq"], *report["dihedral"]], [values["pdq"], *values["dihedral"]], strict=True)
        assert all(
            hamming(bytes.fromhex(ours), bytes.fromhex(theirs)) <= ALLOWED_BITS for ours, theirs in pairs
        )
