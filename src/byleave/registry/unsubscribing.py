"""End the monthly mail by one press, without signing in: the code in its link says whose mail it is and allows nothing else."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import Account
from byleave.registry.audit import AuditKind, record
from byleave.registry.permissions import Role, Who

_PURPOSE: Final = b"byleave/monthly-mail/1\0"


def unsubscribe_code(secret: bytes, account: uuid.UUID) -> str:
    """Return the code that ends an account's monthly mail; it works as long as ``secret``, 32 bytes, is the site's."""
    return f"{account.hex}.{_signature(secret, account)}"


def account_of_code(secret: bytes, code: str) -> uuid.UUID | None:
    """Return the account that a code was made for, or ``None`` if this site did not make it."""
    named, _, signature = code.partition(".")
    try:
        account = uuid.UUID(hex=named)
    except ValueError:
        return None
    good = hmac.compare_digest(signature.encode(), _signature(secret, account).encode())
    return account if good else None


def end_monthly_mail(session: Session, account: uuid.UUID, *, at: datetime) -> None:
    """End an account's monthly mail; ending it again, or that of an account that is gone, changes nothing."""
    wanted = (Account.id == account) & Account.monthly_mail
    ended = session.execute(sa.update(Account).where(wanted).values(monthly_mail=False).returning(Account.id))
    if ended.one_or_none() is not None:
        who = Who(Role.CLAIMANT, account)
        record(session, AuditKind.ACCOUNT_CHANGED, who=who, subject=account, at=at)


def _signature(secret: bytes, account: uuid.UUID) -> str:
    return hmac.new(secret, _PURPOSE + account.bytes, hashlib.sha256).hexdigest()
