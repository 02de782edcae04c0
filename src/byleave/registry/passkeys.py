"""Passkeys: a person's device signs in for her, without mail. Only the public half is kept; the device keeps the other."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
import webauthn
from sqlalchemy.orm import Session
from webauthn.helpers import (
    base64url_to_bytes,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from byleave.errors import ConflictError, InputError, NotFoundError, RefusedError
from byleave.registry.account_tables import Account, Passkey, PasskeyChallenge
from byleave.registry.audit import AuditKind, record
from byleave.registry.database import Database
from byleave.registry.permissions import VISITOR, Act, Who, require
from byleave.registry.sign_in import start_session

CHALLENGE_LIFE: Final = timedelta(minutes=5)
MOST_PASSKEYS: Final = 20
MOST_NAME: Final = 60
SITE_NAME: Final = "Byleave"

Answer = Mapping[str, Any]
"""What a browser's ``navigator.credentials`` gave, as JSON with base64url for bytes."""

_MALFORMED: Final = (WebAuthnException, ValueError, TypeError, LookupError, AttributeError, struct.error)
"""Whatever reading a stranger's bytes may raise; py_webauthn lets some of the parsers' own errors through."""


class PasskeyRefusedError(RefusedError):
    """A passkey that is none of ours, or an answer that does not hold."""

    http_status = 403


@dataclass(frozen=True, slots=True)
class Place:
    """Where a browser says it is: the host passkeys belong to, and the origin its answers must name."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class KnownPasskey:
    """A passkey as its person sees it."""

    id: bytes
    name: str
    created_at: datetime
    last_used_at: datetime | None


def begin_passkey(session: Session, place: Place, *, who: Who, at: datetime) -> dict[str, Any]:
    """Return what a signed-in person's browser must be asked to make a passkey, as JSON."""
    account = _own(who)
    known = passkeys_of(session, who=who)
    if len(known) >= MOST_PASSKEYS:
        raise ConflictError(f"you have {MOST_PASSKEYS} passkeys already", remedy="remove one first")
    person = session.execute(sa.select(Account.email, Account.name).where(Account.id == account)).one()
    options = webauthn.generate_registration_options(
        rp_id=place.host,
        rp_name=SITE_NAME,
        user_id=account.bytes,
        user_name=person.email,
        user_display_name=person.name or person.email,
        timeout=int(CHALLENGE_LIFE.total_seconds() * 1000),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.id) for one in known],
    )
    _keep_challenge(session, options.challenge, account, at)
    return options_to_json_dict(options)


def add_passkey(
    database: Database, answer: Answer, name: str, place: Place, *, who: Who, at: datetime
) -> KnownPasskey:
    """Keep the passkey that a browser made.

    Raises
    ------
    PasskeyRefusedError
        If the answer is not to a fresh challenge of this person's, or was not made here.
    ConflictError
        If this passkey is known already.
    """
    account = _own(who)
    called = checked_name(name)
    challenge = _take_challenge(database, answer, account, at)
    try:
        made = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=place.host,
            expected_origin=place.origin,
        )
    except _MALFORMED as error:
        raise _refused() from error
    with database.transaction() as session:
        if session.get(Passkey, made.credential_id) is not None:
            raise ConflictError("this passkey is known already", remedy="use another device")
        session.add(
            Passkey(
                credential_id=made.credential_id,
                account_id=account,
                public_key=made.credential_public_key,
                sign_count=made.sign_count,
                name=called,
                created_at=at,
                last_used_at=None,
            )
        )
        record(session, AuditKind.PASSKEY_ADDED, who=who, subject=account, at=at)
    return KnownPasskey(made.credential_id, called, at, None)


