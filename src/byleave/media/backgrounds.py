"""Pictures that everybody uses, drawn: plain colours, gradients, checkerboards, stripes and test cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 512
BARS: Final = (
    (191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191),
)  # fmt: skip
"""The seven bars of a colour test card at 75 per cent, as standardised for television."""

_FULL: Final = 255.0

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float64]


def backgrounds() -> Iterator[tuple[str, Pixels]]:
    """Yield name and pixels, uint8 (512, 512, 3), of each."""
    down, across = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1.0)
    yield "plain", _grey(np.full((SIDE, SIDE), 0.5))
    yield "gradient", _grey(across)
    yield "gradient, diagonal", _grey((across + down) / 2)
    yield "gradient, from the middle", _grey(1 - np.hypot(across - 0.5, down - 0.5) / np.hypot(0.5, 0.5))
    yield "vignette", _grey(np.clip(1.6 - 2 * np.hypot(across - 0.5, down - 0.5), 0, 1))
    for fields in (2, 4, 8, 16, 32):
        yield f"checkerboard, {fields} by {fields}", _grey(_checked(across, down, fields))
    for stripes in (2, 4, 8, 16, 32):
        yield f"stripes, {stripes}", _grey(_striped(across, stripes))
        yield f"stripes, {stripes}, diagonal", _grey(_striped((across + down) / 2, stripes))
    yield "grid", _grey(np.where((_within(across, 16) < 0.1) | (_within(down, 16) < 0.1), 0.0, 1.0))
    yield "dots", _grey(np.where(np.hypot(_within(across, 8) - 0.5, _within(down, 8) - 0.5) < 0.25, 0.0, 1.0))
    yield "disc", _grey(np.where(np.hypot(across - 0.5, down - 0.5) < 0.35, 0.0, 1.0))
    yield "cross", _grey(np.where((abs(across - 0.5) < 0.12) | (abs(down - 0.5) < 0.12), 0.0, 1.0))
    yield "colour bars", _bars(across)
    yield "colour bars with a grey scale", _bars_with_scale(across, down)
    yield "zone plate", _grey(0.5 + 0.5 * np.cos(60 * np.pi * ((across - 0.5) ** 2 + (down - 0.5) ** 2)))


def _grey(plane: Plane) -> Pixels:
    level = np.round(plane * _FULL).astype(np.uint8)
    return np.repeat(level[:, :, None], 3, axis=2)


def _within(place: Plane, parts: int) -> Plane:
    """Return how far each point lies within its part, 0 to 1."""
    return (place * parts) % 1.0


def _striped(place: Plane, stripes: int) -> Plane:
    return np.floor(place * stripes * (1 - 1e-9)) % 2


def _checked(across: Plane, down: Plane, fields: int) -> Plane:
    return (_striped(across, fields) + _striped(down, fields)) % 2


def _bars(across: Plane) -> Pixels:
    chosen = np.minimum((across * len(BARS)).astype(np.intp), len(BARS) - 1)
    return np.array(BARS, np.uint8)[chosen]


def _bars_with_scale(across: Plane, down: Plane) -> Pixels:
    card = _bars(across)
    scale = _grey(np.floor(across * 8) / 8)
    card[down > 0.75] = scale[down > 0.75]
    return card
