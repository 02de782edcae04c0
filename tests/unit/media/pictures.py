"""Pictures to test with: generated, so that they are the same everywhere and nobody's."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

VECTORS = Path(__file__).parents[4] / "shared" / "vectors" / "pdq"
"""The published PDQ pictures; absent outside of the workshop."""


def photo(seed: int, size: tuple[int, int] = (900, 700)) -> Image.Image:
    """A picture with detail at all scales, as photographs have: noise of many sizes added up."""
    random = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for cells in range(2, 60, 4):
        noise = Image.fromarray(random.integers(0, 255, (cells, cells, 3), dtype=np.uint8))
        total += np.asarray(noise.resize(size, Image.Resampling.BICUBIC)) / cells
    total = (total - total.min()) / (total.max() - total.min()) * 255
    return Image.fromarray(total.astype(np.uint8))


def encoded(picture: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """The bytes of a file."""
    out = BytesIO()
    if form == "JPEG":
        options.setdefault("quality", 85)
    picture.save(out, form, **options)
    return out.getvalue()


def bordered(picture: Image.Image, colour: str, share: float = 0.1) -> Image.Image:
    """The picture in a frame whose width is a share of its longer side."""
    return ImageOps.expand(picture, round(max(picture.size) * share), colour)


def letterboxed(picture: Image.Image, height_to_width: float) -> Image.Image:
    """The picture between black bars that give it another shape."""
    width, height = picture.size
    if width * height_to_width > height:
        height = round(width * height_to_width)
    else:
        width = round(height / height_to_width)
    box = Image.new("RGB", (width, height), "black")
    box.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return box


FRAMES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "white border": lambda picture: bordered(picture, "white"),
    "black border": lambda picture: bordered(picture, "black"),
    "coloured border": lambda picture: bordered(picture, "#c81e5a"),
    "square letterbox": lambda picture: letterboxed(picture, 1),
    "wide letterbox": lambda picture: letterboxed(picture, 9 / 16),
    "tall letterbox": lambda picture: letterboxed(picture, 16 / 9),
}
"""What re-posts put around pictures."""
