"""Accounts: an e-mail address and nothing else about a person."""

from __future__ import annotations

import re
import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import InputError
from byleave.registry.account_tables import Account

_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}\.[^@\s.\x00-\x1f\x7f]{2,63}")


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
