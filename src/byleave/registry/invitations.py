"""Invitations into an organisation: by e-mail, good for a week, for the address they were sent to."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, NotFoundError, RefusedError
from byleave.registry.account_tables import Account, Invitation, Membership
from byleave.registry.accounts import address_of, normal_address
from byleave.registry.audit import AuditKind, MemberDetails, record
from byleave.registry.mail import Letter, Post
from byleave.registry.organisations import add_member, check_room, organisation_by_id
from byleave.registry.permissions import Act, MemberRole, Who, require
from byleave.registry.rates import Rate, spend

CODE_BYTES: Final = 16
INVITATION_LIFE: Final = timedelta(days=7)
MOST_OPEN: Final = 100

ROLE_WORDS: Final = {
    MemberRole.ADMIN: "make choices for it, and say who is in it",
    MemberRole.FILER: "make choices for it",
    MemberRole.VIEWER: "see its choices",
}
"""What each role lets somebody do, in words."""


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that waits for an answer, as the organisation's admins see it. ``id`` names it and opens nothing."""

    id: str
    email: str
    role: MemberRole
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation as whoever holds its link sees it."""

    organisation: uuid.UUID
    name: str
    role: MemberRole
    email: str


def invite(
    session: Session,
    organisation: uuid.UUID,
    email: str,
    role: MemberRole,
    *,
    accept_url: str,
    post: Post,
    who: Who,
    at: datetime,
) -> None:
    """Offer somebody a place. Another invitation for the same address takes the place of the first.

    Parameters
    ----------
    accept_url
        Absolute address of the page that takes the code, without a query.

    Raises
    ------
    InputError
        If ``email`` does not look like an address.
    ConflictError
        If too many wait already, or that address is a member.
    TooOftenError
        If the organisation invited too many people lately.
    """
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    address = normal_address(email)
    called = organisation_by_id(session, organisation).name
    spend(session, Rate.INVITATIONS, organisation.bytes, 1, at=at)
    _forget_old(session, at)
    _make_room(session, organisation, address, who=who, at=at)
    code = secrets.token_urlsafe(CODE_BYTES)
    session.add(
        Invitation(
            code_hash=_hash(code),
            organisation_id=organisation,
            email=address,
            role=role.value,
            created_at=at,
            expires_at=at + INVITATION_LIFE,
            used_at=None,
        )
    )
    post.send(session, _letter(address, called, role, f"{accept_url}?code={code}"), at=at)
    told = MemberDetails(role.value)
    record(session, AuditKind.MEMBER_INVITED, who=who, subject=organisation, details=told, at=at)


def _make_room(session: Session, organisation: uuid.UUID, address: str, *, who: Who, at: datetime) -> None:
    """Take back what the address was offered before, and see that one more may be offered a place."""
    if _is_member(session, organisation, address):
        raise ConflictError("that address is a member already", remedy="change her role instead")
    session.execute(
        sa.delete(Invitation).where(Invitation.organisation_id == organisation, Invitation.email == address)
    )
    if len(open_invitations(session, organisation, who=who, at=at)) >= MOST_OPEN:
        raise ConflictError(f"{MOST_OPEN} invitations wait already", remedy="withdraw some of them")


def open_invitations(
    session: Session, organisation: uuid.UUID, *, who: Who, at: datetime
) -> tuple[OpenInvitation, ...]:
    """Return the invitations that wait for an answer, newest first."""
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    row = Invitation
    chosen = sa.select(row).where(
        row.organisation_id == organisation, row.used_at.is_(None), row.expires_at > at
    )
    return tuple(
        OpenInvitation(found.code_hash.hex(), found.email, MemberRole(found.role), found.expires_at)
        for found in session.execute(chosen.order_by(row.created_at.desc(), row.code_hash)).scalars()
    )


def withdraw_invitation(session: Session, organisation: uuid.UUID, invitation: str, *, who: Who) -> None:
    """Take an invitation back; one that is gone is no error."""
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    chosen = sa.select(Invitation).where(Invitation.organisation_id == organisation)
    for row in session.execute(chosen).scalars():
        if row.code_hash.hex() == invitation:
            session.delete(row)


def invitation_of(session: Session, code: str, *, at: datetime) -> Invited | None:
    """Return what a link offers, without using it; ``None`` when it is used, too old or none of ours."""
    found = session.execute(
        sa.select(Invitation, Account.name)
        .join(Account, Account.id == Invitation.organisation_id)
        .where(Invitation.code_hash == _hash(code), Invitation.used_at.is_(None), Invitation.expires_at > at)
    ).one_or_none()
    if found is None:
        return None
    row, name = found
    return Invited(row.organisation_id, name or "An organisation", MemberRole(row.role), row.email)


def accept_invitation(session: Session, code: str, *, who: Who, at: datetime) -> Invited:
    """Take the place that was offered, once.

    Raises
    ------
    NotFoundError
        If the link is used, too old or none of ours.
    RefusedError
        If it was sent to another address than that of the person who asks.
    ConflictError
        If she is a member already, or of too many organisations.
    """
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    assert who.account is not None  # noqa: S101 - nobody without an account manages one
    offered = invitation_of(session, code, at=at)
    if offered is None:
        raise NotFoundError(
            "this invitation does not work any more: it works once, and for seven days",
            remedy="ask for a new one",
        )
    if address_of(session, who.account) != offered.email:
        raise RefusedError(
            "this invitation was sent to another address", remedy="sign in with the address it was sent to"
        )
    if session.get(Membership, (offered.organisation, who.account)) is not None:
        raise ConflictError("you are a member already", remedy="see your account's page")
    check_room(session, who.account)
    used = session.execute(
        sa.delete(Invitation).where(Invitation.code_hash == _hash(code)).returning(Invitation.role)
    ).one_or_none()
    if used is None:
        raise ConflictError("this invitation was just used", remedy="see your account's page")
    add_member(session, offered.organisation, who.account, offered.role, at)
    told = MemberDetails(offered.role.value, who.account)
    record(session, AuditKind.MEMBER_JOINED, who=who, subject=offered.organisation, details=told, at=at)
    return offered


def _is_member(session: Session, organisation: uuid.UUID, address: str) -> bool:
    chosen = (
        sa.select(Membership.person_id)
        .join(Account, Account.id == Membership.person_id)
        .where(Membership.organisation_id == organisation, Account.email == address)
    )
    return session.execute(chosen).first() is not None


def _forget_old(session: Session, at: datetime) -> None:
    session.execute(sa.delete(Invitation).where(Invitation.expires_at <= at))


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()


def _letter(address: str, name: str, role: MemberRole, link: str) -> Letter:
    body = (
        f"{name} invites you on Byleave. As its {role.value} you could {ROLE_WORDS[role]}.\n\n"
        f"To answer, open this link within seven days and sign in with this address:\n\n{link}\n\n"
        "It works once. If you do not know them, do nothing: nothing happens then."
    )
    return Letter(address, f"{name} invites you on Byleave", body)
