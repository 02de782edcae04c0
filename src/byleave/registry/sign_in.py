"""Sign in by a link sent to an e-mail address: ask for it, use it once, stay signed in, sign out.

Codes and cookies are kept as SHA-256 only. Whether an address is known here shows in no answer.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import Account, OutboxMessage, SignInLink, SignInSession
from byleave.registry.accounts import account_of, normal_address
from byleave.registry.permissions import VISITOR, Act, Role, Who, require

CODE_BYTES: Final = 16
LINK_LIFE: Final = timedelta(minutes=15)
SESSION_LIFE: Final = timedelta(days=14)
LINKS_PER_ADDRESS: Final = 5
"""Links one address may be sent within :data:`LINK_LIFE`; beyond it nothing is sent, and the answer stays the same."""

OUTBOX_LIFE: Final = timedelta(days=1)
SHOWN_MESSAGES: Final = 50
SUBJECT: Final = "Your link to sign in to Byleave"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in browser: whose it is, and the token its forms must carry."""

    account: uuid.UUID
    email: str
    form_token: str

    @property
    def who(self) -> Who:
        return Who(Role.CLAIMANT, self.account)


@dataclass(frozen=True, slots=True)
class FreshSession:
    """What a used link gives: the cookie, in plain for the only time, and where its reader was going."""

    cookie: str
    next_path: str


@dataclass(frozen=True, slots=True)
class Message:
    """One e-mail waiting to be sent."""

    recipient: str
    subject: str
    body: str
    created_at: datetime


def send_link(session: Session, email: str, *, confirm_url: str, next_path: str, at: datetime) -> None:
    """Put a message with a fresh link into the outbox, unless this address was sent enough of them lately.

    Parameters
    ----------
    confirm_url
        Absolute address of the page that takes the code, without a query.
    next_path
        Where to go afterwards, a path on this site.

    Raises
    ------
    InputError
        If ``email`` does not look like an address.
    """
    require(VISITOR, Act.SIGN_IN)
    address = normal_address(email)
    _forget_old(session, at)
    # Two requests for one address at once would both count too few links; the lock lets them count one after the other.
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(address, 0))))
    sent = sa.select(sa.func.count()).where(
        SignInLink.email == address, SignInLink.created_at > at - LINK_LIFE
    )
    if session.execute(sent).scalar_one() >= LINKS_PER_ADDRESS:
        return
    code = secrets.token_urlsafe(CODE_BYTES)
    session.add(
        SignInLink(
            code_hash=_hash(code),
            email=address,
            created_at=at,
            expires_at=at + LINK_LIFE,
            used_at=None,
            next_path=next_path,
        )
    )
    session.add(
        OutboxMessage(
            recipient=address,
            subject=SUBJECT,
            body=_body(f"{confirm_url}?code={code}"),
            created_at=at,
            sent_at=None,
        )
    )


def address_of_link(session: Session, code: str, *, at: datetime) -> str | None:
    """Return whom a link signs in, without using it; ``None`` when it is used, too old or none of ours."""
    found = sa.select(SignInLink.email).where(*_usable(code, at))
    return session.execute(found).scalar_one_or_none()


def use_link(session: Session, code: str, *, at: datetime) -> FreshSession | None:
    """Use a link, once: sign its reader in. ``None`` as for :func:`address_of_link`; of two users at once one wins."""
    used = session.execute(
        sa.update(SignInLink)
        .where(*_usable(code, at))
        .values(used_at=at)
        .returning(SignInLink.email, SignInLink.next_path)
    ).one_or_none()
    if used is None:
        return None
    cookie = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            token_hash=_hash(cookie),
            account_id=account_of(session, used.email, at),
            form_token=secrets.token_urlsafe(CODE_BYTES),
            created_at=at,
            expires_at=at + SESSION_LIFE,
        )
    )
    return FreshSession(cookie, used.next_path or "/choices")


def signed_in(session: Session, cookie: str, *, at: datetime) -> SignedIn | None:
    """Return who a browser's cookie belongs to, or ``None`` when it says nothing."""
    found = session.execute(
        sa.select(SignInSession.account_id, Account.email, SignInSession.form_token)
        .join(Account, Account.id == SignInSession.account_id)
        .where(SignInSession.token_hash == _hash(cookie), SignInSession.expires_at > at)
    ).one_or_none()
    return SignedIn(found.account_id, found.email, found.form_token) if found else None


def sign_out(session: Session, cookie: str) -> None:
    """End one session; a cookie that is none is no error."""
    session.execute(sa.delete(SignInSession).where(SignInSession.token_hash == _hash(cookie)))


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


def _usable(code: str, at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return SignInLink.code_hash == _hash(code), SignInLink.used_at.is_(None), SignInLink.expires_at > at


def _forget_old(session: Session, at: datetime) -> None:
    """Drop what can be of no use any more, so that addresses do not pile up in side tables."""
    session.execute(sa.delete(SignInLink).where(SignInLink.expires_at < at - LINK_LIFE))
    session.execute(sa.delete(SignInSession).where(SignInSession.expires_at < at))
    session.execute(sa.delete(OutboxMessage).where(OutboxMessage.created_at < at - OUTBOX_LIFE))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _body(link: str) -> str:
    return (
        "Somebody asked to sign in to Byleave with this address. If it was you, open this link within 15 minutes:\n\n"
        f"{link}\n\n"
        "It works once. If it was not you, do nothing: without the link nobody gets in."
    )
