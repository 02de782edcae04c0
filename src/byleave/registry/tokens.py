"""Keys for programs: made by the operator, shown once, kept as SHA-256, good for one scope."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, InputError, NotFoundError, RefusedError
from byleave.registry.account_tables import TokenRow
from byleave.registry.permissions import Act, Who, require

KEY_PREFIX: Final = "byl_"
"""What every key begins with, so that one that leaks can be recognised for what it is."""

KEY_BYTES: Final = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Scope(StrEnum):
    """What a key is good for."""

    LOOKUP = "lookup"


class TokenRefusedError(RefusedError):
    """A key that is missing, unknown, revoked, expired or made for something else."""

    http_status = 401


@dataclass(frozen=True, slots=True)
class Token:
    """A key as the registry knows it: everything but the key."""

    name: str
    scope: Scope
    key_hash: bytes
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_good(self, at: datetime) -> bool:
        """Whether the key opens anything at ``at``."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A fresh key, in plain for the only time."""

    token: Token
    key: str


def create_token(
    session: Session, name: str, *, who: Who, at: datetime, expires_at: datetime | None = None
) -> NewToken:
    """Make a key for look-ups.

    Parameters
    ----------
    name
        What the operator calls it: up to 64 ASCII letters, digits, dots, dashes and underscores.

    Raises
    ------
    InputError
        For another name, or an end that has passed.
    ConflictError
        If the name was used before, if only by a key that is revoked: a name stands for one key.
    """
    require(who, Act.MANAGE_TOKENS)
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!r} is no name for a key", remedy="use letters, digits, '.', '-' and '_'"
        )
    if expires_at is not None and expires_at <= at:
        raise InputError("the end date has passed", remedy="give a later date, or none")
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    token = Token(name, Scope.LOOKUP, _hash(key), at, expires_at, None)
    stored = session.execute(
        insert(TokenRow)
        .values(
            key_hash=token.key_hash,
            account_id=None,
            name=name,
            scope=token.scope.value,
            created_at=at,
            expires_at=expires_at,
            revoked_at=None,
        )
        .on_conflict_do_nothing(index_elements=["account_id", "name"])
        .returning(TokenRow.name)
    )
    if stored.one_or_none() is None:
        raise ConflictError(f"there is a key named {name} already", remedy="choose another name")
    return NewToken(token, key)


def tokens(session: Session, *, who: Who) -> tuple[Token, ...]:
    """Return every key the operator ever made, oldest first."""
    require(who, Act.MANAGE_TOKENS)
    chosen = (
        sa.select(TokenRow).where(TokenRow.account_id.is_(None)).order_by(TokenRow.created_at, TokenRow.name)
    )
    return tuple(_token(row) for row in session.execute(chosen).scalars())


def revoke_token(session: Session, name: str, *, who: Who, at: datetime) -> Token:
    """Take a key back, for ever. Revoking it again changes nothing.

    Raises
    ------
    NotFoundError
        If there is no key of that name.
    """
    require(who, Act.MANAGE_TOKENS)
    row = session.execute(
        sa.select(TokenRow).where(TokenRow.account_id.is_(None), TokenRow.name == name).with_for_update()
    ).scalar_one_or_none()
    if row is None:
        raise NotFoundError(f"there is no key named {name[:80]!r}", remedy="see `byleave token list`")
    if row.revoked_at is None:
        row.revoked_at = at
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
            remedy="send 'Authorization: API KEY'; whoever keeps this registry makes one by `byleave token create`",
        )
    return token


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _token(row: TokenRow) -> Token:
    return Token(row.name, Scope(row.scope), row.key_hash, row.created_at, row.expires_at, row.revoked_at)
