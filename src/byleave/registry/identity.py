"""Who somebody is, for signed-in people and for programs with a key: the one place that asks memberships and delegations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from byleave.registry.account_tables import Account, Delegation, Membership
from byleave.registry.permissions import (
    DELEGATED_ACTS,
    MEMBER_ACTS,
    VISITOR,
    Act,
    Acts,
    MemberRole,
    Role,
    Who,
)
from byleave.registry.tokens import Scope, Token

SCOPE_ACTS: Final[Mapping[Scope, Acts]] = {
    Scope.LOOKUP: frozenset({Act.LOOK_UP}),
    Scope.FILE: frozenset({Act.FILE_CLAIM, Act.SEE_CLAIM, Act.CHANGE_CLAIM, Act.WITHDRAW_CLAIM, Act.PROVE}),
    Scope.READ: frozenset({Act.SEE_CLAIM}),
    Scope.REPORT: frozenset({Act.REPORT}),
}
"""The most that a key of each scope lets a program do, for an account that may do it at all."""


@dataclass(frozen=True, slots=True)
class ActsFor:
    """An account that somebody may act for. ``via`` names the organisation that an artist lets act for her, if it is she."""

    account: uuid.UUID
    name: str
    kind: str
    via: str | None = None


def who_of_person(session: Session, person: uuid.UUID) -> Who:
    """Return who a signed-in person is."""
    roles = _roles(session, person)
    acts: dict[uuid.UUID, Acts] = {
        organisation: MEMBER_ACTS[role] for organisation, role in roles.items() if organisation != person
    }
    _add_artists(session, acts, roles)
    reviews = session.execute(sa.select(Account.reviews).where(Account.id == person)).scalar_one_or_none()
    return Who(Role.CLAIMANT, person, acts, reviews=bool(reviews))


def who_of_token(session: Session, token: Token) -> Who:
    """Return who a program with this key is: its account within the key's scope, and artists who let that account act for them."""
    if token.account is None:
        return VISITOR
    limit = SCOPE_ACTS[token.scope]
    acts: dict[uuid.UUID, Acts] = {}
    kind = session.execute(sa.select(Account.kind).where(Account.id == token.account)).scalar_one_or_none()
    if kind == "organisation":
        # An organisation is nobody's member: its own key does for it what a filer could.
        acts[token.account] = MEMBER_ACTS[MemberRole.FILER]
        _add_artists(session, acts, {token.account: MemberRole.FILER})
    return Who(Role.CLAIMANT, token.account, acts, only=limit)


def accounts_to_act_for(session: Session, person: uuid.UUID) -> tuple[ActsFor, ...]:
    """Return the organisations and artists that a person may act for, by name."""
    organisation, artist = aliased(Account), aliased(Account)
    own = (
        sa.select(organisation.id, organisation.name)
        .join(Membership, Membership.organisation_id == organisation.id)
        .where(Membership.person_id == person)
    )
    found = [
        ActsFor(row.id, row.name or "An organisation", "organisation")
        for row in session.execute(own.order_by(organisation.name, organisation.id))
    ]
    artists = (
        sa.select(artist.id, artist.name, organisation.name.label("via"))
        .join(Delegation, Delegation.artist_id == artist.id)
        .join(organisation, organisation.id == Delegation.organisation_id)
        .join(Membership, Membership.organisation_id == organisation.id)
        .where(Membership.person_id == person, Delegation.ended_at.is_(None), artist.id != person)
        .order_by(artist.name, artist.id, organisation.name)
    )
    seen: set[uuid.UUID] = set()
    for row in session.execute(artists):
        if row.id not in seen:
            seen.add(row.id)
            found.append(ActsFor(row.id, row.name or nameless(row.id), "person", row.via))
    return tuple(found)


def nameless(person: uuid.UUID) -> str:
    """Return what a person is called who shows no name."""
    return f"Artist {str(person)[:8]}"


def _roles(session: Session, person: uuid.UUID) -> dict[uuid.UUID, MemberRole]:
    chosen = sa.select(Membership.organisation_id, Membership.role).where(Membership.person_id == person)
    return {organisation: MemberRole(role) for organisation, role in session.execute(chosen)}


def _add_artists(
    session: Session, acts: dict[uuid.UUID, Acts], roles: Mapping[uuid.UUID, MemberRole]
) -> None:
    """Add what may be done for artists who let one of these organisations act for them; of two ways the wider one counts."""
    if not roles:
        return
    chosen = sa.select(Delegation.artist_id, Delegation.organisation_id).where(
        Delegation.organisation_id.in_(roles), Delegation.ended_at.is_(None)
    )
    for artist, organisation in session.execute(chosen):
        acts[artist] = acts.get(artist, frozenset()) | DELEGATED_ACTS[roles[organisation]]
