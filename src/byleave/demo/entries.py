"""One entry of the demo's dataset: an invented link to a real picture, and what is known to be true about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from byleave.demo.drawings import Drawing, slug


class RepostKind(StrEnum):
    """What was done to a picture before it was posted again."""

    RESIZED = "resized"
    RECOMPRESSED = "recompressed"
    BORDERED = "bordered"
    MIRRORED = "mirrored"
    CROPPED = "cropped"


COVERED_BY_PDQ = frozenset(set(RepostKind) - {RepostKind.CROPPED})
"""Kinds that PDQ in eight orientations, with the border and without, is made for.

A quarter cut off each side is not among them: measured on 240 originals it finds 2 in 100.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the dataset.

    url
        Invented, under a reserved ``.example`` host, so it leads nowhere.
    creator
        Who made the picture; a re-post keeps it as ground truth though its caption does not say.
    repost_kind, repost_of
        Set together for a simulated re-post: what was done, and the link of the original.
    """

    url: str
    caption: str
    title: str
    creator: str
    tags: tuple[str, ...]
    licence: str
    width: int
    height: int
    repost_kind: RepostKind | None = None
    repost_of: str | None = None

    @property
    def file(self) -> PurePosixPath:
        """Where its picture stands in the folder of pictures: host, then the path of the link."""
        return picture_file(self.url)


def picture_file(url: str) -> PurePosixPath:
    """Place one link's picture below its host: ``gallery-of-anita.example/works/plush-tux.jpg``."""
    return PurePosixPath(url.removeprefix("https://"))


def original_urls(drawings: Sequence[Drawing]) -> list[str]:
    """Invent one link per drawing: a site for each named maker, a page name from the title, never the same link twice."""
    taken: Counter[str] = Counter()
    urls = []
    for drawing in drawings:
        stem = f"https://gallery-of-{slug(drawing.creator)}.example/works/{slug(drawing.title) or 'untitled'}"
        taken[stem] += 1
        # The number is written with two hyphens, which no slug contains, so it never meets another title.
        urls.append(f"{stem}.jpg" if taken[stem] == 1 else f"{stem}--{taken[stem]}.jpg")
    return urls


def original_entry(drawing: Drawing, url: str, size: tuple[int, int]) -> Entry:
    """Describe one original as its maker's site would: title, maker and what is in it."""
    shown = ", ".join(tag for tag in drawing.tags if tag.casefold() != drawing.title.casefold())
    caption = f"{drawing.title} by {drawing.creator}" + (f": {shown}" if shown else "")
    return Entry(
        url=url,
        caption=caption,
        title=drawing.title,
        creator=drawing.creator,
        tags=drawing.tags,
        licence=drawing.licence,
        width=size[0],
        height=size[1],
    )
