"""Accounts: an e-mail address, a name to show if she likes, and nothing else about a person."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import InputError, NotFoundError
from byleave.registry.account_tables import Account
from byleave.registry.audit import AuditKind, record
from byleave.registry.permissions import Act, Who, require

_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}\.[^@\s.\x00-\x1f\x7f]{2,63}")

MOST_NAME: Final = 80


def normal_address(text: str) -> str:
    """Return an e-mail address in the one form we store: trimmed, lower case.

    Raises
    ------
    InputError
        If it does not look like one.
    """
    address = text.strip().lower()
    if not _ADDRESS.fullmatch(address):
        raise InputError("that is not an e-mail address", remedy="write it like name@example.com")
    return address


def account_of(session: Session, email: str, at: datetime) -> uuid.UUID:
    """Return the account of an address, making it on first use. Two callers at once get the same one."""
    address = normal_address(email)
    session.execute(
        insert(Account)
        .values(id=uuid.uuid4(), email=address, created_at=at)
        .on_conflict_do_nothing(index_elements=["email"])
    )
    return session.execute(sa.select(Account.id).where(Account.email == address)).scalar_one()


def find_account(session: Session, email: str) -> uuid.UUID | None:
    """Return the account of an address, or ``None`` where there is none. Asking makes no account."""
    address = normal_address(email)
    return session.execute(sa.select(Account.id).where(Account.email == address)).scalar_one_or_none()


def address_of(session: Session, account: uuid.UUID) -> str | None:
    """Return the address of an account, or ``None`` when it is gone."""
    return session.execute(sa.select(Account.email).where(Account.id == account)).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Profile:
    """What an account says of itself: the name pages may call it by, and whether it wants a mail each month."""

    name: str | None
    monthly_mail: bool


def profile_of(session: Session, *, who: Who) -> Profile:
    """Return what the person who asks says of herself."""
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    row = session.execute(
        sa.select(Account.name, Account.monthly_mail).where(Account.id == who.account)
    ).one()
    return Profile(row.name, row.monthly_mail)


def change_profile(session: Session, profile: Profile, *, who: Who, at: datetime) -> None:
    """Say something else of oneself. An empty name is none.

    Raises
    ------
    InputError
        If the name is too long or not printable.
    """
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    assert who.account is not None  # noqa: S101 - nobody without an account manages one
    name = checked_name(profile.name) if profile.name and profile.name.strip() else None
    session.execute(
        sa.update(Account)
        .where(Account.id == who.account)
        .values(name=name, monthly_mail=profile.monthly_mail)
    )
    record(session, AuditKind.ACCOUNT_CHANGED, who=who, subject=who.account, at=at)


def checked_name(name: str) -> str:
    """Return the name of a person or an organisation, trimmed.

    Raises
    ------
    InputError
        If it is empty, too long or not printable.
    """
    text = " ".join(name.split())
    if not text or len(text) > MOST_NAME or not text.isprintable():
        raise InputError("that is no name to show", remedy=f"write 1 to {MOST_NAME} characters of plain text")
    return text


def set_reviewer(session: Session, email: str, *, reviews: bool, who: Who, at: datetime) -> None:
    """Let a person look at held claims, or no longer. Whoever has never been here gets an account by it.

    Raises
    ------
    NotFoundError
        If somebody who is to review no longer has no account.
    """
    require(who, Act.MANAGE_REVIEWERS)
    account = account_of(session, email, at) if reviews else find_account(session, email)
    if account is None:
        raise NotFoundError("nobody with that address reviews", remedy="see `byleave reviewer list`")
    changed = session.execute(
        sa.update(Account)
        .where(Account.id == account, Account.reviews.is_not(reviews))
        .values(reviews=reviews)
        .returning(Account.id)
    )
    if changed.one_or_none() is not None:
        kind = AuditKind.REVIEWER_ADDED if reviews else AuditKind.REVIEWER_REMOVED
        record(session, kind, who=who, subject=account, at=at)


def reviewers(session: Session, *, who: Who) -> tuple[str, ...]:
    """Return the addresses of those who look at held claims."""
    require(who, Act.MANAGE_REVIEWERS)
    chosen = sa.select(Account.email).where(Account.reviews)
    return tuple(sorted(email for email in session.execute(chosen).scalars() if email))
