"""What ``byleave fingerprint`` says about a file: values to compare with other tools, and the ones Byleave stores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from byleave.media import Unusable, UnusableKind, describe
from byleave.media.decode import full_size_pixels
from byleave.media.pdq import luma, measure
from byleave.settings import Limits

Report = dict[str, Any]


def fingerprint_reports(files: Iterable[Path], limits: Limits) -> Iterator[Report]:
    """Report on one file after another, in order; a file that gives no picture gets ``error`` and ``detail``."""
    for file in files:
        yield fingerprint_report(file, limits)


def fingerprint_report(file: Path, limits: Limits) -> Report:
    """Report on one file, as plain JSON values.

    ``width``, ``height``, ``pdq``, ``quality`` and ``dihedral`` are those of the full-size pixels as stored, EXIF orientation not
    applied: what other PDQ tools print. ``picture`` holds what Byleave stores and compares. ``error`` is one of
    :class:`byleave.media.UnusableKind`.
    """
    encoded = _read(file, limits)
    if isinstance(encoded, Unusable):
        return _error(file, encoded)
    pixels = full_size_pixels(encoded, limits)
    if isinstance(pixels, Unusable):
        return _error(file, pixels)
    picture = describe(encoded, limits=limits, thumbnail_px=None)
    if isinstance(picture, Unusable):
        return _error(file, picture)
    values, quality = measure(luma(pixels))
    return {
        "file": str(file),
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "sha256": hashlib.sha256(encoded).hexdigest(),
        "pdq": values[0].hex(),
        "quality": quality,
        "dihedral": [value.hex() for value in values],
        "picture": {
            "version": picture.fingerprint.version,
            "plain": picture.fingerprint.plain.hex(),
            "trimmed": picture.fingerprint.trimmed.hex(),
            "quality": picture.fingerprint.quality,
        },
    }


def _read(file: Path, limits: Limits) -> bytes | Unusable:
    try:
        with file.open("rb") as stream:
            encoded = stream.read(limits.picture_bytes + 1)
    except OSError as error:
        return Unusable(UnusableKind.UNREADABLE_FILE, error.strerror or str(error))
    if len(encoded) > limits.picture_bytes:
        return Unusable(UnusableKind.TOO_LARGE, f"more than the {limits.picture_bytes} bytes that are read")
    return encoded


def _error(file: Path, reason: Unusable) -> Report:
    return {"file": str(file), "error": str(reason.kind), "detail": reason.detail}
