"""What a search page is asked, read from its address, and the answer from the catalog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from byleave.catalog import Answer, BothQuery, HitKind, Page, PictureQuery, Query, WordsQuery
from byleave.copies.samples import claimed_from_sample
from byleave.errors import InputError
from byleave.fingerprints import REVIEW_RADIUS, SAME_WORK_RADIUS
from byleave.web.asked_pictures import AskedPicture
from byleave.web.entries import Card, EntryName, Shower, cards_of_copies
from byleave.web.site import Site
from byleave.web.visitors import Visitor

PAGE_SIZE: Final = 24
MOST_PAGES: Final = 40
MOST_WORDS: Final = 500


@dataclass(frozen=True, slots=True)
class Question:
    """A search as an address carries it.

    picture
        Name of a picture kept in memory for this visitor.
    copies_of
        An entry whose copies are wanted.
    dataset, domain
        Where to look; empty for everywhere.
    """

    words: str = ""
    picture: str = ""
    copies_of: EntryName | None = None
    dataset: str = ""
    domain: str = ""
    page: int = 1

    @property
    def is_asked(self) -> bool:
        return bool(self.words or self.picture or self.copies_of)

    def address(self, *, page: int | None = None) -> str:
        """Return the address of this search, or of another page of it."""
        fields = {
            "q": self.words,
            "picture": self.picture,
            "copies": str(self.copies_of or ""),
            "dataset": self.dataset,
            "domain": self.domain,
            "page": str(page or self.page) if (page or self.page) > 1 else "",
        }
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"/?{query}" if query else "/"


@dataclass(frozen=True, slots=True)
class Results:
    """One page of an answer.

    total
        Entries over all pages.
    empty_text
        What to say when there are none.
    """

    question: Question
    cards: tuple[Card, ...]
    total: int
    searched: tuple[str, ...]
    as_of: datetime | None
    empty_text: str
    asked: AskedPicture | None = None

    @property
    def pages(self) -> int:
        return min(MOST_PAGES, -(-self.total // PAGE_SIZE))

    @property
    def first(self) -> int:
        """Number of the first entry shown, from 1."""
        return (self.question.page - 1) * PAGE_SIZE + 1

    @property
    def previous(self) -> str | None:
        """Address of the page before, if any."""
        page = self.question.page
        return self.question.address(page=page - 1) if page > 1 else None

    @property
    def next(self) -> str | None:
        """Address of the page after, if any."""
        page = self.question.page
        return self.question.address(page=page + 1) if page < self.pages else None


def read_question(words: str, picture: str, copies: str, dataset: str, domain: str, page: int) -> Question:
    """Read a question from the fields of an address."""
    if len(words) > MOST_WORDS:
        raise InputError("that is too much to search for", remedy=f"write at most {MOST_WORDS} characters")
    if not 1 <= page <= MOST_PAGES:
        raise InputError("there is no such page", remedy=f"ask for a page from 1 to {MOST_PAGES}")
    copies_of = EntryName.parse(copies) if copies else None
    return Question(words.strip(), picture, copies_of, dataset, domain.strip(), page)


def answer(site: Site, visitor: Visitor, question: Question) -> Results:
    """Search as asked."""
    shower = Shower(site.settings.remote_pictures)
    if question.copies_of is not None:
        return _copies(site, shower, question, question.copies_of)
    asked = site.asked_pictures.find(visitor.id, question.picture) if question.picture else None
    found = _search(site, question, asked, PAGE_SIZE, (question.page - 1) * PAGE_SIZE)
    return Results(
        question,
        tuple(shower.card_of_hit(hit) for hit in found.hits),
        found.total,
        found.searched,
        found.as_of,
        found.empty_text,
        asked,
    )


def sure_hits(
    site: Site, visitor: Visitor, question: Question, most: int
) -> tuple[tuple[EntryName, ...], int]:
    """Return the first entries that fit the words, or are the picture or a copy of it, and how many there are of all kinds.

    What only looks alike is left out: it is mostly somebody else's.
    """
    if question.copies_of is not None:
        picture = claimed_from_sample(site.catalog.sample(question.copies_of.dataset, question.copies_of.key))
        if picture is None:
            return (), 0
        names = [info.name for info in site.catalog.datasets() if question.dataset in {"", info.name}]
        copies = [
            EntryName(name, copy.sample_key)
            for name in names
            for copy in site.catalog.copies_of(picture, name, SAME_WORK_RADIUS)
        ]
        return tuple(copies[:most]), len(copies)
    asked = site.asked_pictures.find(visitor.id, question.picture) if question.picture else None
    found = _search(site, question, asked, most, 0)
    sure = [hit for hit in found.hits if hit.kind is not HitKind.LOOKALIKE]
    return tuple(EntryName(hit.dataset, hit.sample_key) for hit in sure), found.total


def _search(site: Site, question: Question, asked: AskedPicture | None, limit: int, offset: int) -> Answer:
    page = Page(
        limit=limit,
        offset=offset,
        datasets=(question.dataset,) if question.dataset else (),
        domain=question.domain or None,
    )
    if asked is None:
        return site.catalog.search(WordsQuery(question.words), page)
    # The file itself is gone: its reader answers with what was read from it when it came.
    query: Query = BothQuery(question.words, b"") if question.words else PictureQuery(b"")
    return site.catalog.search(query, page, reader=asked)


def _copies(site: Site, shower: Shower, question: Question, name: EntryName) -> Results:
    sample = site.catalog.sample(name.dataset, name.key)
    picture = claimed_from_sample(sample)
    if picture is None:
        raise InputError(
            "nobody here has seen the picture of this entry, so its copies cannot be looked for",
            remedy="search with the picture file itself",
        )
    infos = [info for info in site.catalog.datasets() if question.dataset in {"", info.name}]
    cards: list[Card] = []
    for info in infos:
        copies = site.catalog.copies_of(picture, info.name, REVIEW_RADIUS)
        cards += cards_of_copies(
            site.catalog, shower, info.name, copies[: PAGE_SIZE * MOST_PAGES], same_file=sample.digest
        )
    first = (question.page - 1) * PAGE_SIZE
    return Results(
        question,
        tuple(cards[first : first + PAGE_SIZE]),
        len(cards),
        tuple(info.name for info in infos),
        min((info.as_of for info in infos), default=None),
        "",
    )


def without_picture(question: Question) -> Question:
    """Return the same search by words alone."""
    return replace(question, picture="", copies_of=None, page=1)
