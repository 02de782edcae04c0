"""Close an organisation for good: what it said is withdrawn, its keys open nothing, and nobody acts for it or by it any more."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import Account, Delegation, Invitation, Membership, SignInSession
from byleave.registry.answering import ClaimFilter, living_claims, withdraw_claims
from byleave.registry.audit import AuditKind, record
from byleave.registry.claims import Claim
from byleave.registry.organisations import organisation_by_id
from byleave.registry.permissions import Act, Who, require
from byleave.registry.tokens import revoke_token, tokens


def close_organisation(
    session: Session, organisation: uuid.UUID, *, who: Who, at: datetime
) -> tuple[Claim, ...]:
    """Close an organisation, all in the caller's transaction, and return its claims, each withdrawn by an event of its own.

    Its keys are revoked, its invitations taken back, and artists have ended that it acts for them. Its name stays for what it did: a claim
    says by whose word a list was applied. What it filed for artists with accounts is theirs, and stands.

    Raises
    ------
    RefusedError
        If ``who`` is no admin of it.
    NotFoundError
        If there is no such organisation, or it is closed already.
    """
    require(who, Act.MANAGE_ORGANISATION, account=organisation)
    session.execute(sa.select(Account.id).where(Account.id == organisation).with_for_update())
    organisation_by_id(session, organisation)
    living = living_claims(session, organisation, ClaimFilter(), who=who, most=0)
    withdrawn = withdraw_claims(session, [one.id for one in living], who=who, at=at) if living else ()
    for token in tokens(session, who=who, account=organisation):
        if token.revoked_at is None:
            revoke_token(session, token.name, who=who, at=at, account=organisation)
    session.execute(sa.delete(Invitation).where(Invitation.organisation_id == organisation))
    acts = (Delegation.organisation_id == organisation) & Delegation.ended_at.is_(None)
    session.execute(sa.update(Delegation).where(acts).values(ended_at=at))
    acting = SignInSession.acting_for == organisation
    session.execute(sa.update(SignInSession).where(acting).values(acting_for=None))
    session.execute(sa.delete(Membership).where(Membership.organisation_id == organisation))
    record(session, AuditKind.ORGANISATION_CLOSED, who=who, subject=organisation, at=at)
    return withdrawn
