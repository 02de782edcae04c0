"""Keys by which an organisation signs statements: an admin adds and revokes them, and the registry knows whose a signature is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, NotFoundError
from byleave.log import ED25519, VerifierKey
from byleave.registry.audit import AuditKind, record
from byleave.registry.permissions import Act, Who, require
from byleave.registry.statement_tables import StatementKey

MOST_STATEMENT_KEYS: Final = 20
"""Keys that one organisation may have, those revoked included."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A verifier key of an organisation."""

    key: VerifierKey
    added_at: datetime
    revoked_at: datetime | None


def add_statement_key(
    session: Session, organisation: uuid.UUID, text: str, *, who: Who, at: datetime
) -> VerifierKey:
    """Let what a key signs count as the organisation's.

    Raises
    ------
    FormatError
        If it is no verifier key for statements.
    ConflictError
        If it is known already, here or for another organisation, or there are too many.
    """
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    key = VerifierKey.parse(text)
    if key.kind != ED25519:
        raise ConflictError("a witness's key signs no statements", remedy="make one with `byleave keys make`")
    if len(statement_keys(session, organisation)) >= MOST_STATEMENT_KEYS:
        raise ConflictError(f"{MOST_STATEMENT_KEYS} keys were added already", remedy="use one of those")
    stored = session.execute(
        insert(StatementKey)
        .values(key=str(key), organisation_id=organisation, added_at=at, revoked_at=None)
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(StatementKey.key)
    )
    if stored.one_or_none() is None:
        raise ConflictError(
            "this key was added before", remedy="make another one: a key belongs to one organisation, once"
        )
    record(session, AuditKind.STATEMENT_KEY_ADDED, who=who, subject=organisation, at=at)
    return key


def revoke_statement_key(
    session: Session, organisation: uuid.UUID, text: str, *, who: Who, at: datetime
) -> None:
    """Let nothing that a key signs count from now on; what it signed before stays. Revoking it again changes nothing.

    Raises
    ------
    NotFoundError
        If the organisation has no such key.
    """
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    row = session.get(StatementKey, text, with_for_update=True)
    if row is None or row.organisation_id != organisation:
        raise NotFoundError("the organisation has no such key", remedy="see the list on its page")
    if row.revoked_at is None:
        row.revoked_at = at
        record(session, AuditKind.STATEMENT_KEY_REVOKED, who=who, subject=organisation, at=at)
    session.flush()


def statement_keys(session: Session, organisation: uuid.UUID) -> tuple[KnownKey, ...]:
    """Return every key an organisation ever had for statements, oldest first; they are public."""
    row = StatementKey
    chosen = sa.select(row).where(row.organisation_id == organisation).order_by(row.added_at, row.key)
    return tuple(
        KnownKey(VerifierKey.parse(one.key), one.added_at, one.revoked_at)
        for one in session.execute(chosen).scalars()
    )
