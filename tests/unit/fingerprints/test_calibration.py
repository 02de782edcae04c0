"""The radii in use are those that were measured."""

from __future__ import annotations

from byleave.fingerprints import MINIMUM_QUALITY, PICTURE_VERSION, REVIEW_RADIUS, SAME_WORK_RADIUS
from byleave.fingerprints.calibration import calibration


def test_the_radii_in_use_are_those_that_were_measured() -> None:
    figures = calibration()
    assert figures["fingerprint_version"] == PICTURE_VERSION
    assert figures["same_work"]["radius"] == SAME_WORK_RADIUS
    assert figures["same_work"]["false_matches"] == 0
    assert figures["review"]["radius"] == REVIEW_RADIUS
    assert figures["minimum_quality"] == MINIMUM_QUALITY


def test_every_altered_copy_was_counted() -> None:
    corpus = calibration()["corpus"]
    assert corpus["altered_copies"] == corpus["queries"] * corpus["alterations"]
