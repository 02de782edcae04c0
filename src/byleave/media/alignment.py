"""Find a picture inside a larger one that shows more around it: at which size, and where.

Both are compared as brightness. The part is tried in many sizes against every place inside the whole at once, by normalised
cross-correlation: first coarsely, then finer about the best few. Turned, mirrored and stretched parts are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from byleave.media.pdq import luma

COARSE_SIDE: Final = 64
FINE_SIDE: Final = 192
"""Long side of the whole, in pixels, while looking and while measuring."""

SMALLEST: Final = 0.3
"""A part takes at least this share of the whole's sides; below, what is left of a thumbnail says too little."""

COARSE_STEP: Final = 1.04
FINE_STEPS: Final = np.linspace(-0.03, 0.03, 7)
KEPT: Final = 2
"""Sizes that are looked at again, and by how much they are varied."""

LEAST_AGREEMENT: Final = 0.9
LEAST_DETAIL: Final = 0.8
"""What a part found inside a whole has at least in common with it: brightness, and fine detail. Measured by :mod:`benchmarks.crop_alignment`."""

LEAST_COARSE: Final = 0.6
"""Agreement below which no size is looked at again."""

SHORTEST: Final = 8
"""Pixels a side of the part has at least while looking."""

EVEN: Final = 1.0
"""Standard deviation, of 255, below which an area has nothing to agree with."""

Grey = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a part lies inside a whole.

    left, top, right, bottom
        Its edges as shares of the whole's width and height, 0..1.
    agreement
        Correlation of brightness there, -1..1.
    detail
        Correlation of fine detail there, which large even areas do not raise.
    """

    left: float
    top: float
    right: float
    bottom: float
    agreement: float
    detail: float

    @property
    def is_sure(self) -> bool:
        """Whether it agrees so well that it is the same picture."""
        return self.agreement >= LEAST_AGREEMENT and self.detail >= LEAST_DETAIL


@dataclass(frozen=True, slots=True)
class _Spot:
    agreement: float
    share: float
    row: int
    column: int
    part: Grey


def find_inside(whole: Pixels, part: Pixels) -> Placed | None:
    """Find ``part`` inside ``whole``, both uint8 (rows, columns, 3): the place that agrees best, or ``None`` if nothing nearly does."""
    large, small = grey_of(whole), grey_of(part)
    coarse = scaled(large, COARSE_SIDE)
    spots = sorted(_spots(coarse, small, _shares()), key=lambda spot: -spot.agreement)[:KEPT]
    if not spots or spots[0].agreement < LEAST_COARSE:
        return None
    fine = scaled(large, FINE_SIDE)
    shares = {min(1.0, spot.share * (1 + step)) for spot in spots for step in FINE_STEPS}
    best = max(_spots(fine, small, sorted(shares)), key=lambda spot: spot.agreement, default=None)
    return None if best is None else _placed(fine, best)


def best_agreement(whole: Grey, part: Grey, shares: Iterable[float]) -> float:
    """Return how well ``part`` agrees with its best place in ``whole``, tried in these shares of the largest size that fits; -1 for not at all."""
    return max((spot.agreement for spot in _spots(whole, part, shares, shortest=2)), default=-1.0)


def detail_of(plane: Grey) -> Grey:
    """Take away what changes slowly: the mean over five by five pixels."""
    around = np.pad(plane, 2, mode="edge")
    return plane - (_windows(_summed(around), 5, 5) / 25).astype(np.float32)


def grey_of(rgb: Pixels) -> Grey:
    """Return brightness, 0..255, float32 (rows, columns)."""
    return luma(rgb)


def scaled(plane: Grey, long_side: int) -> Grey:
    """Scale down so that the longer side has ``long_side`` pixels; never enlarged."""
    scale = min(1.0, long_side / max(plane.shape))
    rows, columns = (max(1, round(side * scale)) for side in plane.shape)
    return _resized(plane, rows, columns)


def _placed(fine: Grey, spot: _Spot) -> Placed:
    rows, columns = fine.shape
    height, width = spot.part.shape
    inside = fine[spot.row : spot.row + height, spot.column : spot.column + width]
    return Placed(
        spot.column / columns,
        spot.row / rows,
        (spot.column + width) / columns,
        (spot.row + height) / rows,
        spot.agreement,
        _correlation(detail_of(inside), detail_of(spot.part)),
    )


def _shares() -> Iterator[float]:
    share = 1.0
    while share >= SMALLEST:
        yield share
        share /= COARSE_STEP


def _spots(whole: Grey, part: Grey, shares: Iterable[float], *, shortest: int = SHORTEST) -> Iterator[_Spot]:
    """Yield for each share of the largest size that fits into the whole the place that agrees best."""
    largest = min(whole.shape[0] / part.shape[0], whole.shape[1] / part.shape[1])
    spectrum = np.fft.rfft2(whole)
    sums, squares = _summed(whole), _summed(whole * whole)
    for share in shares:
        rows, columns = (max(1, round(side * largest * share)) for side in part.shape)
        if min(rows, columns) < shortest:
            continue
        tried = _resized(part, rows, columns)
        centred = tried - tried.mean()
        norm = float(np.sqrt((centred * centred).sum()))
        if norm < EVEN * np.sqrt(tried.size):
            continue
        padded = np.zeros_like(whole)
        padded[:rows, :columns] = centred
        matched = np.fft.irfft2(spectrum * np.conj(np.fft.rfft2(padded)), whole.shape)
        matched = matched[: whole.shape[0] - rows + 1, : whole.shape[1] - columns + 1]
        total, square = _windows(sums, rows, columns), _windows(squares, rows, columns)
        spread = square - total * total / tried.size
        even = spread < EVEN * EVEN * tried.size
        agreement = np.where(even, -1.0, matched / (norm * np.sqrt(np.where(even, 1.0, spread))))
        row, column = np.unravel_index(int(agreement.argmax()), agreement.shape)
        yield _Spot(float(agreement[row, column]), share, int(row), int(column), tried)


def _summed(plane: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.pad(plane.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _windows(sums: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Return the sum over each window of this size, from a table of sums."""
    taken: NDArray[np.float64] = (
        sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    )
    return taken


def _correlation(one: Grey, other: Grey) -> float:
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0


def _resized(plane: Grey, rows: int, columns: int) -> Grey:
    image = Image.fromarray(plane)
    return np.asarray(image.resize((columns, rows), Image.Resampling.BICUBIC), np.float32)
