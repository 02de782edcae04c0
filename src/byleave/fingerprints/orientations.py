"""The eight orientations of a picture, read off its PDQ bits alone.

Bit ``(i, j)`` of a PDQ value says whether one coefficient of a 16x16 cosine transform lies above the median. Mirroring the picture
negates every other row or column of coefficients, turning it by a quarter swaps rows and columns. So the bits of a mirrored picture
are those of the picture with every other row or column inverted, but for coefficients near the median: on the 27 published test
pictures that is 20 of 256 bits at most, 4 to 12 in the median. Where pixels are at hand, hash them in all orientations instead.
"""

from __future__ import annotations

from typing import Final

from byleave.fingerprints import check_pdq

_SIDE: Final = 16
_MASK: Final = (1 << _SIDE) - 1
_EVEN_COLUMNS: Final = 0xAAAA  # columns are counted from the most significant bit
_ODD_COLUMNS: Final = 0x5555

_ORIENTATIONS: Final = (
    # swap rows and columns, columns to invert, rows to invert (remainder by 2, or None)
    (False, 0, None),
    (True, 0, 1),
    (False, _EVEN_COLUMNS, 0),
    (True, _ODD_COLUMNS, None),
    (False, 0, 1),
    (False, _ODD_COLUMNS, None),
    (True, 0, None),
    (True, _EVEN_COLUMNS, 0),
)


def orientations(value: bytes) -> tuple[bytes, ...]:
    """Return the eight orientations of a 32-byte PDQ value, itself first, as turns by 90, 180 and 270 degrees and four mirrors."""
    check_pdq(value)
    rows = [int.from_bytes(value[2 * i : 2 * i + 2]) for i in range(_SIDE)]
    swapped = [
        sum(((rows[j] >> (_SIDE - 1 - i)) & 1) << (_SIDE - 1 - j) for j in range(_SIDE)) for i in range(_SIDE)
    ]
    return tuple(
        b"".join(
            _inverted(row, i, columns, parity).to_bytes(2) for i, row in enumerate(swapped if swap else rows)
        )
        for swap, columns, parity in _ORIENTATIONS
    )


def _inverted(row: int, index: int, columns: int, parity: int | None) -> int:
    inverted = row ^ columns
    return inverted ^ _MASK if parity is not None and index % 2 == parity else inverted
