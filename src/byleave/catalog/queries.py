"""What can be asked of the catalog, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from byleave.datasets import JSON


@dataclass(frozen=True, slots=True)
class WordsQuery:
    """Find captions, creators and tags by words and by meaning."""

    words: str


@dataclass(frozen=True, slots=True)
class PictureQuery:
    """Find a picture, its copies and what looks like it. ``encoded`` is a file as uploaded; it stays in memory."""

    encoded: bytes


@dataclass(frozen=True, slots=True)
class BothQuery:
    """Find by words and by a picture at once: copies first, then what both agree on."""

    words: str
    encoded: bytes


Query = WordsQuery | PictureQuery | BothQuery


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the answer, and where to look.

    datasets
        Names to search, or none for all.
    domain
        A domain or host; hosts below it count as well.
    """

    limit: int = 20
    offset: int = 0
    datasets: tuple[str, ...] = ()
    domain: str | None = None


class HitKind(StrEnum):
    """How a hit was found, from the same bytes to the same words; a better kind always comes first."""

    EXACT = "exact"
    COPY = "copy"
    LOOKALIKE = "lookalike"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Hit:
    """One sample that answers the query.

    distance
        PDQ bits of 256 that differ, where compared: 0 to 31 for a copy, 32 to 50 for a lookalike worth a person's look.
    score
        Larger is better; comparable within one kind of one answer. Cosine for lookalikes, reciprocal rank for words.
    """

    dataset: str
    sample_key: bytes
    item_id: bytes
    url: str | None
    host: str | None
    caption: str | None
    kind: HitKind
    distance: int | None
    score: float
    width: int | None
    height: int | None
    has_thumbnail: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of hits.

    searched
        Names of the datasets looked at.
    as_of
        The oldest date of them, or ``None`` when there is none.
    total
        Hits over all pages.
    """

    hits: tuple[Hit, ...]
    searched: tuple[str, ...]
    as_of: datetime | None
    total: int

    @property
    def empty_text(self) -> str:
        """What to say when nothing was found: neither more nor less than is known."""
        date = f"{self.as_of:%Y-%m-%d}" if self.as_of else "today"
        return (
            f"Not found in the {len(self.searched)} datasets searched here (as of {date}). That does not mean it was "
            "never used. You can still say no now, and be told if it turns up."
        )


@dataclass(frozen=True, slots=True)
class Copy:
    """A sample whose picture is within a PDQ radius of a claimed one."""

    sample_key: bytes
    item_id: bytes
    distance: int
    url: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything a dataset's table says of one sample, but vectors and thumbnail."""

    dataset: str
    sample_key: bytes
    item_id: bytes
    url: str | None
    canonical_url: str | None
    host: str | None
    domain: str | None
    caption: str | None
    metadata: dict[str, JSON]
    creator: str | None
    rights: str | None
    width: int | None
    height: int | None
    digest: bytes | None
    pdq: bytes | None
    pdq_trimmed: bytes | None
    picture_version: str | None
    quality: int | None
    unsafe_score: float | None
    has_thumbnail: bool
