"""Find the frame around a picture, so that a re-post with a border or in a letterbox meets its original.

A line of pixels belongs to the frame when nearly all of it has the colour of that side's outermost line. Sides are taken in turn
until none moves, so a letterbox inside a border goes too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byleave.compiled import compiled

TOLERANCE = 32
"""Largest difference per channel, of 255, that still counts as the frame's colour: room for JPEG noise.

Chosen with :data:`FRAME_SHARE` among 24 pairs as the best for borders and letterboxes put around the published PDQ pictures."""

FRAME_SHARE = 0.98
"""Share of a line that must have the frame's colour; the rest may be a signature or noise."""

LEAST_SIDE = 0.25
"""A trimmed picture keeps at least this share of each side; otherwise the whole picture is kept."""

ROUNDS = 8

Pixels = NDArray[np.uint8]


def trimmed(rgb: Pixels) -> Pixels:
    """Cut off a near-uniform frame; a view of the same pixels.

    A flat picture, and one whose frame leaves less than a quarter of a side, come back whole.
    """
    top, bottom, left, right = 0, rgb.shape[0], 0, rgb.shape[1]
    for _ in range(ROUNDS):
        before = (top, bottom, left, right)
        inside = rgb[top:bottom, left:right]
        above, below = _frame_lines(inside), _frame_lines(inside[::-1])
        if above + below >= inside.shape[0]:
            return rgb
        top, bottom = top + above, bottom - below
        turned = rgb[top:bottom, left:right].transpose(1, 0, 2)
        ahead, behind = _frame_lines(turned), _frame_lines(turned[::-1])
        if ahead + behind >= turned.shape[0]:
            return rgb
        left, right = left + ahead, right - behind
        if before == (top, bottom, left, right):
            break
    rows, columns = rgb.shape[:2]
    if bottom - top < LEAST_SIDE * rows or right - left < LEAST_SIDE * columns:
        return rgb
    return rgb[top:bottom, left:right]


def _frame_lines(lines: Pixels) -> int:
    """Count the leading lines that have the colour of the first one; 0 when the first one has no single colour."""
    colour = np.median(lines[0], axis=0).astype(np.int32)
    return _count_lines(lines, colour, int(np.ceil(FRAME_SHARE * lines.shape[1])))


@compiled
def _count_lines(lines: Pixels, colour: NDArray[np.int32], needed: int) -> int:
    height, width = lines.shape[:2]
    for line in range(height):
        near = 0
        for pixel in range(width):
            red = abs(lines[line, pixel, 0] - colour[0])
            green = abs(lines[line, pixel, 1] - colour[1])
            blue = abs(lines[line, pixel, 2] - colour[2])
            near += max(red, green, blue) <= TOLERANCE
        if near < needed:
            return line
    return int(height)
