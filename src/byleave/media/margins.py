"""Whether what a file shows around a copy is picture: not a frame, not a blurred or mirrored piece of the copy, not noise, not something pasted.

Each side is looked at by itself, beside the copy only, in brightness at a small size. All thresholds were measured, see
:mod:`benchmarks.crop_alignment`. A margin painted to go on, by hand or by a program, carries picture, too: that is not told apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from byleave.media.alignment import (
    FINE_SIDE,
    Grey,
    Pixels,
    Placed,
    best_agreement,
    detail_of,
    grey_of,
    scaled,
)

LEAST_DEPTH: Final = 0.05
"""Share of the file's side that a margin takes at least; and at least :data:`LEAST_LINES` lines of it while it is looked at."""

LEAST_LINES: Final = 8

LEAST_DETAIL: Final = 0.3
LEAST_CHANGE: Final = 0.3
MOST_CHANGE: Final = 4.0
"""Fine detail of a margin, and change from line to line in either direction, in parts of what the copy has: a frame, a blur, stretched
edges and even shades have less, text and noise more."""

LEAST_GRAIN: Final = 1.2
"""Change over two lines in parts of change over one: 1 for noise, about 1.6 in pictures."""

MOST_SEAM: Final = 1.6
"""Change across the edge of the copy in parts of the change near it, on the busier side: pictures go on, pasted ones do not."""

MOST_REPEATED: Final = 0.5
"""Correlation of a margin's detail with any place in the copy, mirrored or not, from which on it counts as made of the copy."""

_REPEATED_SHARES: Final = tuple(1.05**-step for step in range(16))
_NEAR: Final = 14
"""Lines on either side of an edge that its change is compared with."""


@dataclass(frozen=True, slots=True)
class Margin:
    """One side beyond a copy; what each number means stands at the threshold it is held to."""

    depth: float
    detail: float
    change_out: float
    change_along: float
    grain: float
    seam: float

    @property
    def carries_picture(self) -> bool:
        """Whether it looks like the same picture going on; that it was not made of the copy is looked at last."""
        return (
            self.depth >= LEAST_DEPTH
            and self.detail >= LEAST_DETAIL
            and LEAST_CHANGE <= self.change_out <= MOST_CHANGE
            and LEAST_CHANGE <= self.change_along <= MOST_CHANGE
            and self.grain >= LEAST_GRAIN
            and self.seam <= MOST_SEAM
        )


def shown_around(whole: Pixels, placed: Placed) -> float:
    """Return how far ``whole`` shows picture beyond a part that lies in it: the deepest such margin, as a share of its side; 0 for none.

    One side that was made of the part speaks against all: who pads a copy pads it in one way.
    """
    deepest = 0.0
    for band, inside, strip, edge, depth in _sides(scaled(grey_of(whole), FINE_SIDE), placed):
        margin = measured(band, inside, strip, edge, depth)
        if margin.detail < LEAST_DETAIL:
            continue
        if _is_repeated(band, inside):
            return 0.0
        if margin.carries_picture:
            deepest = max(deepest, depth)
    return deepest


def measured(band: Grey, inside: Grey, strip: Grey, edge: int, depth: float) -> Margin:
    """Measure one side, turned so that the margin is on top: its lines, the copy's, and both with the edge between them at a line of ``strip``."""
    out, along = (_change(band, 1, axis) for axis in (0, 1))
    return Margin(
        depth=depth,
        detail=_spread(detail_of(band)) / max(_spread(detail_of(inside)), 1e-6),
        change_out=out / max(_change(inside, 1, 0), 1e-6),
        change_along=along / max(_change(inside, 1, 1), 1e-6),
        grain=min(_change(band, 2, axis) / max(_change(band, 1, axis), 1e-6) for axis in (0, 1)),
        seam=_seam(strip, edge),
    )


def _sides(plane: Grey, placed: Placed) -> Iterator[tuple[Grey, Grey, Grey, int, float]]:
    """Yield each side that is deep enough to be looked at, turned on top."""
    rows, columns = plane.shape
    left, right = round(placed.left * columns), round(placed.right * columns)
    top, bottom = round(placed.top * rows), round(placed.bottom * rows)
    across, down = plane[:, left:right], plane[top:bottom].T
    for strip, edge, end in (
        (across, top, bottom),
        (across[::-1], rows - bottom, rows - top),
        (down, left, right),
        (down[::-1], columns - right, columns - left),
    ):
        depth = edge / strip.shape[0]
        if edge >= LEAST_LINES and depth >= LEAST_DEPTH:
            # A line on either side of the edge may belong to both: the copy lies between pixels.
            yield strip[: edge - 1], strip[edge + 1 : end], strip, edge, depth


def _is_repeated(band: Grey, inside: Grey) -> bool:
    """Whether a margin's detail is found again in the copy: as it is, mirrored either way, or turned upside down, and up to twice as small.

    So does one count that has too little detail to be looked for.
    """
    wanted, there = detail_of(band), detail_of(inside)
    views = (there, there[::-1], there[:, ::-1], there[::-1, ::-1])
    found = max(best_agreement(view, wanted, _REPEATED_SHARES) for view in views)
    return found >= MOST_REPEATED or found < 0


def _seam(strip: Grey, edge: int) -> float:
    change = np.abs(np.diff(strip, axis=0)).mean(axis=1)
    across = float(change[max(0, edge - 3) : edge + 2].max())
    outside, inside = change[max(0, edge - _NEAR) : edge - 3], change[edge + 2 : edge + _NEAR]
    near = max(float(np.median(part)) if part.size else 0.0 for part in (outside, inside))
    return across / max(near, 0.3)


def _change(plane: Grey, lines: int, axis: int) -> float:
    apart = plane[lines:] - plane[:-lines] if axis == 0 else plane[:, lines:] - plane[:, :-lines]
    return float(np.abs(apart).mean()) if apart.size else 0.0


def _spread(plane: NDArray[np.float32]) -> float:
    return float(plane.std())
