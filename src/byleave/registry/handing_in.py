"""Lists, exports and batches as they are handed in: how far each has come, what came of it, and that sending it again is harmless."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import NotFoundError
from byleave.registry.following_tables import HandedIn
from byleave.registry.lists import Reject
from byleave.registry.permissions import Act, Who, may, require

SHOWN_REJECTS = 20


class Kind(StrEnum):
    """What was handed in."""

    LIST = "list"
    BATCH = "batch"


class State(StrEnum):
    """How far it has come."""

    READING = "reading"
    FILED = "filed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Handed:
    """One thing that was handed in.

    done, total
        Lines read so far, and lines there are.
    claim
        The claim it became, once it is filed.
    """

    id: uuid.UUID
    account: uuid.UUID
    kind: Kind
    name: str
    state: State
    done: int
    total: int
    accepted: int
    rejected: int
    claim: bytes | None
    created_at: datetime


def take_in(
    session: Session,
    account: uuid.UUID,
    key: bytes,
    *,
    who: Who,
    kind: Kind,
    name: str,
    total: int,
    at: datetime,
) -> Handed:
    """Note that something is handed in, or return what became of it when the same was handed in before.

    Parameters
    ----------
    key
        32 bytes that are equal for the same content with the same answer, and otherwise not.
    """
    require(who, Act.FILE_CLAIM, account=account)
    new = insert(HandedIn).values(
        id=uuid.uuid4(),
        account_id=account,
        key=key,
        kind=kind.value,
        name=name,
        state=State.READING.value,
        done=0,
        total=total,
        accepted=0,
        rejected=0,
        created_at=at,
    )
    session.execute(new.on_conflict_do_nothing(index_elements=["account_id", "key"]))
    chosen = sa.select(HandedIn).where(HandedIn.account_id == account, HandedIn.key == key)
    return _handed(session.execute(chosen).scalar_one())


def begin_reading(session: Session, handed: uuid.UUID) -> Handed:
    """Wait until nobody else reads the same thing, until this transaction ends, and return how far it is."""
    number = int.from_bytes(hashlib.sha256(b"byleave/handed-in/1\0" + handed.bytes).digest()[:8], signed=True)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
    return _handed(session.get_one(HandedIn, handed, populate_existing=True))


def note_progress(session: Session, handed: uuid.UUID, done: int) -> None:
    """Note how many lines have been read."""
    session.execute(sa.update(HandedIn).where(HandedIn.id == handed).values(done=done))


def finish(
    session: Session,
    handed: uuid.UUID,
    state: State,
    *,
    done: int,
    accepted: int,
    rejects: Sequence[Reject],
    problem: str,
    claim: bytes | None,
    at: datetime,
) -> None:
    """Note what came of it; a ``problem`` with the whole of it stands before the lines, as line 0."""
    whole = [Reject(0, "", problem)] if problem else []
    session.execute(
        sa.update(HandedIn)
        .where(HandedIn.id == handed)
        .values(
            state=state.value,
            done=done,
            accepted=accepted,
            rejected=len(rejects),
            rejects=[[one.line, _storable(one.value), _storable(one.reason)] for one in (*whole, *rejects)],
            claim_id=claim,
            finished_at=at,
        )
    )


def handed_in(session: Session, handed: uuid.UUID, *, who: Who) -> Handed:
    """Return one thing that was handed in; a stranger's looks like one that does not exist."""
    return _handed(_row(session, handed, who))


def handed_in_of(session: Session, account: uuid.UUID, *, who: Who, limit: int = 20) -> tuple[Handed, ...]:
    """Return what an account handed in lately, newest first."""
    require(who, Act.SEE_CLAIM, account=account)
    chosen = sa.select(HandedIn).where(HandedIn.account_id == account)
    newest = chosen.order_by(HandedIn.created_at.desc(), HandedIn.id).limit(limit)
    return tuple(_handed(row) for row in session.execute(newest).scalars())


def rejects_of(session: Session, handed: uuid.UUID, *, who: Who, limit: int | None = None) -> list[Reject]:
    """Return the lines that could not be used, in order."""
    row = _row(session, handed, who)
    return [Reject(line, value, reason) for line, value, reason in row.rejects[:limit]]


def _row(session: Session, handed: uuid.UUID, who: Who) -> HandedIn:
    row = session.get(HandedIn, handed, populate_existing=True)
    if row is None or not may(who, Act.SEE_CLAIM, account=row.account_id):
        raise NotFoundError("nothing of that name was handed in here", remedy="look at your choices")
    return row


def _storable(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _handed(row: HandedIn) -> Handed:
    return Handed(
        row.id,
        row.account_id,
        Kind(row.kind),
        row.name,
        State(row.state),
        row.done,
        row.total,
        row.accepted,
        row.rejected,
        row.claim_id,
        row.created_at,
    )
