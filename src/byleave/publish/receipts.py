"""File, withdraw and erase so that the answer carries the receipt: stored, in the public log, and only then acknowledged."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from sqlalchemy.orm import Session

from byleave.errors import ConflictError, VerificationError
from byleave.log import HashReader, hash_reader
from byleave.publish.folders import log_folder
from byleave.publish.log_files import LogFiles
from byleave.publish.sequencer import Sequenced, integrate, refuse_other_past
from byleave.registry.changing import withdraw_claim
from byleave.registry.claims import SHOWN_TARGETS, Claim, claim_by_id
from byleave.registry.database import Database
from byleave.registry.erasure import erase_claim
from byleave.registry.events import OpenedEvent, open_event, open_events
from byleave.registry.filing import Filing, NewClaim, file_claims
from byleave.registry.permissions import Who
from byleave.registry.targets import Target
from byleave.release.receipts import Receipt, ReceiptTarget, make_receipt
from byleave.settings import Settings

KEPT_HASHES = 4_096

Guard = Callable[[Session, Sequence[Filing]], Sequence[Filing]]
"""Looks at what is about to be filed, in the transaction of the filing, and says what a person should see first."""

Also = Callable[[Session], object]
"""What else is to be stored in the transaction of a filing or a change."""

Step = Callable[[Session], Sequence[Claim]]
"""Changes claims, each by one event, and returns them."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A claim after an operation, and the receipt for that operation."""

    claim: Claim
    receipt: Receipt


def file_with_receipt(
    database: Database, settings: Settings, new: NewClaim, *, who: Who, account: uuid.UUID, at: datetime
) -> Acknowledged:
    """File one claim; when this returns, its event is in the public log."""
    return file_all_with_receipts(database, settings, [Filing(new, account)], who=who, at=at)[0]


def file_all_with_receipts(
    database: Database,
    settings: Settings,
    filings: Sequence[Filing],
    *,
    who: Who,
    at: datetime,
    guard: Guard | None = None,
    also: Also | None = None,
) -> tuple[Acknowledged, ...]:
    """File many claims, all or none; when this returns, their events are in the public log.

    ``guard`` and ``also`` are called in the same transaction, before and after.

    Raises
    ------
    ConflictError
        Before anything is filed, if the published log is ahead of this registry.
    """
    with database.transaction() as session:
        refuse_other_past(session, settings)
        seen = filings if guard is None else guard(session, filings)
        claims = file_claims(session, seen, who=who, at=at)
        if also is not None:
            also(session)
    return acknowledge(database, settings, claims, at=at, event_of=attrgetter("answered"))


def withdraw_with_receipt(
    database: Database,
    settings: Settings,
    claim_id: bytes,
    *,
    who: Who,
    at: datetime,
    also: Also | None = None,
) -> Acknowledged:
    """Withdraw one claim; when this returns, its event is in the public log. ``also`` is called in the same transaction."""
    (done,) = step_with_receipts(
        database,
        settings,
        lambda session: [withdraw_claim(session, claim_id, who=who, at=at)],
        at=at,
        also=also,
    )
    return done


def erase_with_receipt(
    database: Database, settings: Settings, claim_id: bytes, *, who: Who, at: datetime
) -> Acknowledged:
    """Erase one claim; when this returns, its event is in the public log."""
    (done,) = step_with_receipts(
        database, settings, lambda session: [erase_claim(session, claim_id, who=who, at=at)], at=at
    )
    return done


def step_with_receipts(
    database: Database, settings: Settings, step: Step, *, at: datetime, also: Also | None = None
) -> tuple[Acknowledged, ...]:
    """Take a step with one claim or many, all or none; when this returns, its events are in the public log.

    ``also`` is called in the same transaction, after it.
    """
    with database.transaction() as session:
        refuse_other_past(session, settings)
        claims = step(session)
        if also is not None:
            also(session)
    return acknowledge(database, settings, claims, at=at)


def acknowledge(
    database: Database,
    settings: Settings,
    claims: Iterable[Claim],
    *,
    at: datetime,
    event_of: Callable[[Claim], int] = attrgetter("number"),
) -> tuple[Acknowledged, ...]:
    """Bring what was just stored into the public log and return each claim with a receipt.

    ``event_of`` says which of its events the receipt is for: its newest one, unless said otherwise. A claim that is held has one more
    after the one that says what it covers.
    """
    found = tuple(claims)
    log = integrate(database, settings, at=at)
    with database.transaction() as session:
        events = open_events(session, [event_of(claim) for claim in found])
    by_number = {opened.event.number: opened for opened in events}
    read = _reader(settings, log)
    return tuple(
        Acknowledged(claim, _receipt(by_number[event_of(claim)], _all_targets(claim), log, read))
        for claim in found
    )


def receipt_of(database: Database, settings: Settings, claim_id: bytes, *, who: Who, at: datetime) -> str:
    """Return the receipt of a claim's newest event, against the newest checkpoint with all its cosignatures.

    Raises
    ------
    NotFoundError
        If ``who`` sees no such claim.
    """
    log = integrate(database, settings, at=at)
    with database.transaction() as session:
        claim = claim_by_id(session, claim_id, who=who, most=SHOWN_TARGETS)
        opened = _newest(session, claim)
    return _receipt(opened, _all_targets(claim), log, _reader(settings, log)).to_text()


def receipt_of_event(database: Database, settings: Settings, number: int, *, at: datetime) -> str:
    """Return the receipt of one event that is about no claim, such as a signed statement, against the newest checkpoint."""
    log = integrate(database, settings, at=at)
    with database.transaction() as session:
        (opened,) = open_events(session, [number])
    return _receipt(opened, (), log, _reader(settings, log)).to_text()


def _all_targets(claim: Claim) -> tuple[Target, ...]:
    """Return the targets for a receipt: all of them, or none where they are too many to have been read."""
    return claim.targets if len(claim.targets) == claim.target_count else ()


def _newest(session: Session, claim: Claim) -> OpenedEvent:
    opened = open_event(session, claim.id)
    if opened is None:
        raise VerificationError(
            f"the claim {claim.id.hex()} has no event", remedy="restore the registry from a backup"
        )
    return opened


def _reader(settings: Settings, log: Sequenced | None) -> HashReader:
    files = LogFiles(log_folder(settings))
    read = hash_reader(log.checkpoint.size if log else 0, files.read)
    return lru_cache(maxsize=KEPT_HASHES)(read)  # the proofs of a batch share most of their hashes


def _receipt(
    opened: OpenedEvent, targets: Sequence[Target], log: Sequenced | None, read: HashReader
) -> Receipt:
    event, record, salt = opened.event, opened.record, opened.salt
    if log is None or event.number > log.checkpoint.size:
        raise VerificationError(
            f"claim event {event.number} is not in the log", remedy="run `byleave log rebuild`"
        )
    if record is None or salt is None:
        raise ConflictError("this claim was erased: nothing is left to show", remedy="nothing is left to do")
    covered = targets if "targets_root" in record else ()
    return make_receipt(
        event,
        record,
        salt,
        [ReceiptTarget(target.kind, target.digest) for target in covered],
        checkpoint=log.checkpoint,
        note=log.note,
        read=read,
    )
