"""Sign in by a link sent to an e-mail address: ask for it, use it once, stay signed in, act for others, sign out.

Codes and cookies are kept as SHA-256 only. Whether an address is known here shows in no answer.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.errors import RefusedError
from byleave.registry.account_tables import Account, SignInLink, SignInSession
from byleave.registry.accounts import account_of, normal_address
from byleave.registry.audit import AuditKind, record
from byleave.registry.identity import ActsFor, accounts_to_act_for, who_of_person
from byleave.registry.mail import Letter, Post
from byleave.registry.permissions import VISITOR, Act, Who, may, require
from byleave.registry.rates import Rate, TooOftenError, spend

CODE_BYTES: Final = 16
LINK_LIFE: Final = timedelta(minutes=15)
SESSION_LIFE: Final = timedelta(days=14)
SUBJECT: Final = "Your link to sign in to Byleave"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in browser.

    person
        The account of the person herself.
    account
        Whose choices she sees and makes just now: her own, or those of whom she acts for.
    form_token
        What her forms must carry; another one from the moment she acts for somebody else.
    others
        Whom she may act for beside herself.
    """

    person: uuid.UUID
    account: uuid.UUID
    email: str
    form_token: str
    who: Who
    others: tuple[ActsFor, ...] = ()

    @property
    def acts_for(self) -> ActsFor | None:
        """Whom she acts for, ``None`` while that is herself or somebody who does not let her any more."""
        return next((other for other in self.others if other.account == self.account), None)

    @property
    def may_file(self) -> bool:
        """Whether she may make choices for whom she acts: a viewer of an organisation may not."""
        return may(self.who, Act.FILE_CLAIM, account=self.account)

    @property
    def is_herself(self) -> bool:
        return self.account == self.person


@dataclass(frozen=True, slots=True)
class FreshSession:
    """What a used link gives: the cookie, in plain for the only time, and where its reader was going."""

    cookie: str
    next_path: str


def send_link(
    session: Session, email: str, *, confirm_url: str, next_path: str, post: Post, secret: bytes, at: datetime
) -> None:
    """Have a message with a fresh link sent, unless this address was sent enough of them lately: the answer is the same then.

    Parameters
    ----------
    confirm_url
        Absolute address of the page that takes the code, without a query.
    next_path
        Where to go afterwards, a path on this site.
    secret
        The site's, under which addresses are counted, so that the count names nobody.

    Raises
    ------
    InputError
        If ``email`` does not look like an address.
    """
    require(VISITOR, Act.SIGN_IN)
    address = normal_address(email)
    _forget_old(session, at)
    try:
        with session.begin_nested():
            spend(session, Rate.SIGN_IN_LINKS, address_digest(address, secret), 1, at=at)
    except TooOftenError:
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
    post.send(session, Letter(address, SUBJECT, _body(f"{confirm_url}?code={code}")), at=at)


def address_digest(address: str, secret: bytes) -> bytes:
    """Return what an address is counted under: it cannot be told from others without the site's secret."""
    return hmac.digest(secret, b"byleave/address/1\0" + address.encode("utf-8", "surrogatepass"), "sha256")


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
    return FreshSession(
        start_session(session, account_of(session, used.email, at), at), used.next_path or "/choices"
    )


def start_session(session: Session, person: uuid.UUID, at: datetime) -> str:
    """Sign a person in and return the cookie of her browser."""
    cookie = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            token_hash=_hash(cookie),
            account_id=person,
            form_token=secrets.token_urlsafe(CODE_BYTES),
            created_at=at,
            expires_at=at + SESSION_LIFE,
        )
    )
    return cookie


def signed_in(session: Session, cookie: str, *, at: datetime) -> SignedIn | None:
    """Return who a browser's cookie belongs to, or ``None`` when it says nothing.

    Whoever lost the right to act for somebody is left in that place until she goes back herself: nothing she meant for others
    is ever filed in her own name.
    """
    found = session.execute(
        sa.select(SignInSession.account_id, SignInSession.acting_for, Account.email, SignInSession.form_token)
        .join(Account, Account.id == SignInSession.account_id)
        .where(SignInSession.token_hash == _hash(cookie), SignInSession.expires_at > at)
    ).one_or_none()
    if found is None:
        return None
    who = who_of_person(session, found.account_id)
    others = accounts_to_act_for(session, found.account_id) if who.acts_for else ()
    account = found.acting_for or found.account_id
    return SignedIn(found.account_id, account, found.email, found.form_token, who, others)


def act_for(session: Session, cookie: str, account: uuid.UUID | None, *, at: datetime) -> None:
    """Act for another account from now on, or, for ``None``, for oneself; forms that were loaded before run out.

    Raises
    ------
    RefusedError
        If nobody is signed in by this cookie, or she may not act for that account.
    """
    person = signed_in(session, cookie, at=at)
    if person is None or (account is not None and account not in person.who.acts_for):
        raise RefusedError("you may not act for them", remedy="ask them to let you")
    session.execute(
        sa.update(SignInSession)
        .where(SignInSession.token_hash == _hash(cookie))
        .values(acting_for=account, form_token=secrets.token_urlsafe(CODE_BYTES))
    )


def sign_out(session: Session, cookie: str) -> None:
    """End one session; a cookie that is none is no error."""
    session.execute(sa.delete(SignInSession).where(SignInSession.token_hash == _hash(cookie)))


def sign_out_everywhere(session: Session, *, who: Who, at: datetime) -> None:
    """End every session of the person who asks."""
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    assert who.account is not None  # noqa: S101 - nobody without an account manages one
    session.execute(sa.delete(SignInSession).where(SignInSession.account_id == who.account))
    record(session, AuditKind.SIGNED_OUT_EVERYWHERE, who=who, subject=who.account, at=at)


def _usable(code: str, at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return SignInLink.code_hash == _hash(code), SignInLink.used_at.is_(None), SignInLink.expires_at > at


def _forget_old(session: Session, at: datetime) -> None:
    """Drop what can be of no use any more, so that addresses do not pile up in side tables."""
    session.execute(sa.delete(SignInLink).where(SignInLink.expires_at < at - LINK_LIFE))
    session.execute(sa.delete(SignInSession).where(SignInSession.expires_at < at))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _body(link: str) -> str:
    return (
        "Somebody asked to sign in to Byleave with this address. If it was you, open this link within 15 minutes:\n\n"
        f"{link}\n\n"
        "It works once. If it was not you, do nothing: without the link nobody gets in."
    )
