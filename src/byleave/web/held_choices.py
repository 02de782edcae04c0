"""Held choices as the review page shows them: why each waits, the picture it is about, and which pictures it would touch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from byleave.catalog import Catalog, FoundWork
from byleave.consent import TargetKind
from byleave.copies.guard import Stopwatch
from byleave.errors import NotFoundError
from byleave.fingerprints import PICTURE_VERSION, SAME_WORK_RADIUS, ClaimedPicture
from byleave.registry.claims import Claim
from byleave.registry.negative import commons
from byleave.registry.targets import Target
from byleave.registry.thresholds import HoldReason
from byleave.web.entries import Card, EntryName, Shower, samples_of
from byleave.web.rendering import answer_words

HELD_PER_PAGE: Final = 5
SHOWN_PICTURES: Final = 4
SHOWN_WORKS: Final = 12
COMPARED_PICTURES: Final = 200
COMPARING_SECONDS: Final = 3.0

WHY: Final[Mapping[str, str]] = {
    HoldReason.FLAT: "The picture is so plain that strangers’ pictures have nearly the same match code.",
    HoldReason.CROWDED: "The match code of one picture meets several different pictures, which may be other people’s.",
    HoldReason.COMMON: "The picture is on the list of those that many people use, such as backgrounds and test cards.",
    HoldReason.HOSTS: "Copies of the picture stand on very many sites, and no page of the claimant is confirmed yet.",
    HoldReason.BURST: "Very many choices were made in a short time.",
    HoldReason.COMPARING: "There are so many pictures that comparing them takes a while. Nobody has to look: it goes on by itself.",
    HoldReason.DISPUTED: "Somebody disagrees with it.",
}
"""Why a choice is held, in one sentence for everybody who may read it."""

OTHER: Final = "A person was asked to look at it first."


@dataclass(frozen=True, slots=True)
class TouchedPicture:
    """One of the different pictures that a choice would touch, and how many entries show it."""

    card: Card
    copies: int


@dataclass(frozen=True, slots=True)
class HeldPicture:
    """One picture of a held choice.

    preview
        Address of what may be shown of it: of the entry it was chosen from, or of the copy nearest to it.
    common
        Name of the part of the negative list it is in, or empty.
    works
        How many different pictures it meets in all datasets.
    """

    title: str
    preview: str | None
    is_flat: bool
    common: str
    works: int
    touched: tuple[TouchedPicture, ...]


@dataclass(frozen=True, slots=True)
class HeldChoice:
    """One held choice, ready to be looked at. ``pictures`` are those that meet most; ``others`` counts the rest."""

    claim: Claim
    answer: str
    why: str
    waited: timedelta
    pictures: tuple[HeldPicture, ...]
    others: int
    links: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.claim.id.hex()


def why_held(reason: str | None) -> str:
    """Say in a sentence why a choice is held."""
    return WHY.get(reason or "", OTHER)


def show_held(catalog: Catalog, session: Session, shower: Shower, claim: Claim, at: datetime) -> HeldChoice:
    """Make one held choice ready to be looked at. Of many pictures only the first few hundred are compared, for a few seconds."""
    chosen = [one for one in claim.targets if one.kind is TargetKind.PICTURE and one.value is not None]
    compared = chosen[:COMPARED_PICTURES]
    pictures = [ClaimedPicture.parse(one.value or "") for one in compared]
    common = commons(session, pictures)
    works = _works(catalog, pictures)
    order = sorted(range(len(pictures)), key=lambda place: (place not in common, -_count(works[place])))
    shown = tuple(
        _picture(catalog, shower, compared[place], pictures[place], common.get(place, ""), works[place])
        for place in order[:SHOWN_PICTURES]
    )
    return HeldChoice(
        claim,
        answer_words(claim.preferences),
        why_held(claim.hold_reason),
        at - (claim.held_at or claim.filed_at),
        shown,
        len(chosen) - len(shown),
        tuple(one.value for one in claim.targets if one.kind is not TargetKind.PICTURE and one.value)[
            :SHOWN_WORKS
        ],
    )


_Works = Mapping[str, Sequence[FoundWork]]


def _works(catalog: Catalog, pictures: Sequence[ClaimedPicture]) -> list[dict[str, Sequence[FoundWork]]]:
    """Return, for each picture, dataset → the works it meets there."""
    found: list[dict[str, Sequence[FoundWork]]] = [{} for _ in pictures]
    watch = Stopwatch(COMPARING_SECONDS)
    usable = [place for place, picture in enumerate(pictures) if picture.version == PICTURE_VERSION]
    for info in catalog.datasets():
        if info.with_pictures == 0 or info.models.get("fingerprint") != PICTURE_VERSION:
            continue
        answers = catalog.works_of((pictures[place] for place in usable), info.name, SAME_WORK_RADIUS)
        for place, works in zip(usable, answers, strict=True):
            found[place][info.name] = works
            if watch.is_over:
                return found
    return found


def _count(works: _Works) -> int:
    return sum(len(found) for found in works.values())


def _picture(
    catalog: Catalog, shower: Shower, target: Target, picture: ClaimedPicture, common: str, works: _Works
) -> HeldPicture:
    met = sorted(
        ((work, dataset) for dataset, found in works.items() for work in found),
        key=lambda pair: (pair[0].distance, pair[1], pair[0].sample_key),
    )[:SHOWN_WORKS]
    touched = tuple(_touched(catalog, shower, dataset, work) for work, dataset in met)
    shown = tuple(one for one in touched if one is not None)
    preview = next((one.card.picture for one in shown if one.card.picture), None)
    if target.dataset and target.sample_key:
        own = EntryName(target.dataset, target.sample_key)
        preview = shower.picture(own, None, has_thumbnail=True) or preview
    return HeldPicture(target.label or "A picture", preview, picture.is_flat, common, _count(works), shown)


def _touched(catalog: Catalog, shower: Shower, dataset: str, work: FoundWork) -> TouchedPicture | None:
    try:
        (sample,) = samples_of(catalog, [EntryName(dataset, work.sample_key)])
    except NotFoundError:  # the entry went away between the two looks
        return None
    return TouchedPicture(shower.card_of_sample(sample), work.copies)
