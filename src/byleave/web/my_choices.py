"""Filed choices as *My choices* shows them: what each means for its maker now, and what it covers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from byleave.catalog import Catalog
from byleave.consent import STEPS, ClaimState, Preference, Standing, TargetKind
from byleave.copies.covers import DatasetCover, covered_now, why_nothing
from byleave.registry.claims import Claim
from byleave.web.covered import Covered, not_looked_at
from byleave.web.entries import EntryName, Shower, cards_of_copies
from byleave.web.held_choices import why_held
from byleave.web.rendering import answer_words, day

CHOICES_PER_PAGE: Final = 20
TARGETS_LISTED: Final = 200
"""Targets of each choice that are looked at for a page of many."""

LIST_NUMBER = tuple[int, datetime] | None

COVER_WORDS: Final = {
    TargetKind.URL: "one link",
    TargetKind.PREFIX: "everything below a path",
    TargetKind.HOST: "a host",
    TargetKind.DOMAIN: "a whole domain",
    TargetKind.PICTURE: "a picture and its copies, wherever they stand",
    TargetKind.DIGEST: "one exact file",
    TargetKind.TEXT: "a text",
    TargetKind.SOUND: "a sound",
}

MANY_WORDS: Final = {
    TargetKind.URL: "links",
    TargetKind.PREFIX: "paths with everything below them",
    TargetKind.HOST: "hosts",
    TargetKind.DOMAIN: "whole domains",
    TargetKind.PICTURE: "pictures and their copies, wherever they stand",
    TargetKind.DIGEST: "exact files",
    TargetKind.TEXT: "texts",
    TargetKind.SOUND: "sounds",
}


@dataclass(frozen=True, slots=True)
class State:
    """Where a choice stands: one word for the eye, one sentence for what it means now."""

    word: str
    sentence: str
    tone: str


@dataclass(frozen=True, slots=True)
class MyChoice:
    """One filed choice, ready to show."""

    claim: Claim
    answer: str
    title: str
    picture: str | None
    state: State
    list_words: str
    covers: tuple[str, ...]
    covered: tuple[Covered, ...]
    can_undo: bool

    @property
    def id(self) -> str:
        return self.claim.id.hex()

    @property
    def entries(self) -> int:
        """Entries covered over all datasets."""
        return sum(one.entries for one in self.covered)


def show_choice(
    catalog: Catalog,
    shower: Shower,
    claim: Claim,
    last: LIST_NUMBER,
    at: datetime,
    *,
    is_replaced: bool = False,
) -> MyChoice:
    """Make one choice ready to show. ``last`` is number and time of the newest published list."""
    is_over = not STEPS[claim.state] & {ClaimState.EFFECTIVE, ClaimState.WITHDRAWN}
    covered = () if is_over or is_replaced else _covered(catalog, shower, claim)
    return MyChoice(
        claim,
        answer_words(claim.preferences),
        title_of(claim),
        _picture(shower, claim, covered),
        state_of(claim, at, is_replaced=is_replaced),
        list_words(claim, last),
        cover_words(claim),
        covered,
        ClaimState.WITHDRAWN in STEPS[claim.state],
    )


def cover_words(claim: Claim) -> tuple[str, ...]:
    """Say what a claim covers, by kind, with how many of each."""
    counts: Counter[TargetKind] = Counter()
    for one in claim.counts:
        counts[one.kind] += one.count
    return tuple(
        COVER_WORDS[kind] if count == 1 else f"{count:,} {MANY_WORDS[kind]}" for kind, count in counts.items()
    )


_LOOKED_AT: Final = "A person looks at it first; until then it touches nobody’s pictures."
_STILL_OPEN: Final = (
    "You can still say it for the links to the picture, or for a page or site that you control."
)
_ENDED_BY_HAND = frozenset({ClaimState.WITHDRAWN, ClaimState.REJECTED, ClaimState.ERASED})


def state_of(claim: Claim, at: datetime, *, is_replaced: bool = False) -> State:
    """Say what a choice means now."""
    if claim.expires_at is not None and claim.expires_at <= at and claim.state not in _ENDED_BY_HAND:
        return State(
            "Run out", f"Its end date, {day(claim.expires_at)}, has passed: it says nothing any more.", "off"
        )
    if is_replaced:
        return State("Replaced", "A later choice of yours about the same picture counts instead.", "off")
    match claim.state:
        case ClaimState.EFFECTIVE | ClaimState.FILED if claim.standing(at) is Standing.ACTS:
            return State("In force", _in_force(claim), "on")
        case ClaimState.EFFECTIVE | ClaimState.FILED:
            return State("Not confirmed yet", _waiting(claim), "waiting")
        case ClaimState.HELD:
            return State(
                "Held for a look",
                f"{why_held(claim.hold_reason)} {_LOOKED_AT}",
                "waiting",
            )
        case ClaimState.WITHDRAWN:
            when = f" on {day(claim.withdrawn_at)}" if claim.withdrawn_at else ""
            return State(
                "Undone", f"You took it back{when}: from the next published list on it says nothing.", "off"
            )
        case ClaimState.REJECTED:
            said = f" The reason given: {claim.hold_reason}" if claim.hold_reason else ""
            return State(
                "Turned down",
                f"A person looked at it and turned it down: it says nothing.{said} {_STILL_OPEN}",
                "off",
            )
        case ClaimState.EXPIRED:
            return State("Run out", "Its end date has passed: it says nothing any more.", "off")
        case ClaimState.ERASED:
            return State("Erased", "Everything about it was erased.", "off")


def list_words(claim: Claim, last: LIST_NUMBER) -> str:
    """Say whether the newest published list carries this choice."""
    listed = claim.state in {ClaimState.EFFECTIVE, ClaimState.FILED}
    is_in_step = last is not None and claim.number <= last[0]
    if not listed:
        if claim.state is ClaimState.HELD:
            return "Not in the published list while it is held."
        return (
            f"Gone from the published list since no. {last[0]}."
            if is_in_step and last
            else "Gone with the next published list."
        )
    if is_in_step and last:
        return f"In the published list no. {last[0]} of {day(last[1])}."
    return "It will be in the next published list, in a moment."


def _in_force(claim: Claim) -> str:
    match claim.preferences.strongest:
        case Preference.CONDITIONAL:
            return "Whoever follows the published list asks you first, and leaves this out until you agree."
        case Preference.ALLOW:
            return "Whoever follows the published list may use this as you said."
        case _:
            return "Whoever follows the published list leaves this out."


def _waiting(claim: Claim) -> str:
    if claim.preferences.strongest is Preference.ALLOW:
        return "A yes counts once you show that you control the page it stands on. Until then it changes nothing."
    return "It is published as waiting, and acts only where a trainer asks for such choices too."


def _covered(catalog: Catalog, shower: Shower, claim: Claim) -> tuple[Covered, ...]:
    return tuple(
        Covered(
            cover.dataset,
            cover.as_of,
            cover.samples,
            tuple(cards_of_copies(catalog, shower, cover.dataset, cover.copies)),
            _remark(claim, cover),
        )
        for cover in covered_now(catalog, claim)
    )


def _remark(claim: Claim, cover: DatasetCover) -> str:
    said = []
    if not cover.samples:
        said.append("Zero means: " + " ".join(why_nothing(claim.targets)))
    if len(claim.targets) < claim.target_count:
        said.append(f"Counted for the first {len(claim.targets):,} of {claim.target_count:,}.")
    return " ".join((*said, *not_looked_at(cover)))


def title_of(claim: Claim) -> str:
    """Return what a choice is about: the first thing it covers that has a name, and how many more of its kind there are."""
    labelled = [target for target in claim.targets if target.label]
    plain = [target for target in claim.targets if target.value and target.kind is not TargetKind.PICTURE]
    first = next(iter(labelled + plain), None)
    name, kind = (first.label or first.value, first.kind) if first else (None, TargetKind.PICTURE)
    others = sum(one.count for one in claim.counts if one.kind is kind) - 1
    return (name or "A picture") + (f" and {others:,} more" if others > 0 else "")


def _picture(shower: Shower, claim: Claim, covered: Sequence[Covered]) -> str | None:
    for target in claim.targets:
        if target.dataset and target.sample_key:
            name = EntryName(target.dataset, target.sample_key)
            return shower.picture(name, target.value, has_thumbnail=True)
    return next((card.picture for one in covered for card in one.cards if card.picture), None)
