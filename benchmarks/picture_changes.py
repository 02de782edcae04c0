"""What becomes of pictures that strangers pass on: 22 kinds of changes, from recompressed to a meme, each settled by a seed."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Picture = Image.Image
Chance = np.random.Generator
Change = Callable[[Picture, Chance], bytes]

USUAL_QUALITY = 85
SCREEN = (900, 640)


def encoded(picture: Picture, form: str = "JPEG", **options: object) -> bytes:
    """The bytes of a file; a JPEG of quality 85 unless told otherwise."""
    out = BytesIO()
    if form == "JPEG":
        options.setdefault("quality", USUAL_QUALITY)
    picture.save(out, form, **options)
    return out.getvalue()


def scaled(picture: Picture, across: float, down: float | None = None) -> Picture:
    down = across if down is None else down
    size = max(1, round(picture.width * across)), max(1, round(picture.height * down))
    return picture.resize(size, Image.Resampling.LANCZOS)


def cropped(picture: Picture, share: float, chance: Chance) -> Picture:
    """Take ``share`` off each side length, at a place that chance settles."""
    width, height = (max(1, round(side * (1 - share))) for side in picture.size)
    left, top = (
        int(chance.integers(0, side - rest + 1))
        for side, rest in zip(picture.size, (width, height), strict=True)
    )
    return picture.crop((left, top, left + width, top + height))


def jittered(picture: Picture, chance: Chance) -> Picture:
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(float(chance.uniform(0.7, 1.3)))
    return picture


def bordered(picture: Picture, chance: Chance) -> Picture:
    colour = tuple(int(part) for part in chance.integers(0, 256, 3))
    return ImageOps.expand(picture, round(0.1 * max(picture.size)), colour)


def letterboxed(picture: Picture) -> Picture:
    side = max(picture.size)
    box = Image.new("RGB", (side, side) if picture.width != picture.height else (side * 4 // 3, side))
    box.paste(picture, ((box.width - picture.width) // 2, (box.height - picture.height) // 2))
    return box


def captioned(picture: Picture, above: str, below: str = "") -> Picture:
    """Put bars with text over and under a picture."""
    bar = max(24, round(0.14 * picture.height))
    font = ImageFont.load_default(size=round(0.6 * bar))
    page = Image.new("RGB", (picture.width, picture.height + bar * (2 if below else 1)), "white")
    page.paste(picture, (0, bar))
    draw = ImageDraw.Draw(page)
    draw.text((bar // 4, bar // 6), above, "black", font)
    if below:
        draw.text((bar // 4, page.height - bar + bar // 6), below, "black", font)
    return page


def watermarked(picture: Picture) -> Picture:
    layer = Image.new("RGBA", picture.size)
    font = ImageFont.load_default(size=max(12, picture.width // 9))
    draw = ImageDraw.Draw(layer)
    for row in range(4):
        draw.text(
            (picture.width * 0.08, picture.height * (0.05 + 0.25 * row)),
            "sample sample",
            (255, 255, 255, 130),
            font,
        )
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def screenshot(picture: Picture, chance: Chance) -> Picture:
    """Show a picture on a page with other things around it."""
    page = Image.new("RGB", SCREEN, "#f5f5f5")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, SCREEN[0], 48), "#30343a")
    for line in range(12):
        draw.rectangle(
            (640, 90 + 38 * line, 640 + int(chance.integers(120, 230)), 100 + 38 * line), "#9aa0a6"
        )
    shown = scaled(picture, 460 / max(picture.size))
    page.paste(shown, (60, 90))
    return page


def meme(picture: Picture, chance: Chance) -> bytes:
    return encoded(
        captioned(cropped(ImageOps.mirror(picture), 0.15, chance), "when nobody", "asked you first"),
        quality=40,
    )


CHANGES: dict[str, Change] = {
    "saved again as JPEG, quality 30": lambda picture, _: encoded(picture, quality=30),
    "saved again as JPEG, quality 10": lambda picture, _: encoded(picture, quality=10),
    "a quarter of the size": lambda picture, _: encoded(scaled(picture, 0.25)),
    "WebP, quality 40": lambda picture, _: encoded(picture, "WEBP", quality=40),
    "GIF with 64 colours": lambda picture, _: encoded(picture.quantize(64), "GIF"),
    "blurred": lambda picture, _: encoded(picture.filter(ImageFilter.GaussianBlur(2))),
    "greyscale": lambda picture, _: encoded(picture.convert("L")),
    "colours shifted": lambda picture, chance: encoded(jittered(picture, chance)),
    "stretched by a third": lambda picture, _: encoded(scaled(picture, 1.33, 1)),
    "watermark": lambda picture, _: encoded(watermarked(picture)),
    "mirrored": lambda picture, _: encoded(ImageOps.mirror(picture)),
    "turned by 90°": lambda picture, _: encoded(picture.transpose(Image.Transpose.ROTATE_90)),
    "border of 10 %": lambda picture, chance: encoded(bordered(picture, chance)),
    "letterbox": lambda picture, _: encoded(letterboxed(picture)),
    "text above and below": lambda picture, _: encoded(captioned(picture, "look at this", "and share it")),
    "turned by 5°": lambda picture, _: encoded(
        picture.rotate(5, Image.Resampling.BICUBIC, fillcolor="white")
    ),
    "cropped by 10 %": lambda picture, chance: encoded(cropped(picture, 0.1, chance)),
    "cropped by 25 %": lambda picture, chance: encoded(cropped(picture, 0.25, chance)),
    "cropped by 25 % and mirrored": lambda picture, chance: encoded(
        ImageOps.mirror(cropped(picture, 0.25, chance))
    ),
    "cropped by 50 %": lambda picture, chance: encoded(cropped(picture, 0.5, chance)),
    "screenshot": lambda picture, chance: encoded(screenshot(picture, chance)),
    "meme: cropped, mirrored, text": meme,
}
"""In words that pages can show."""
