"""The monthly mail: what became of somebody's choices since the last one, for those who want it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import Account, AuditEventRow
from byleave.registry.audit import AuditKind, record
from byleave.registry.claims import Claim, claims_with_targets
from byleave.registry.database import Database
from byleave.registry.mail import Letter, Post
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimRow
from byleave.registry.timeline import timeline

MONTHLY: Final = "monthly_mail"
"""Name of the job, which runs every day."""

SHOWN_CLAIMS: Final = 50
MONTH: Final = timedelta(days=31)
SUBJECT: Final = "What became of your choices"


Links = Callable[[uuid.UUID], str]
"""Makes the address where one press ends an account's mail."""


def write_monthly(database: Database, post: Post, at: datetime, *, links: Links | None = None) -> int:
    """Write the mail of this calendar month to everybody who wants one and was sent none, and return how many were written.

    Each is written in a transaction of its own beside the note that it was, so that a run that is killed sends nobody two.
    """
    with database.transaction() as session:
        waiting = list(session.execute(_waiting(at)).scalars())
    return sum(_write(database, post, account, at, links) for account in waiting)


def _write(database: Database, post: Post, account: uuid.UUID, at: datetime, links: Links | None) -> bool:
    with database.transaction() as session:
        chosen = sa.select(Account).where(Account.id == account).with_for_update(skip_locked=True)
        row = session.execute(chosen).scalar_one_or_none()
        still = session.execute(_waiting(at).where(Account.id == account)).scalar_one_or_none()
        if row is None or row.email is None or still is None:
            return False
        record(session, AuditKind.MONTHLY_MAIL_WRITTEN, who=OPERATOR, subject=account, at=at)
        link = links(account) if links is not None else None
        body = "\n\n".join(_body(session, account, at, link))
        post.send(session, Letter(row.email, SUBJECT, body, link), at=at)
        return True


def _waiting(at: datetime) -> sa.Select[Any]:
    began = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    row = AuditEventRow
    was_sent = sa.exists().where(
        row.subject == sa.cast(Account.id, sa.Text),
        row.kind == AuditKind.MONTHLY_MAIL_WRITTEN.value,
        row.at >= began,
    )
    has_claims = sa.exists().where(ClaimRow.account_id == Account.id)
    return sa.select(Account.id).where(
        Account.monthly_mail, Account.email.is_not(None), Account.created_at < began, has_claims, ~was_sent
    )


def _body(session: Session, account: uuid.UUID, at: datetime, link: str | None) -> Iterator[str]:
    chosen = sa.select(ClaimRow).where(ClaimRow.account_id == account).order_by(ClaimRow.last_event.desc())
    claims = claims_with_targets(session, session.execute(chosen.limit(SHOWN_CLAIMS)).scalars().all())
    count = session.execute(sa.select(sa.func.count()).where(ClaimRow.account_id == account)).scalar_one()
    yield f"You have {count:,} {'choice' if count == 1 else 'choices'} here. This is what became of them in the last month."
    told = [lines for claim in claims if (lines := _lines(session, claim, at))]
    yield from told or ["Nothing happened: they stand as they were."]
    yield "You get this mail once a month because you asked for it. Your account page has a box to end it."
    if link is not None:
        yield f"Or end it here, without signing in:\n{link}"


def _lines(session: Session, claim: Claim, at: datetime) -> str:
    new = [one for one in timeline(session, claim.id, who=OPERATOR) if one.at > at - MONTH]
    if not new:
        return ""
    label = next((target.label for target in claim.targets if target.label), "A choice")
    head = f"{label[:80]} (said on {claim.filed_at:%Y-%m-%d}, {claim.state.value} now)"
    return "\n".join([head, *(f"  {one.at:%Y-%m-%d}  {one.sentence}" for one in new)])