def begin_sign_in(session: Session, place: Place, *, at: datetime) -> dict[str, Any]:
    """Return what a browser must be asked to sign somebody in with a passkey it knows, as JSON; it names nobody."""
    require(VISITOR, Act.SIGN_IN)
    options = webauthn.generate_authentication_options(
        rp_id=place.host,
        timeout=int(CHALLENGE_LIFE.total_seconds() * 1000),
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    _keep_challenge(session, options.challenge, None, at)
    return options_to_json_dict(options)


def sign_in_with_passkey(database: Database, answer: Answer, place: Place, *, at: datetime) -> str:
    """Sign in whoever the passkey belongs to, and return her browser's cookie.

    Raises
    ------
    PasskeyRefusedError
        In the same words whatever is wrong: an unknown passkey, a challenge used or too old, another origin, a signature that does
        not hold, or a count of uses that went back, as a copied passkey's does.
    """
    require(VISITOR, Act.SIGN_IN)
    challenge = _take_challenge(database, answer, None, at)
    try:
        given = parse_authentication_credential_json(dict(answer))
    except _MALFORMED as error:
        raise _refused() from error
    with database.transaction() as session:
        chosen = sa.select(Passkey).where(Passkey.credential_id == given.raw_id).with_for_update()
        known = session.execute(chosen).scalar_one_or_none()
        if known is None or given.response.user_handle not in {None, known.account_id.bytes}:
            raise _refused()
        try:
            verified = webauthn.verify_authentication_response(
                credential=given,
                expected_challenge=challenge,
                expected_rp_id=place.host,
                expected_origin=place.origin,
                credential_public_key=known.public_key,
                credential_current_sign_count=known.sign_count,
            )
        except _MALFORMED as error:
            raise _refused() from error
        known.sign_count, known.last_used_at = verified.new_sign_count, at
        return start_session(session, known.account_id, at)


def passkeys_of(session: Session, *, who: Who) -> tuple[KnownPasskey, ...]:
    """Return a person's passkeys, oldest first."""
    account = _own(who)
    chosen = sa.select(Passkey).where(Passkey.account_id == account)
    rows = session.execute(chosen.order_by(Passkey.created_at, Passkey.credential_id)).scalars()
    return tuple(KnownPasskey(row.credential_id, row.name, row.created_at, row.last_used_at) for row in rows)


def rename_passkey(session: Session, passkey: bytes, name: str, *, who: Who, at: datetime) -> None:
    """Call a passkey something else."""
    row = _row(session, passkey, who)
    row.name = checked_name(name)
    record(session, AuditKind.PASSKEY_RENAMED, who=who, subject=row.account_id, at=at)


def remove_passkey(session: Session, passkey: bytes, *, who: Who, at: datetime) -> None:
    """Forget a passkey: it signs nobody in any more. The link by mail always remains."""
    row = _row(session, passkey, who)
    record(session, AuditKind.PASSKEY_REMOVED, who=who, subject=row.account_id, at=at)
    session.delete(row)


def checked_name(name: str) -> str:
    """Return a passkey's name, trimmed.

    Raises
    ------
    InputError
        If it is empty, too long or not printable.
    """
    text = name.strip()
    if not text or len(text) > MOST_NAME or not text.isprintable():
        raise InputError(
            "a passkey needs a name", remedy=f"use 1 to {MOST_NAME} characters, like 'my telephone'"
        )
    return text


def _own(who: Who) -> uuid.UUID:
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    assert who.account is not None  # noqa: S101 - nobody without an account manages one
    return who.account


def _row(session: Session, passkey: bytes, who: Who) -> Passkey:
    row = session.get(Passkey, passkey)
    if row is None or row.account_id != _own(who):
        raise NotFoundError("you have no such passkey", remedy="load your account's page again")
    return row


def _keep_challenge(session: Session, challenge: bytes, account: uuid.UUID | None, at: datetime) -> None:
    session.execute(sa.delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= at))
    session.add(PasskeyChallenge(challenge=challenge, account_id=account, expires_at=at + CHALLENGE_LIFE))


def _take_challenge(database: Database, answer: Answer, account: uuid.UUID | None, at: datetime) -> bytes:
    """Use up the challenge an answer names, whatever else is wrong with it: in a transaction of its own, so that it stays used."""
    try:
        challenge = parse_client_data_json(base64url_to_bytes(answer["response"]["clientDataJSON"])).challenge
    except _MALFORMED as error:
        raise _refused() from error
    row = PasskeyChallenge
    whose = row.account_id.is_(None) if account is None else row.account_id == account
    with database.transaction() as session:
        taken = sa.delete(row).where(row.challenge == challenge, row.expires_at > at, whose)
        found = session.execute(taken.returning(row.challenge)).scalar_one_or_none()
    if found is None:
        raise _refused()
    return found


def _refused() -> PasskeyRefusedError:
    return PasskeyRefusedError(
        "this passkey did not sign you in", remedy="try again, or use the link by mail"
    )
