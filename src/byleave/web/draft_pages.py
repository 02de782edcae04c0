"""A draft as its page shows it: what was found, in groups, and what each group covers now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from byleave.consent import TargetKind
from byleave.copies.covers import DatasetCover, covered_by, why_nothing
from byleave.registry.drafts import Draft, DraftTarget, counts, targets_of_draft
from byleave.web.covered import Covered, not_looked_at
from byleave.web.entries import EntryName, Shower, cards_of_copies
from byleave.web.site import Site

SHOWN: Final = 12
SHOWN_CARDS: Final = 8
LOOKED_AT: Final = 500
"""Targets of a group whose entries are counted for the page; of a longer group the page says so."""


@dataclass(frozen=True, slots=True)
class GroupKind:
    """A group of targets: its name in forms, its kinds, the kind that is counted, and the words for it."""

    name: str
    kinds: tuple[TargetKind, ...]
    title: str
    one: str
    many: str


GROUPS: Final = (
    GroupKind("pictures", (TargetKind.PICTURE, TargetKind.DIGEST), "Pictures", "picture", "pictures"),
    GroupKind("links", (TargetKind.URL,), "Links", "link", "links"),
    GroupKind("paths", (TargetKind.PREFIX,), "Profiles and paths", "address", "addresses"),
    GroupKind("sites", (TargetKind.DOMAIN, TargetKind.HOST), "Sites", "site", "sites"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One target on the page; ``picture`` is the address of something to show."""

    number: int
    title: str
    picture: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a draft: how many there are, the first of them, and what they cover now.

    nothing
        Why it covers nothing, where that can be said.
    counted
        How many of it the figures are about, where they are not about all.
    """

    kind: GroupKind
    count: int
    items: tuple[Item, ...]
    covered: tuple[Covered, ...]
    nothing: tuple[str, ...]
    counted: int


def groups_of(site: Site, session: Session, draft: Draft) -> tuple[Group, ...]:
    """Return the groups of a draft that have something in them."""
    there = counts(session, draft.id)
    found = []
    for kind in GROUPS:
        total = sum(there.get(one, 0) for one in kind.kinds)
        if total:
            chosen = targets_of_draft(session, draft.id, kinds=kind.kinds, limit=LOOKED_AT)
            shown = there.get(kind.kinds[0], 0) or total
            found.append(_group(site, kind, shown, total, chosen))
    return tuple(found)


def _group(site: Site, kind: GroupKind, shown: int, total: int, some: Sequence[DraftTarget]) -> Group:
    targets = [one.target for one in some]
    shower = Shower(site.settings.remote_pictures)
    covered = tuple(_covered(site, shower, one) for one in covered_by(site.catalog, targets))
    nothing = () if any(one.entries for one in covered) else why_nothing(targets)
    items = [
        _item(shower, one) for one in some if one.target.kind is kind.kinds[0] or kind.name != "pictures"
    ]
    if not items:
        items = [_item(shower, one) for one in some]
    counted = len(some) if len(some) < total else 0
    return Group(kind, shown, tuple(items[:SHOWN]), covered, nothing, counted)


def _covered(site: Site, shower: Shower, cover: DatasetCover) -> Covered:
    cards = cards_of_copies(site.catalog, shower, cover.dataset, cover.copies[:SHOWN_CARDS])
    remark = " ".join(not_looked_at(cover))
    return Covered(cover.dataset, cover.as_of, cover.samples, tuple(cards), remark)


def _item(shower: Shower, one: DraftTarget) -> Item:
    target = one.target
    picture = None
    if target.dataset and target.sample_key:
        name = EntryName(target.dataset, target.sample_key)
        link = f"https://{target.value}" if target.kind is TargetKind.URL else None
        picture = shower.picture(name, link, has_thumbnail=True)
    plain = target.value if target.kind is not TargetKind.PICTURE else None
    return Item(one.number, target.label or plain or "a picture", picture)
