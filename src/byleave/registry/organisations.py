"""Organisations: who is in them and in which role. At least one admin always stays."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, NotFoundError
from byleave.registry.account_tables import Account, Membership
from byleave.registry.accounts import checked_name
from byleave.registry.audit import AuditKind, MemberDetails, record
from byleave.registry.permissions import Act, MemberRole, Who, require

MOST_ORGANISATIONS: Final = 20
"""Organisations that one person may be a member of."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation as everybody sees it."""

    id: uuid.UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A person in an organisation. ``name`` is what she calls herself, if anything."""

    person: uuid.UUID
    email: str
    name: str | None
    role: MemberRole
    added_at: datetime


@dataclass(frozen=True, slots=True)
class OwnMembership:
    """An organisation a person is in, and her role there."""

    organisation: uuid.UUID
    name: str
    role: MemberRole


def create_organisation(session: Session, name: str, *, who: Who, at: datetime) -> Organisation:
    """Make an organisation whose first admin is the person who asks."""
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    assert who.account is not None  # noqa: S101 - nobody without an account manages one
    called = checked_name(name)
    check_room(session, who.account)
    organisation = Organisation(uuid.uuid4(), called, at)
    session.add(Account(id=organisation.id, kind="organisation", email=None, name=called, created_at=at))
    session.flush()
    add_member(session, organisation.id, who.account, MemberRole.ADMIN, at)
    record(session, AuditKind.ORGANISATION_MADE, who=who, subject=organisation.id, at=at)
    return organisation


def organisation_by_id(session: Session, organisation: uuid.UUID) -> Organisation:
    """Return an organisation; its name is no secret.

    Raises
    ------
    NotFoundError
        If there is none of that number, or it was closed: then nobody is in it, as otherwise an admin always is.
    """
    is_open = sa.exists().where(Membership.organisation_id == Account.id)
    chosen = sa.select(Account).where(Account.id == organisation, Account.kind == "organisation", is_open)
    row = session.execute(chosen).scalar_one_or_none()
    if row is None:
        raise NotFoundError("there is no such organisation", remedy="ask it for the address of its page here")
    return Organisation(row.id, row.name or "An organisation", row.created_at)


def rename_organisation(
    session: Session, organisation: uuid.UUID, name: str, *, who: Who, at: datetime
) -> None:
    """Call an organisation something else."""
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    called = checked_name(name)
    session.execute(sa.update(Account).where(Account.id == organisation).values(name=called))
    record(session, AuditKind.ORGANISATION_CHANGED, who=who, subject=organisation, at=at)


def memberships_of(session: Session, *, who: Who) -> tuple[OwnMembership, ...]:
    """Return the organisations the person who asks is in, by name."""
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    chosen = (
        sa.select(Account.id, Account.name, Membership.role)
        .join(Membership, Membership.organisation_id == Account.id)
        .where(Membership.person_id == who.account)
        .order_by(Account.name, Account.id)
    )
    return tuple(
        OwnMembership(row.id, row.name or "An organisation", MemberRole(row.role))
        for row in session.execute(chosen)
    )


def members_of(session: Session, organisation: uuid.UUID, *, who: Who) -> tuple[Member, ...]:
    """Return who is in an organisation, those who joined first first."""
    require(who, Act.SEE_ORGANISATION, account=organisation)
    chosen = (
        sa.select(Membership, Account.email, Account.name)
        .join(Account, Account.id == Membership.person_id)
        .where(Membership.organisation_id == organisation)
        .order_by(Membership.added_at, Membership.person_id)
    )
    return tuple(
        Member(row.person_id, email or "", name, MemberRole(row.role), row.added_at)
        for row, email, name in session.execute(chosen)
    )


def change_role(
    session: Session, organisation: uuid.UUID, person: uuid.UUID, role: MemberRole, *, who: Who, at: datetime
) -> None:
    """Give a member another role.

    Raises
    ------
    ConflictError
        If nobody would be left who is an admin.
    """
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    row = _member(session, organisation, person)
    if row.role == role:
        return
    _keep_an_admin(session, row)
    row.role = role.value
    told = MemberDetails(role.value, person)
    record(session, AuditKind.MEMBER_CHANGED, who=who, subject=organisation, details=told, at=at)


def remove_member(
    session: Session, organisation: uuid.UUID, person: uuid.UUID, *, who: Who, at: datetime
) -> None:
    """Take a member out; what she filed for the organisation stays its own.

    Raises
    ------
    ConflictError
        If nobody would be left who is an admin.
    """
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    _take_out(session, organisation, person, AuditKind.MEMBER_REMOVED, who, at)


def leave_organisation(session: Session, organisation: uuid.UUID, *, who: Who, at: datetime) -> None:
    """Leave an organisation.

    Raises
    ------
    ConflictError
        If nobody would be left who is an admin.
    """
    require(who, Act.MANAGE_ACCOUNT, account=who.account)
    assert who.account is not None  # noqa: S101 - nobody without an account manages one
    _take_out(session, organisation, who.account, AuditKind.MEMBER_LEFT, who, at)


def add_member(
    session: Session, organisation: uuid.UUID, person: uuid.UUID, role: MemberRole, at: datetime
) -> None:
    """Put a person into an organisation. The caller has made sure that she may be."""
    session.add(Membership(organisation_id=organisation, person_id=person, role=role.value, added_at=at))
    session.flush()


def check_room(session: Session, person: uuid.UUID) -> None:
    """Refuse one organisation too many."""
    chosen = sa.select(sa.func.count()).where(Membership.person_id == person)
    if session.execute(chosen).scalar_one() >= MOST_ORGANISATIONS:
        raise ConflictError(
            f"you are in {MOST_ORGANISATIONS} organisations already", remedy="leave one of them first"
        )


def _take_out(
    session: Session, organisation: uuid.UUID, person: uuid.UUID, kind: AuditKind, who: Who, at: datetime
) -> None:
    row = _member(session, organisation, person)
    _keep_an_admin(session, row)
    told = MemberDetails(row.role, person)
    record(session, kind, who=who, subject=organisation, details=told, at=at)
    session.delete(row)
    session.flush()


def _member(session: Session, organisation: uuid.UUID, person: uuid.UUID) -> Membership:
    # Two admins who leave at once would each count the other; the organisation's row lets them count one after the other.
    session.execute(sa.select(Account.id).where(Account.id == organisation).with_for_update())
    row = session.get(Membership, (organisation, person), populate_existing=True)
    if row is None:
        raise NotFoundError("no such member is in this organisation", remedy="load its page again")
    return row


def _keep_an_admin(session: Session, leaving: Membership) -> None:
    if leaving.role != MemberRole.ADMIN:
        return
    others = sa.select(sa.func.count()).where(
        Membership.organisation_id == leaving.organisation_id,
        Membership.role == MemberRole.ADMIN.value,
        Membership.person_id != leaving.person_id,
    )
    if session.execute(others).scalar_one() == 0:
        raise ConflictError(
            "an organisation needs at least one admin", remedy="make somebody else an admin first"
        )
