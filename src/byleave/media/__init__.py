"""Pictures: decode them within limits, fingerprint them, embed them.

``describe`` and ``claimed_picture`` run here, in this process; :mod:`byleave.media.isolated` runs the same two in a limited child
process, for files that strangers upload. Importing this package loads neither numba nor Pillow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from byleave.media.picture import Picture, Unusable, UnusableKind

if TYPE_CHECKING:
    from byleave.fingerprints import ClaimedPicture
    from byleave.settings import Limits

__all__ = ["THUMBNAIL_PX", "Picture", "Unusable", "UnusableKind", "claimed_picture", "describe"]

THUMBNAIL_PX = 192
"""Long side of a thumbnail, in pixels."""


def describe(
    encoded: bytes, *, limits: Limits, thumbnail_px: int | None = THUMBNAIL_PX
) -> Picture | Unusable:
    """Read one picture: size, digest, fingerprint, working copy, thumbnail, maker and terms.

    Parameters
    ----------
    encoded
        A whole file as it was found. Of an animation the first frame counts.
    limits
        ``picture_bytes`` and ``picture_pixels`` are checked before memory is taken.
    thumbnail_px
        Long side of the thumbnail, or ``None`` for no thumbnail.

    Returns
    -------
    Picture | Unusable
        Whatever the bytes are, an answer; nothing about a file raises.
    """
    from byleave.media.reading import read_picture

    return read_picture(encoded, limits, thumbnail_px)


def claimed_picture(encoded: bytes, *, limits: Limits) -> ClaimedPicture | Unusable:
    """Compute what a claim stores of one picture: all eight orientations, plain and trimmed, at most 16 distinct values."""
    from byleave.media.reading import read_claimed_picture

    return read_claimed_picture(encoded, limits)
