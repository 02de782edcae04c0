"""PDQ: 256 bits of a picture that stay nearly the same when it is scaled, recompressed or recoloured.

Written from the published description of PDQ (Facebook, 2019): luma, a box filter run twice, 64 x 64 samples, the 16 x 16 lowest
frequencies of a cosine transform without the constant ones, one bit each for "above the median". Bits are packed with the
highest frequencies first, the order in which PDQ values are written everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byleave.compiled import compiled

SAMPLES = 64
FREQUENCIES = 16
PASSES = 2
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""ITU-R BT.601, as PDQ prescribes."""

GRADIENT_PER_POINT = 90
"""PDQ's scale from the sum of gradients to a quality of 0..100."""

Luma = NDArray[np.float32]


def luma(rgb: NDArray[np.uint8]) -> Luma:
    """Turn pixels, uint8 (rows, columns, 3), into brightness 0..255, float32 (rows, columns)."""
    return _luma(np.ascontiguousarray(rgb))


def pdq(brightness: Luma) -> tuple[bytes, int]:
    """Compute the 32-byte value and the quality of 0..100 of one picture, float32 (rows, columns), 0..255, at least 1 x 1."""
    samples = _samples(np.ascontiguousarray(brightness, dtype=np.float32))
    return _bits(_coefficients(samples)), _quality(samples)


def dihedral(brightness: Luma) -> tuple[bytes, ...]:
    """Compute the values of all eight orientations of one picture from a single transform.

    Order: as is; turned left by 90, 180, 270 degrees; upside down; mirrored left to right; mirrored on either diagonal.
    """
    samples = _samples(np.ascontiguousarray(brightness, dtype=np.float32))
    return orientations(_coefficients(samples))


def orientations(coefficients: Luma) -> tuple[bytes, ...]:
    """Give the eight values that follow from one picture's 16 x 16 coefficients.

    Mirroring negates every second frequency along its axis, and turning on the diagonal swaps the axes, so no
    picture has to be turned.
    """
    mirrored = np.where(np.arange(FREQUENCIES) % 2 == 0, np.float32(-1), np.float32(1))
    upside_down = coefficients * mirrored[:, None]
    left_to_right = coefficients * mirrored
    both = upside_down * mirrored
    return tuple(
        _bits(view)
        for view in (
            coefficients,
            left_to_right.T,
            both,
            upside_down.T,
            upside_down,
            left_to_right,
            coefficients.T,
            both.T,
        )
    )


def measure(brightness: Luma) -> tuple[tuple[bytes, ...], int]:
    """Compute all eight values and the quality in one go."""
    samples = _samples(np.ascontiguousarray(brightness, dtype=np.float32))
    return orientations(_coefficients(samples)), _quality(samples)


def _cosines() -> Luma:
    frequency = np.arange(1, FREQUENCIES + 1)[:, None]
    position = 2 * np.arange(SAMPLES)[None, :] + 1
    scale = np.sqrt(2.0 / SAMPLES)
    cosines: Luma = (scale * np.cos(np.pi / (2 * SAMPLES) * frequency * position)).astype(np.float32)
    return cosines


_COSINES = _cosines()


def _coefficients(samples: Luma) -> Luma:
    spectrum: Luma = np.matmul(np.matmul(_COSINES, samples), _COSINES.T, dtype=np.float32)
    return spectrum


def _bits(coefficients: Luma) -> bytes:
    flat = coefficients.ravel()
    lower_median = np.partition(flat, flat.size // 2 - 1)[flat.size // 2 - 1]
    return np.packbits((flat > lower_median)[::-1]).tobytes()


def _quality(samples: Luma) -> int:
    total = 0
    for axis in (0, 1):
        steps = np.trunc(np.diff(samples, axis=axis) * np.float32(100) / np.float32(255))
        total += int(np.abs(steps).sum())
    return min(100, total // GRADIENT_PER_POINT)


@compiled
def _luma(rgb: NDArray[np.uint8]) -> Luma:
    rows, columns, _ = rgb.shape
    out = np.empty((rows, columns), np.float32)
    red, green, blue = LUMA_WEIGHTS
    for row in range(rows):
        for column in range(columns):
            out[row, column] = (
                red * rgb[row, column, 0] + green * rgb[row, column, 1] + blue * rgb[row, column, 2]
            )
    return out


@compiled
def _samples(brightness: Luma) -> Luma:
    """Smooth the picture with PDQ's box filter, twice each way, and take 64 x 64 points of it."""
    rows, columns = brightness.shape
    across = (columns + 2 * SAMPLES - 1) // (2 * SAMPLES)
    down = (rows + 2 * SAMPLES - 1) // (2 * SAMPLES)
    smooth = brightness.copy()
    scratch = np.empty_like(smooth)
    for _ in range(PASSES):
        _box_across(smooth, scratch, across)
        _box_down(scratch, smooth, down)
    out = np.empty((SAMPLES, SAMPLES), np.float32)
    for i in range(SAMPLES):
        row = int((i + 0.5) * rows / SAMPLES)
        for j in range(SAMPLES):
            out[i, j] = smooth[row, int((j + 0.5) * columns / SAMPLES)]
    return out


@compiled
def _box_across(source: Luma, target: Luma, window: int) -> None:
    """Write the mean of up to ``window`` neighbours along each row; near the edges the window is cut off."""
    rows, columns = source.shape
    ahead = (window + 2) // 2
    behind = window - ahead
    for row in range(rows):
        total = np.float32(0)
        count = 0
        for column in range(min(ahead - 1, columns)):
            total += source[row, column]
            count += 1
        for column in range(columns):
            entering = column + ahead - 1
            leaving = column - behind - 1
            if entering < columns:
                total += source[row, entering]
                count += 1
            if leaving >= 0:
                total -= source[row, leaving]
                count -= 1
            target[row, column] = total / np.float32(count)


@compiled
def _box_down(source: Luma, target: Luma, window: int) -> None:
    """Write the mean of up to ``window`` neighbours along each column; all columns of a row advance together."""
    rows, columns = source.shape
    ahead = (window + 2) // 2
    behind = window - ahead
    totals = np.zeros(columns, np.float32)
    count = 0
    for row in range(min(ahead - 1, rows)):
        count += 1
        for column in range(columns):
            totals[column] += source[row, column]
    for row in range(rows):
        entering = row + ahead - 1
        leaving = row - behind - 1
        if entering < rows:
            count += 1
            for column in range(columns):
                totals[column] += source[entering, column]
        if leaving >= 0:
            count -= 1
            for column in range(columns):
                totals[column] -= source[leaving, column]
        for column in range(columns):
            target[row, column] = totals[column] / np.float32(count)
