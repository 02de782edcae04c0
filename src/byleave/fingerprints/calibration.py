"""What the radii were chosen from: figures measured once, on one corpus, kept as a file so that a policy can name it by its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

CALIBRATION_FILE = "calibration.json"


@cache
def calibration_bytes() -> bytes:
    """Return the file as the package carries it."""
    return resources.files("byleave.fingerprints").joinpath(CALIBRATION_FILE).read_bytes()


def calibration() -> Mapping[str, Any]:
    """Return the figures: sizes of the corpus, and for each radius (bits of 256) what was found there, in whole per mille."""
    found: Mapping[str, Any] = json.loads(calibration_bytes())
    return found
