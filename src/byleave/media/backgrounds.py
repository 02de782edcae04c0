"""Pictures that everybody uses, drawn: plain colours, gradients, checkerboards, stripes, simple shapes and test cards.

Where a picture is symmetric, half of what its match code measures is nearly zero, and which way those bits fall depends on its size.
So each is drawn in several sizes. Patterns along one axis alone are left out: their codes fall anew in every file, and meet nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

SIZES: Final = ((512, 512), (300, 300), (160, 160), (384, 512), (341, 512), (320, 512), (288, 512))
"""Rows and columns: three squares, and the usual shapes of photographs and screens at their working size."""

BARS: Final = (
    (191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191),
)  # fmt: skip
"""The seven bars of a colour test card at 75 per cent, as standardised for television."""

_FULL: Final = 255.0

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float64]


def backgrounds() -> Iterator[tuple[str, Pixels]]:
    """Yield name and pixels, uint8 (rows, columns, 3), of each in every one of :data:`SIZES`."""
    for rows, columns in SIZES:
        yield from _drawn(rows, columns)


def _drawn(rows: int, columns: int) -> Iterator[tuple[str, Pixels]]:
    down, across = np.mgrid[0:rows, 0:columns].astype(np.float64)
    # Patterns keep their shape whatever the picture's is; lengths are in parts of the shorter side.
    side = float(min(rows, columns))
    x, y = (across - (columns - 1) / 2) / side, (down - (rows - 1) / 2) / side
    far = np.hypot(x, y)
    yield "plain", _grey(np.full(x.shape, 0.5))
    yield "gradient", _grey(across / (columns - 1))
    yield "gradient from the middle", _grey(1 - far / far.max())
    yield "vignette", _grey(np.clip(1.6 - 2 * far, 0, 1))
    for fields in (2, 4, 8, 16, 32):
        yield f"checkerboard of {fields}", _grey((np.floor(x * fields) + np.floor(y * fields)) % 2)
    yield "diagonal stripes", _grey(np.floor((x + y) * 2) % 2)
    yield "disc", _grey(np.where(far < 0.35, 0.0, 1.0))
    yield "cross", _grey(np.where((abs(x) < 0.12) | (abs(y) < 0.12), 0.0, 1.0))
    yield "zone plate", _grey(0.5 + 0.5 * np.cos(60 * np.pi * far**2))
    yield "colour bars", _bars(across / columns)
    yield "colour bars over a grey scale", _bars_with_scale(across / columns, down / rows)


def _grey(plane: Plane) -> Pixels:
    level = np.round(plane * _FULL).astype(np.uint8)
    return np.repeat(level[:, :, None], 3, axis=2)


def _bars(across: Plane) -> Pixels:
    chosen = np.minimum((across * len(BARS)).astype(np.intp), len(BARS) - 1)
    return np.array(BARS, np.uint8)[chosen]


def _bars_with_scale(across: Plane, down: Plane) -> Pixels:
    card = _bars(across)
    scale = _grey(np.floor(across * 8) / 8)
    card[down > 0.75] = scale[down > 0.75]
    return card
