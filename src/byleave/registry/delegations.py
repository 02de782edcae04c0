"""Delegations: an artist lets an organisation act for her on her choices, and ends it in one step."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import NotFoundError
from byleave.registry.account_tables import Account, Delegation
from byleave.registry.audit import AuditKind, DelegationDetails, record
from byleave.registry.identity import nameless
from byleave.registry.organisations import organisation_by_id
from byleave.registry.permissions import Act, Who, require


@dataclass(frozen=True, slots=True)
class Delegated:
    """One side of a delegation, seen from the other: an organisation, or an artist by the name she shows, if any."""

    account: uuid.UUID
    name: str
    granted_at: datetime


def let_act(session: Session, organisation: uuid.UUID, *, who: Who, at: datetime) -> None:
    """Let an organisation act for the person who asks, on her choices. Letting it again changes nothing.

    Raises
    ------
    NotFoundError
        If there is no such organisation.
    """
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    organisation_by_id(session, organisation)
    made = session.execute(
        insert(Delegation)
        .values(
            id=uuid.uuid4(),
            artist_id=who.account,
            organisation_id=organisation,
            granted_at=at,
            ended_at=None,
        )
        .on_conflict_do_nothing(
            index_elements=["artist_id", "organisation_id"], index_where=sa.text("ended_at IS NULL")
        )
        .returning(Delegation.id)
    )
    if made.one_or_none() is not None:
        _note(session, AuditKind.DELEGATION_GRANTED, who.account, organisation, who, at)


def end_delegation(session: Session, organisation: uuid.UUID, *, who: Who, at: datetime) -> None:
    """Let an organisation act for the person who asks no longer; what it filed for her stays, and is hers to change."""
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    _end(session, who.account, organisation, who, at)


def give_up_delegation(
    session: Session, organisation: uuid.UUID, artist: uuid.UUID, *, who: Who, at: datetime
) -> None:
    """Stop acting for an artist, from the organisation's side."""
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    _end(session, artist, organisation, who, at)


def agents_of(session: Session, *, who: Who) -> tuple[Delegated, ...]:
    """Return the organisations that may act for the person who asks, newest first."""
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    chosen = (
        sa.select(Account.id, Account.name, Delegation.granted_at)
        .join(Delegation, Delegation.organisation_id == Account.id)
        .where(Delegation.artist_id == who.account, Delegation.ended_at.is_(None))
        .order_by(Delegation.granted_at.desc(), Account.id)
    )
    return tuple(
        Delegated(row.id, row.name or "An organisation", row.granted_at) for row in session.execute(chosen)
    )


def artists_of(session: Session, organisation: uuid.UUID, *, who: Who) -> tuple[Delegated, ...]:
    """Return the artists that an organisation may act for, newest first; never by their addresses."""
    require(who, Act.SEE_ORGANISATION, account=organisation)
    chosen = (
        sa.select(Account.id, Account.name, Delegation.granted_at)
        .join(Delegation, Delegation.artist_id == Account.id)
        .where(Delegation.organisation_id == organisation, Delegation.ended_at.is_(None))
        .order_by(Delegation.granted_at.desc(), Account.id)
    )
    return tuple(
        Delegated(row.id, row.name or nameless(row.id), row.granted_at) for row in session.execute(chosen)
    )


def _end(session: Session, artist: uuid.UUID | None, organisation: uuid.UUID, who: Who, at: datetime) -> None:
    ended = session.execute(
        sa.update(Delegation)
        .where(
            Delegation.artist_id == artist,
            Delegation.organisation_id == organisation,
            Delegation.ended_at.is_(None),
        )
        .values(ended_at=at)
        .returning(Delegation.id)
    )
    if ended.one_or_none() is None:
        raise NotFoundError("that organisation does not act there", remedy="load the page again")
    _note(session, AuditKind.DELEGATION_ENDED, artist, organisation, who, at)


def _note(
    session: Session,
    kind: AuditKind,
    artist: uuid.UUID | None,
    organisation: uuid.UUID,
    who: Who,
    at: datetime,
) -> None:
    assert artist is not None  # noqa: S101 - a delegation without an artist was refused before
    record(session, kind, who=who, subject=artist, details=DelegationDetails(organisation), at=at)
