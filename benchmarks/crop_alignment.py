"""How often a file that shows more than a copy is known for it, and how often a padded copy passes for such a file.

    python benchmarks/crop_alignment.py FOLDER... [--pictures 60] [--seed 1]

Each picture is cropped at random, scaled down, recompressed and kept as the thumbnail a dataset has. Then the whole picture is offered
(rejecting it is wrong), copies that were padded in many ways, and other pictures (accepting one is wrong).
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from byleave.media import Picture, describe
from byleave.media.alignment import find_inside
from byleave.media.decode import decode
from byleave.media.margins import LEAST_DEPTH, shown_around
from byleave.settings import Limits

LIMITS = Limits()
KEPT = (0.95, 0.9, 0.8, 0.65, 0.5, 0.35)
PADDED = 0.15
ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
LONG_SIDE = 1600

Image.MAX_IMAGE_PIXELS = None


def described(picture: Image.Image, quality: int = 92) -> Picture:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    found = describe(out.getvalue(), limits=LIMITS)
    assert isinstance(found, Picture)
    return found


def thumbnail_pixels(picture: Image.Image, quality: int) -> np.ndarray:
    kept = decode(described(picture, quality).thumbnail or b"", LIMITS)
    return kept.rgb  # type: ignore[union-attr]  # a thumbnail of our own


def opened(path: Path) -> Image.Image:
    with Image.open(path) as file:
        file.draft("RGB", (LONG_SIDE, LONG_SIDE))
        picture = file.convert("RGB")
    picture.thumbnail((LONG_SIDE, LONG_SIDE))
    return picture


def cropped(picture: Image.Image, kept: float, chance: np.random.Generator) -> tuple[Image.Image, float]:
    """Return a crop as a dataset might have it, and the deepest margin it leaves."""
    width, height = (max(1, round(side * kept)) for side in picture.size)
    left, top = (
        int(chance.integers(0, room + 1)) for room in (picture.width - width, picture.height - height)
    )
    part = picture.crop((left, top, left + width, top + height))
    scale = min(1.0, int(chance.choice([256, 512, 800])) / max(part.size))
    part = part.resize((max(1, round(part.width * scale)), max(1, round(part.height * scale))))
    right, bottom = picture.width - width - left, picture.height - height - top
    return part, max(
        left / picture.width, right / picture.width, top / picture.height, bottom / picture.height
    )


def padded(
    copy: Image.Image, other: Image.Image, chance: np.random.Generator
) -> Iterator[tuple[str, Image.Image]]:
    """Yield what somebody might hand in who has the copy alone."""
    edge = round(PADDED * max(copy.size))
    size = copy.width + 2 * edge, copy.height + 2 * edge
    pixels = np.asarray(copy)

    def on(ground: Image.Image) -> Image.Image:
        ground = ground.copy()
        ground.paste(copy, (edge, edge))
        return ground

    def widened(mode: str, noise: float = 0.0) -> Image.Image:
        wide = np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)), mode=mode).astype(float)  # type: ignore[call-overload]  # a mode by name
        wide += chance.normal(0, noise, (*wide.shape[:2], 1)) if noise else 0
        return on(Image.fromarray(np.clip(wide, 0, 255).astype(np.uint8)))

    zoomed = copy.resize(size)
    yield "one colour", on(Image.new("RGB", size, (200, 180, 40)))
    yield "even shades", on(Image.linear_gradient("L").resize(size).convert("RGB"))
    yield "blurred", on(zoomed.filter(ImageFilter.GaussianBlur(edge / 3)))
    yield "blurred a little", on(zoomed.filter(ImageFilter.GaussianBlur(3 * max(copy.size) / 256)))
    yield "enlarged behind itself", on(zoomed)
    yield "mirrored", widened("symmetric")
    yield "mirrored, with noise", widened("symmetric", 15)
    yield "repeated", widened("wrap")
    yield "edges drawn out", widened("edge")
    yield "edges drawn out, with noise", widened("edge", 15)
    yield "noise", on(Image.fromarray(chance.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)))
    yield "on another picture", on(other.resize(size))
    page = Image.new("RGB", (copy.width, copy.height + edge), "white")
    page.paste(copy, (0, edge))
    words = ImageDraw.Draw(page)
    words.text(
        (5, 5),
        "when you find your own picture",
        fill="black",
        font=ImageFont.load_default(size=max(10, edge // 2)),
    )
    yield "under a line of text", page


def accepts(whole: np.ndarray, copy: np.ndarray) -> tuple[bool, bool]:
    """Return whether the copy was found inside the file, and whether the file counts as showing more."""
    placed = find_inside(whole, copy)
    sure = placed is not None and placed.is_sure
    return sure, sure and shown_around(whole, placed) >= LEAST_DEPTH  # type: ignore[arg-type]  # sure means found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--pictures", type=int, default=60)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    chance = np.random.default_rng(asked.seed)
    found = sorted(
        path for folder in asked.folders for path in folder.rglob("*") if path.suffix.lower() in ENDINGS
    )
    paths = [found[number] for number in chance.permutation(len(found))[: asked.pictures]]
    counts: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    begun, tried = time.perf_counter(), 0
    before: tuple[Image.Image, np.ndarray] | None = None
    for path in paths:
        picture = opened(path)
        whole = described(picture).rgb
        for kept in KEPT:
            part, margin = cropped(picture, kept, chance)
            copy = thumbnail_pixels(part, int(chance.integers(60, 92)))
            deep = "shows more" if margin >= LEAST_DEPTH else "shows less than the least margin more"
            counts[f"{deep}: {kept:.0%} kept"].append(accepts(whole, copy))
            tried += 1
            if kept == 0.8 and before is not None:
                for way, file in padded(part, before[0], chance):
                    counts[f"padded: {way}"].append(accepts(described(file).rgb, copy))
                    tried += 1
                counts["another picture"].append(accepts(before[1], copy))
            if kept == 0.5:
                counts["the same, not cropped"].append(accepts(whole, thumbnail_pixels(picture, 80)))
        before = picture, whole
    seconds = (time.perf_counter() - begun) / max(1, tried)
    print(f"{len(paths)} pictures, {seconds:.2f} s for each comparison with its reading")
    for name, answers in sorted(counts.items()):
        aligned, accepted = (sum(answer[part] for answer in answers) for part in (0, 1))
        print(
            f"{name:45} {len(answers):5} tried  {aligned:5} found inside  {accepted:5} accepted  {accepted / len(answers):6.1%}"
        )


if __name__ == "__main__":
    main()
