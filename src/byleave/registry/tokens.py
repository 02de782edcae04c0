"""Keys for programs: shown once, kept as SHA-256, good for one scope.

The operator's own are for look-ups; an account's, made by whoever manages it, act for that account.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, InputError, NotFoundError, RefusedError
from byleave.registry.account_tables import Account, TokenRow
from byleave.registry.audit import AuditKind, TokenDetails, record
from byleave.registry.permissions import Act, Who, require

KEY_PREFIX: Final = "byl_"
"""What every key begins with, so that one that leaks can be recognised for what it is."""

KEY_BYTES: Final = 32
MOST_KEYS: Final = 100
"""Keys that one account may have, those revoked included."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Scope(StrEnum):
    """What a key is good for."""

    LOOKUP = "lookup"
    FILE = "file"
    READ = "read"
    REPORT = "report"


OPERATORS_SCOPES: Final = frozenset({Scope.LOOKUP})
PERSONS_SCOPES: Final = frozenset({Scope.FILE, Scope.READ})
ORGANISATIONS_SCOPES: Final = frozenset({Scope.FILE, Scope.READ, Scope.REPORT})


class TokenRefusedError(RefusedError):
    """A key that is missing, unknown, revoked, expired or made for something else."""

    http_status = 401


@dataclass(frozen=True, slots=True)
class Token:
    """A key as the registry knows it: everything but the key. ``account`` is whose it is, ``None`` for the operator's."""

    name: str
    scope: Scope
    key_hash: bytes
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    account: uuid.UUID | None = None

    def is_good(self, at: datetime) -> bool:
        """Whether the key opens anything at ``at``."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A fresh key, in plain for the only time."""

    token: Token
    key: str


def create_token(
    session: Session,
    name: str,
    *,
    who: Who,
    at: datetime,
    scope: Scope = Scope.LOOKUP,
    account: uuid.UUID | None = None,
    expires_at: datetime | None = None,
) -> NewToken:
    """Make a key.

    Parameters
    ----------
    name
        What its keeper calls it: up to 64 ASCII letters, digits, dots, dashes and underscores.
    account
        Whom it acts for; ``None`` makes one of the operator's.

    Raises
    ------
    InputError
        For another name, an end that has passed, or a scope that such an account's keys cannot have.
    ConflictError
        If the name was used before, if only by a key that is revoked: a name stands for one key.
    """
    require(who, Act.MANAGE_TOKENS, account=account)
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    token = Token(name, scope, _hash(key), at, expires_at, None, account)
    _refuse_unfit(session, token)
    _store(session, token)
    _note(session, AuditKind.TOKEN_MADE, token, who, at)
    return NewToken(token, key)


def _refuse_unfit(session: Session, token: Token) -> None:
    if not _NAME.fullmatch(token.name):
        raise InputError(
            f"{token.name[:80]!r} is no name for a key", remedy="use letters, digits, '.', '-' and '_'"
        )
    if token.expires_at is not None and token.expires_at <= token.created_at:
        raise InputError("the end date has passed", remedy="give a later date, or none")
    if token.scope not in _scopes_of(session, token.account):
        raise InputError(
            f"such an account has no keys for {token.scope.value!r}", remedy="choose another use"
        )
    if token.account is not None and _count(session, token.account) >= MOST_KEYS:
        raise ConflictError(f"{MOST_KEYS} keys were made already", remedy="use one of those")


def _store(session: Session, token: Token) -> None:
    stored = session.execute(
        insert(TokenRow)
        .values(
            key_hash=token.key_hash,
            account_id=token.account,
            name=token.name,
            scope=token.scope.value,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=None,
        )
        .on_conflict_do_nothing(index_elements=["account_id", "name"])
        .returning(TokenRow.name)
    )
    if stored.one_or_none() is None:
        raise ConflictError(f"there is a key named {token.name} already", remedy="choose another name")


def tokens(session: Session, *, who: Who, account: uuid.UUID | None = None) -> tuple[Token, ...]:
    """Return every key an account ever had, or, without one, those of the operator; oldest first."""
    require(who, Act.MANAGE_TOKENS, account=account)
    chosen = sa.select(TokenRow).where(_of(account)).order_by(TokenRow.created_at, TokenRow.name)
    return tuple(_token(row) for row in session.execute(chosen).scalars())


def revoke_token(
    session: Session, name: str, *, who: Who, at: datetime, account: uuid.UUID | None = None
) -> Token:
    """Take a key back, for ever. Revoking it again changes nothing.

    Raises
    ------
    NotFoundError
        If there is no key of that name.
    """
    require(who, Act.MANAGE_TOKENS, account=account)
    row = session.execute(
        sa.select(TokenRow).where(_of(account), TokenRow.name == name).with_for_update()
    ).scalar_one_or_none()
    if row is None:
        raise NotFoundError(f"there is no key named {name[:80]!r}", remedy="see the list of keys")
    if row.revoked_at is None:
        row.revoked_at = at
        _note(session, AuditKind.TOKEN_REVOKED, _token(row), who, at)
    session.flush()
    return _token(row)


def token_of(session: Session, key: str, scope: Scope, *, at: datetime) -> Token:
    """Recognise a key.

    Raises
    ------
    TokenRefusedError
        In the same words whatever is wrong with it.
    """
    chosen = sa.select(TokenRow).where(TokenRow.key_hash == _hash(key), TokenRow.scope == scope.value)
    row = session.execute(chosen).scalar_one_or_none()
    token = _token(row) if row else None
    if token is None or not token.is_good(at):
        raise TokenRefusedError(
            "this needs a key, and the one sent, if any, opens nothing here",
            remedy="send 'Authorization: API KEY'; your account's page makes keys, and for look-ups whoever keeps this registry",
        )
    return token


def _of(account: uuid.UUID | None) -> sa.ColumnElement[bool]:
    return TokenRow.account_id.is_(None) if account is None else TokenRow.account_id == account


def _scopes_of(session: Session, account: uuid.UUID | None) -> frozenset[Scope]:
    if account is None:
        return OPERATORS_SCOPES
    kind = session.execute(sa.select(Account.kind).where(Account.id == account)).scalar_one_or_none()
    return ORGANISATIONS_SCOPES if kind == "organisation" else PERSONS_SCOPES


def _count(session: Session, account: uuid.UUID) -> int:
    return session.execute(sa.select(sa.func.count()).where(_of(account))).scalar_one()


def _note(session: Session, kind: AuditKind, token: Token, who: Who, at: datetime) -> None:
    """Write down a key that was made or revoked, under an id that follows from its hash and tells nothing about the key."""
    told = TokenDetails(token.scope.value, token.account)
    record(session, kind, who=who, subject=token.key_hash[:16], details=told, at=at)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _token(row: TokenRow) -> Token:
    return Token(
        row.name,
        Scope(row.scope),
        row.key_hash,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.account_id,
    )
