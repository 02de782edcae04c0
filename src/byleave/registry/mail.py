"""Mail out: written beside whatever causes it, sent by a job, tried again with pauses, sent once, and then emptied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import OutboxMessage
from byleave.registry.database import Database
from byleave.registry.jobs import defer
from byleave.registry.mail_server import MailFault, MailServer

MAIL: Final = "mail"
"""Name of the job that sends one message."""

PAUSES: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
)
"""After each failure that may pass, so long until the next try; then the message is given up."""

OUTBOX_LIFE: Final = timedelta(days=1)
"""How long a message is kept, sent or not. Longer than all tries together."""

SHOWN_MESSAGES: Final = 50


@dataclass(frozen=True, slots=True)
class Letter:
    """What to send to whom, in plain text. ``unsubscribe`` is the address where one press ends mails of its kind."""

    recipient: str
    subject: str
    body: str
    unsubscribe: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message that waits to be sent."""

    recipient: str
    subject: str
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """How a site sends mail. Without a server, messages only wait, for the outbox of a demo."""

    server: MailServer | None = None

    def send(self, session: Session, letter: Letter, *, at: datetime) -> None:
        """Have a letter sent once the caller's transaction is stored; rolled back, it never was."""
        session.execute(sa.delete(OutboxMessage).where(OutboxMessage.created_at < at - OUTBOX_LIFE))
        row = OutboxMessage(
            recipient=letter.recipient,
            subject=letter.subject,
            body=letter.body,
            unsubscribe=letter.unsubscribe,
            created_at=at,
            sent_at=None,
        )
        session.add(row)
        session.flush()
        if self.server is not None:
            defer(session, MAIL, message=row.id)

    def catch_up(self, session: Session, *, at: datetime) -> int:
        """Ask again for every message that was never tried, as after a time without a server; return how many."""
        if self.server is None:
            return 0
        chosen = sa.select(OutboxMessage.id).where(
            OutboxMessage.sent_at.is_(None),
            OutboxMessage.attempts == 0,
            OutboxMessage.created_at >= at - OUTBOX_LIFE,
        )
        waiting = session.execute(chosen.order_by(OutboxMessage.id)).scalars().all()
        for message in waiting:
            defer(session, MAIL, queueing_lock=f"{MAIL}-{message}", message=message)
        return len(waiting)

    def deliver(self, database: Database, message: int, at: datetime | None = None) -> None:
        """Send one message: the job named :data:`MAIL`. What is sent already, gone or being sent by another worker is left alone.

        Its row stays locked while the server is spoken to, so that two workers never send it both. A worker killed between the
        server's yes and ours sends it again, under the same Message-ID.
        """
        if self.server is None:
            return
        with database.transaction() as session:
            chosen = sa.select(OutboxMessage).where(
                OutboxMessage.id == message, OutboxMessage.sent_at.is_(None), OutboxMessage.body != ""
            )
            row = session.execute(chosen.with_for_update(skip_locked=True)).scalar_one_or_none()
            if row is None:
                return
            row.attempts += 1
            name = f"{row.id}.{int(row.created_at.timestamp())}"
            fault = self.server.send(
                row.recipient,
                row.subject,
                row.body,
                name=name,
                at=row.created_at,
                unsubscribe=row.unsubscribe,
            )
            _note(session, row, fault, at or datetime.now(UTC))


def waiting_messages(session: Session) -> list[Message]:
    """Return the newest messages that nobody has sent yet, newest first."""
    chosen = (
        sa.select(OutboxMessage)
        .where(OutboxMessage.sent_at.is_(None))
        .order_by(OutboxMessage.id.desc())
        .limit(SHOWN_MESSAGES)
    )
    return [
        Message(row.recipient, row.subject, row.body, row.created_at)
        for row in session.execute(chosen).scalars()
    ]


def _note(session: Session, row: OutboxMessage, fault: MailFault | None, at: datetime) -> None:
    if fault is None:
        row.sent_at, row.fault, row.body, row.unsubscribe = at, None, "", None
        return
    row.fault = fault.words
    if fault.may_pass and row.attempts <= len(PAUSES):
        defer(session, MAIL, not_before=at + PAUSES[row.attempts - 1], message=row.id)
    else:
        row.body, row.unsubscribe = "", None
