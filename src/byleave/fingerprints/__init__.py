"""Compact values for "the same work", with their version, and the distance between them.

A fingerprint is compared by Hamming distance, and only with one of the same version. Pure and standard library only:
pixels become fingerprints in :mod:`byleave.media`, many fingerprints are searched in :mod:`byleave.hamming`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from byleave.errors import FormatError

PDQ_BYTES = 32
PDQ_BITS = 256

MOST_VARIANTS = 16
"""Eight orientations, plain and trimmed."""

_WRITTEN = re.compile(r"([^:]+):([0-9]{1,3}):([0-9a-f]{64}(?:,[0-9a-f]{64})*)")

PICTURE_VERSION = "pdq-512/1"
"""PDQ over the picture scaled to a long side of 512 pixels, plain and with its border trimmed, first edition.

Hashing another size moves up to 42 of 256 bits, so one size is fixed for both sides and named here.
"""

SAME_WORK_RADIUS = 31
"""PDQ's published match threshold, of 256 bits. Measured: no false match in 7.0 million pairs."""

REVIEW_RADIUS = 50
"""Up to here a person should look: with orientations and trim, precision was .9999 at 38 and .99 at 50."""

MINIMUM_QUALITY = 50
"""PDQ quality (0..100) below which a picture is too flat to be told apart; PDQ's authors discard 49 and less."""


class Band(StrEnum):
    """How far a match may be trusted."""

    SAME_WORK = "same_work"
    REVIEW = "review"


class Method(StrEnum):
    """How a match was found, from exact bytes to bits of a picture."""

    EXACT = "exact"
    PDQ = "pdq"


@dataclass(frozen=True, slots=True)
class PictureFingerprint:
    """One picture as a dataset stores it: two 32-byte PDQ values and a quality of 0..100."""

    plain: bytes
    trimmed: bytes
    quality: int
    version: str = PICTURE_VERSION

    def __post_init__(self) -> None:
        check_pdq(self.plain)
        check_pdq(self.trimmed)
        _check_quality(self.quality)


@dataclass(frozen=True, slots=True)
class ClaimedPicture:
    """One picture as a claim stores it: PDQ in all eight orientations, plain and trimmed, without repeats.

    A re-post may be mirrored or turned and framed; the claim carries the variants so that a dataset stores two values only.
    """

    variants: tuple[bytes, ...]
    quality: int
    version: str = PICTURE_VERSION

    def __post_init__(self) -> None:
        if not 0 < len(self.variants) <= MOST_VARIANTS:
            raise FormatError(
                f"a claimed picture has 1 to {MOST_VARIANTS} fingerprints, not {len(self.variants)}",
                remedy="compute it again from the file",
            )
        for value in self.variants:
            check_pdq(value)
        _check_quality(self.quality)
        if not self.version or ":" in self.version:
            raise FormatError("a fingerprint names its version", remedy="compute it again from the file")

    @property
    def is_flat(self) -> bool:
        """Whether the picture is too flat to be told from others by its bits."""
        return self.quality < MINIMUM_QUALITY

    def to_text(self) -> str:
        """Write as ``version:quality:hex[,hex...]``, the form the registry stores."""
        return f"{self.version}:{self.quality}:" + ",".join(value.hex() for value in self.variants)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what :meth:`to_text` wrote."""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise FormatError(
                f"{text[:80]!r} is not a picture fingerprint", remedy="compute it again from the file"
            )
        version, quality, values = written.groups()
        return cls(tuple(bytes.fromhex(value) for value in values.split(",")), int(quality), version)


@dataclass(frozen=True, slots=True)
class Match:
    """Two works within a threshold; always says how, how near and how sure."""

    method: Method
    distance: int
    threshold: int
    band: Band


def hamming(left: bytes, right: bytes) -> int:
    """Count the bits in which two values of equal length differ."""
    if len(left) != len(right):
        raise FormatError(
            f"values of {len(left)} and {len(right)} bytes have no distance",
            remedy="compare fingerprints of one version",
        )
    return (int.from_bytes(left) ^ int.from_bytes(right)).bit_count()


def match(claimed: ClaimedPicture, seen: PictureFingerprint) -> Match | None:
    """Compare a claimed picture with one of a dataset: the least distance over all variants, or ``None`` beyond review."""
    if claimed.version != seen.version:
        raise FormatError(
            f"fingerprints of versions {claimed.version!r} and {seen.version!r} cannot be compared",
            remedy="ingest the dataset again, or file the picture again, with this version of Byleave",
        )
    distance = min(hamming(c, s) for c in claimed.variants for s in (seen.plain, seen.trimmed))
    return match_at(distance)


def match_at(distance: int) -> Match | None:
    """Put a PDQ distance into its band."""
    if distance <= SAME_WORK_RADIUS:
        return Match(Method.PDQ, distance, SAME_WORK_RADIUS, Band.SAME_WORK)
    if distance <= REVIEW_RADIUS:
        return Match(Method.PDQ, distance, REVIEW_RADIUS, Band.REVIEW)
    return None


def check_pdq(value: bytes) -> None:
    """Refuse what has not the length of a PDQ value."""
    if len(value) != PDQ_BYTES:
        raise FormatError(f"a PDQ value has 32 bytes, not {len(value)}", remedy="write 64 hex digits")


def _check_quality(quality: int) -> None:
    if not 0 <= quality <= 100:
        raise FormatError(f"a quality is 0 to 100, not {quality}", remedy="compute it again from the file")
