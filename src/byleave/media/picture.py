"""What is known about one picture, and why a file is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from byleave.fingerprints import PictureFingerprint

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are opened, by Pillow's names. Nothing else of Pillow's many readers is ever tried."""

WORKING_SIDE = 512
"""Long side of the working copy, in pixels."""


class UnusableKind(StrEnum):
    """Why no picture could be read. Kinds are stored and counted, so their names do not change."""

    UNREADABLE_FILE = "unreadable_file"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    NOT_A_PICTURE = "not_a_picture"
    SVG = "svg"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    OUT_OF_MEMORY = "out_of_memory"
    TOO_SLOW = "too_slow"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that gives no picture: an answer, not an error."""

    kind: UnusableKind
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture read from its bytes.

    width, height
        Pixels as the picture is shown, its EXIF orientation applied.
    format
        ``jpeg``, ``png``, ``webp``, ``gif``, ``bmp``, ``tiff`` or ``avif``.
    digest
        SHA-256 of the encoded bytes, 32 bytes.
    rgb
        The working copy: uint8, shape (rows, columns, 3), long side at most 512.
    thumbnail
        JPEG bytes without any metadata, or ``None`` when not asked for.
    creator, rights
        What the file itself says in EXIF or XMP; a claim by whoever wrote it, not a proof.
    """

    width: int
    height: int
    format: str
    digest: bytes
    fingerprint: PictureFingerprint
    rgb: NDArray[np.uint8] = field(repr=False)
    thumbnail: bytes | None = field(default=None, repr=False)
    creator: str | None = None
    rights: str | None = None
