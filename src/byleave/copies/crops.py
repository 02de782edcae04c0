"""Entries that show a part of a picture, or more than it: laid over each other by their thumbnails, a bounded number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from byleave.catalog import Catalog, Sample
from byleave.media import Picture
from byleave.media.alignment import LEAST_AGREEMENT, Pixels, Placed, find_inside
from byleave.media.decode import Decoded, decode
from byleave.media.margins import LEAST_DEPTH, shown_around
from byleave.settings import Limits

MOST_LAID_OVER: Final = 8
LAYING_SECONDS: Final = 5.0
"""How many of its copies and how many entries that look like it a file is laid over, and for how many seconds of one processor. What is
left is held to sizes alone."""

LEAST_DETAIL_AROUND: Final = 0.6
"""Fine detail that a file has in common with an entry that shows more than it, which is a thumbnail and so has less of its own."""

LEAST_SCALE: Final = 0.98
"""The part of a file that a copy shows has at least this share of the copy's size in pixels."""

SAME_SHAPE: Final = 0.02
"""By how much a thumbnail may be narrower or wider than its entry's stated size says before it is a cut of its own."""

Key = tuple[str, bytes]
"""Dataset and sample key."""


@dataclass(frozen=True, slots=True)
class Laid:
    """What laying a file over an entry gave.

    margin
        How far the file shows picture beyond the entry, as a share of its side; 0 if it does not.
    width, height
        Which share of the file's sides the entry's picture takes; 1 where the entry shows as much or more.
    """

    margin: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @property
    def shows_more(self) -> bool:
        """Whether the file is less cropped than the entry."""
        return self.margin >= LEAST_DEPTH


def lay_over(
    catalog: Catalog, picture: Picture, samples: Iterable[Sample], is_over: Callable[[], bool]
) -> Mapping[Key, Laid]:
    """Return the entries that show the same picture as a file, whole, in part, or more than it, of those that are looked at in time."""
    found: dict[Key, Laid] = {}
    for sample in samples:
        if is_over():
            break
        thumbnail = catalog.thumbnail(sample.dataset, sample.sample_key)
        decoded = None if thumbnail is None else decode(thumbnail, Limits())
        laid = _laid(picture, decoded.rgb, sample) if isinstance(decoded, Decoded) else None
        if laid is not None:
            found[sample.dataset, sample.sample_key] = laid
    return found


def _laid(picture: Picture, copy: Pixels, sample: Sample) -> Laid | None:
    placed = find_inside(picture.rgb, copy)
    if placed is None or not placed.is_sure:
        around = find_inside(copy, picture.rgb)
        return Laid() if around is not None and _is_likely(around) else None
    large = _is_large_enough(picture, placed, copy, sample)
    margin = shown_around(picture.rgb, placed) if large else 0.0
    return Laid(margin, placed.right - placed.left, placed.bottom - placed.top)


def _is_likely(around: Placed) -> bool:
    """Whether an entry seems to show more than the file: a doubt is held against the file."""
    return around.agreement >= LEAST_AGREEMENT and around.detail >= LEAST_DETAIL_AROUND


def _is_large_enough(picture: Picture, placed: Placed, copy: Pixels, sample: Sample) -> bool:
    """Whether the file has the copy's part in the copy's size at least, as far as that is known and the thumbnail shows all of the copy."""
    if not sample.width or not sample.height:
        return True
    rows, columns = copy.shape[:2]
    stretched = (sample.width / sample.height) / (columns / rows)
    wide = (placed.right - placed.left) * picture.width >= LEAST_SCALE * sample.width
    return abs(stretched - 1) <= SAME_SHAPE + 2 / min(rows, columns) and wide
