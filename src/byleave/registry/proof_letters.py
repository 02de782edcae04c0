"""What people are told by mail about places they control. A letter never says who else is behind an account."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import Account, OutboxMessage
from byleave.registry.jobs import defer
from byleave.registry.mail import MAIL


def tell_of_another(session: Session, account: uuid.UUID, place: str, host: str, *, at: datetime) -> None:
    """Tell an earlier holder that somebody else showed control of the same place or of a host below it."""
    body = (
        f"You have shown that you control {place}. Today somebody with another account showed control of {host}.\n\n"
        "They see nothing of yours and can change nothing you chose. If they work for you, all is well. If you do not know "
        "of them, look who may put files on that host, and whether its DNS record still leads where it should."
    )
    _tell(session, account, "Somebody else showed that they control a site of yours", body, at)


def tell_of_gone(session: Session, account: uuid.UUID, place: str, *, at: datetime) -> None:
    """Tell somebody that what showed her control of a place does not show it any more."""
    body = (
        f"What showed that you control {place} did not show it at the last look.\n\n"
        "Every no that rests on it stays. A yes that rests on it pauses until it is confirmed again. The page What I control "
        "says what was seen, and what you can do."
    )
    _tell(session, account, "We no longer see that you control a site", body, at)


def _tell(session: Session, account: uuid.UUID, subject: str, body: str, at: datetime) -> None:
    email = session.execute(sa.select(Account.email).where(Account.id == account)).scalar_one_or_none()
    if email is None:
        return  # an organisation has no address of its own
    row = OutboxMessage(recipient=email, subject=subject, body=body, created_at=at, sent_at=None)
    session.add(row)
    session.flush()
    defer(session, MAIL, message=row.id)
