"""Erase a person's account with everything that is hers. The log keeps that there were claims, and nobody can open them again."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import ClaimState
from byleave.errors import ConflictError, NotFoundError
from byleave.registry.account_tables import (
    Account,
    AuditEventRow,
    Invitation,
    Membership,
    OutboxMessage,
    SignInLink,
)
from byleave.registry.audit import AuditKind, ErasureDetails, record
from byleave.registry.draft_tables import DraftRow
from byleave.registry.erasure import erase_claim
from byleave.registry.following_tables import CopiesFound
from byleave.registry.guard_tables import RateUseRow
from byleave.registry.organisations import organisation_by_id
from byleave.registry.permissions import OPERATOR, Act, Role, Who, require
from byleave.registry.tables import ClaimRow


def erase_account(
    session: Session, account: uuid.UUID, *, who: Who, at: datetime, visitor: str | None = None
) -> int:
    """Erase a person's account and return how many claims were erased with it, all in the caller's transaction.

    Every claim is erased (its record, salts and targets), and so are proofs, passkeys, keys, sessions, delegations, mails, lists that
    were handed in, and what was written down about her. An organisation of which she is the only member goes with her. Lists that are
    published from now on name none of it.

    Parameters
    ----------
    visitor
        The browser that asks, whose drafts go too.

    Raises
    ------
    NotFoundError
        If there is no such person.
    ConflictError
        If an organisation with other members would be left without anybody to manage it.
    """
    require(who, Act.MANAGE_ACCOUNT, account=account)
    chosen = sa.select(Account).where(Account.id == account).with_for_update()
    person = session.execute(chosen).scalar_one_or_none()
    if person is None or person.email is None:
        raise NotFoundError("there is no such person here", remedy="check the address")
    gone = [account, *_own_organisations(session, account)]
    claims = sum(_erase_claims(session, one, at) for one in gone)
    _forget_traces(session, gone, person.email, visitor)
    session.execute(sa.delete(Account).where(Account.id.in_(gone)))
    by = Who(Role.OPERATOR if who.role is Role.OPERATOR else Role.CLAIMANT)
    details = ErasureDetails(claims)
    record(session, AuditKind.ACCOUNT_ERASED, who=by, subject=uuid.uuid4(), at=at, details=details)
    return claims


def _own_organisations(session: Session, person: uuid.UUID) -> list[uuid.UUID]:
    """Return the organisations of which a person is the only member.

    Raises
    ------
    ConflictError
        If she is the only one to manage an organisation that has other members.
    """
    row = Membership
    own = sa.select(row.organisation_id).where(row.person_id == person)
    alone = []
    for organisation in session.execute(own.order_by(row.organisation_id)).scalars().all():
        others = sa.select(row.role).where(row.organisation_id == organisation, row.person_id != person)
        roles = session.execute(others).scalars().all()
        if not roles:
            alone.append(organisation)
        elif "admin" not in roles:
            raise ConflictError(
                f"you are the only admin of {organisation_by_id(session, organisation).name}, which has other members",
                remedy="make another member an admin on its page, or close it there, and erase your account then",
            )
    return alone


def _erase_claims(session: Session, account: uuid.UUID, at: datetime) -> int:
    chosen = sa.select(ClaimRow.id).where(
        ClaimRow.account_id == account, ClaimRow.state != ClaimState.ERASED.value
    )
    claims = session.execute(chosen.order_by(ClaimRow.id)).scalars().all()
    for claim in claims:
        erase_claim(session, claim, who=OPERATOR, at=at)
    session.execute(sa.delete(CopiesFound).where(CopiesFound.claim_id.in_(claims)))
    return len(claims)


def _forget_traces(session: Session, accounts: list[uuid.UUID], email: str, visitor: str | None) -> None:
    """Remove what names these accounts or the address and would not go with the accounts by itself."""
    session.execute(sa.delete(SignInLink).where(SignInLink.email == email))
    session.execute(sa.delete(Invitation).where(Invitation.email == email))
    session.execute(sa.delete(OutboxMessage).where(OutboxMessage.recipient == email))
    if visitor is not None:
        session.execute(sa.delete(DraftRow).where(DraftRow.visitor == visitor))
    for account in accounts:
        row = AuditEventRow
        named = (row.actor_id == account) | (row.subject == str(account))
        told = sa.cast(row.details, sa.Text).contains(str(account))
        session.execute(sa.delete(row).where(named | told))
        session.execute(sa.delete(RateUseRow).where(RateUseRow.subject == account.bytes))
        session.execute(
            sa.text("DELETE FROM procrastinate_jobs WHERE status <> 'doing' AND args::text LIKE :named"),
            {"named": f"%{account}%"},
        )
