"""What a draft or a choice covers in one dataset, as pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from byleave.copies.covers import DatasetCover
from byleave.web.entries import Card


@dataclass(frozen=True, slots=True)
class Covered:
    """What is covered in one dataset; ``remark`` explains a zero and what could not be looked at."""

    dataset: str
    as_of: datetime
    entries: int
    cards: tuple[Card, ...]
    remark: str


def not_looked_at(cover: DatasetCover) -> list[str]:
    """Say which copies cannot be known, a sentence each."""
    said = []
    if cover.compared < cover.pictures:
        said.append(
            f"{cover.compared:,} of {cover.pictures:,} pictures were compared in the time of this page."
        )
    if cover.pictures and cover.without_pictures:
        said.append(
            f"{cover.without_pictures:,} entries of this dataset are links whose pictures nobody here has seen, "
            "so copies among them cannot be known."
        )
    return said
