"""A draft becomes claims: one for each legal act, and the few pictures that a person must see first apart from all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from byleave.consent import TargetKind
from byleave.copies.guard import JUDGE, Stopwatch, guarded, reason_to_hold
from byleave.errors import InputError
from byleave.fingerprints import ClaimedPicture
from byleave.publish.receipts import Acknowledged, file_all_with_receipts
from byleave.registry.drafts import Draft, all_targets, draft_of, note_filed
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.jobs import defer
from byleave.registry.sign_in import SignedIn
from byleave.registry.targets import Target
from byleave.registry.thresholds import THRESHOLDS, HoldReason
from byleave.web.choices import ask_for_list
from byleave.web.site import Site

_ABOUT_ALL = frozenset({HoldReason.BURST.value, HoldReason.COMPARING.value})
"""Reasons that are about everything somebody files, not about single pictures."""


def file_draft(
    site: Site, draft: Draft, claims: Sequence[NewClaim], *, person: SignedIn, visitor: str
) -> tuple[Acknowledged, ...]:
    """File everything in a draft, once; when this returns, the public log has it, and each claim comes with its receipt.

    Raises
    ------
    InputError
        If the draft is empty.
    FiledBeforeError
        If it was filed a moment ago.
    """
    with site.database.transaction() as session:
        targets = tuple(all_targets(session, draft.id))
    if not targets:
        raise InputError("nothing was chosen", remedy="add a picture, a link, a profile or a site first")
    plain, flat = apart(targets)
    filings = [
        Filing(replace(claim, targets=some), person.account)
        for claim in claims
        for some in (plain, flat)
        if some
    ]
    at = site.clock()

    def guard(session: Session, handed: Sequence[Filing]) -> Sequence[Filing]:
        draft_of(session, draft.id, visitor, at=at, lock=True)
        seen = guarded(site.catalog, session, handed, who=person.who, at=at)
        return [one for filing in seen for one in parted(site, session, filing, at)]

    def also(session: Session) -> None:
        note_filed(session, draft.id, at=at)
        ask_for_list(session)

    return file_all_with_receipts(
        site.database, site.settings, filings, who=person.who, at=at, guard=guard, also=also
    )


def apart(targets: Sequence[Target]) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
    """Return targets that can act at once, and pictures too flat to be told from strangers'.

    A flat picture whose exact file is named as well is left out: the file can act at once, its match code never could.
    """
    files = {target.label for target in targets if target.kind is TargetKind.DIGEST}
    flat = [target for target in targets if _is_flat(target)]
    keys = {(target.kind, target.digest) for target in flat}
    plain = tuple(target for target in targets if (target.kind, target.digest) not in keys)
    return plain, tuple(target for target in flat if target.label is None or target.label not in files)


def parted(site: Site, session: Session, filing: Filing, at: datetime) -> list[Filing]:
    """Part a filing that waits because of some of its pictures: these wait alone, and all others act at once."""
    pictures = [target for target in filing.new.targets if target.kind is TargetKind.PICTURE]
    if filing.hold is None or filing.hold in _ABOUT_ALL or len(pictures) < 2:
        return [filing]
    watch = Stopwatch(THRESHOLDS.comparing_seconds)
    held: dict[str, list[Target]] = {}
    for picture in pictures:
        reason = reason_to_hold(site.catalog, session, [picture], at=at, watch=watch)
        if reason is not None:
            held.setdefault(reason, []).append(picture)
    waiting = {target.digest for some in held.values() for target in some}
    free = tuple(
        one for one in filing.new.targets if one.kind is not TargetKind.PICTURE or one.digest not in waiting
    )
    parts = [
        replace(filing, new=replace(filing.new, targets=tuple(some)), hold=reason)
        for reason, some in held.items()
    ]
    if HoldReason.COMPARING.value in held:
        defer(session, JUDGE, queueing_lock=JUDGE)
    if free:
        parts.insert(0, replace(filing, new=replace(filing.new, targets=free), hold=None))
    return parts


def _is_flat(target: Target) -> bool:
    return (
        target.kind is TargetKind.PICTURE
        and target.value is not None
        and ClaimedPicture.parse(target.value).is_flat
    )
