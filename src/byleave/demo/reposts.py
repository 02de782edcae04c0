"""Simulated re-posts: what becomes of a picture when strangers pass it on, made by us and marked as such."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

from PIL import Image, ImageOps

from byleave.demo.drawings import slug
from byleave.demo.entries import Entry, RepostKind
from byleave.demo.vectors import encode

SEED = 2026
HOSTS = (
    "pinboard.example",
    "wallpapers.example",
    "cdn.news.example",
    "scrapbook.example",
    "free-pictures.example",
    "forum.hobby.example",
    "stickers.example",
)
CAPTIONS = (
    "{}",
    "{} free download",
    "cute {}",
    "{} wallpaper",
    "{} sticker",
    "best {} ever",
    "found this {}",
)
FRAMES = ((20, 20, 20), (250, 245, 230), (120, 30, 40), (30, 60, 110), (90, 90, 90))

RESIZED_TO = 0.5
LOW_QUALITY = 30
USUAL_QUALITY = 82
FRAME_SHARE = 0.08
CROPPED_AWAY = 0.25


def altered(jpeg: bytes, kind: RepostKind, chance: bytes) -> bytes:
    """Return the picture as such a re-post would show it: JPEG bytes without metadata.

    ``chance`` has at least 4 bytes and settles what varies: the colour of a frame, the place of a cut.
    """
    with Image.open(io.BytesIO(jpeg)) as opened:
        picture = opened.convert("RGB")
    match kind:
        case RepostKind.RESIZED:
            smaller = ImageOps.scale(picture, RESIZED_TO, Image.Resampling.LANCZOS)
            return encode(smaller, quality=USUAL_QUALITY)
        case RepostKind.RECOMPRESSED:
            return encode(picture, quality=LOW_QUALITY)
        case RepostKind.BORDERED:
            frame = round(max(picture.size) * FRAME_SHARE)
            return encode(
                ImageOps.expand(picture, frame, FRAMES[chance[0] % len(FRAMES)]), quality=USUAL_QUALITY
            )
        case RepostKind.MIRRORED:
            return encode(ImageOps.mirror(picture), quality=USUAL_QUALITY)
        case RepostKind.CROPPED:
            return encode(_cropped(picture, chance), quality=USUAL_QUALITY)


def _cropped(picture: Image.Image, chance: bytes) -> Image.Image:
    """Cut a quarter of each side off, at a place that chance settles."""
    width, height = (max(1, round(side * (1 - CROPPED_AWAY))) for side in picture.size)
    left = (picture.width - width) * chance[2] // 255
    top = (picture.height - height) * chance[3] // 255
    return picture.crop((left, top, left + width, top + height))


def reposts(
    originals: Sequence[tuple[Entry, bytes]], number: int, *, seed: int = SEED
) -> Iterator[tuple[Entry, bytes]]:
    """Yield ``number`` re-posts of as many originals as that takes: each kind once, every one on a host of its own.

    Originals and re-posts are pairs of an entry and its JPEG bytes. The same originals, number and seed give the same
    links and pictures.
    """
    by_chance = sorted(originals, key=lambda pair: _chance(seed, "choose", pair[0].url))
    kinds = tuple(RepostKind)
    for index in range(min(number, len(by_chance) * len(kinds))):
        turn, place = divmod(index, len(kinds))
        original, jpeg = by_chance[turn]
        chance = _chance(seed, kinds[place], original.url)
        reposted = altered(jpeg, kinds[place], chance)
        yield _entry(original, kinds[place], HOSTS[(turn + place) % len(HOSTS)], chance, reposted), reposted


def _entry(original: Entry, kind: RepostKind, host: str, chance: bytes, jpeg: bytes) -> Entry:
    with Image.open(io.BytesIO(jpeg)) as opened:
        width, height = opened.size
    page = f"{int.from_bytes(chance[4:8]) % 1_000_000:06d}-{slug(original.title) or 'picture'}"
    return replace(
        original,
        url=f"https://{host}/{page}.jpg",
        caption=CAPTIONS[chance[1] % len(CAPTIONS)].format(original.title),
        width=width,
        height=height,
        repost_kind=kind,
        repost_of=original.url,
    )


def _chance(seed: int, *parts: str) -> bytes:
    return hashlib.sha256("\0".join([str(seed), *parts]).encode()).digest()
