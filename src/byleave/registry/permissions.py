"""The one place that decides who may do what. What is not written here is refused."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from byleave.errors import RefusedError


class Role(StrEnum):
    """As whom somebody acts."""

    OPERATOR = "operator"
    CLAIMANT = "claimant"
    VISITOR = "visitor"


class MemberRole(StrEnum):
    """How far a person may act for an organisation."""

    ADMIN = "admin"
    FILER = "filer"
    VIEWER = "viewer"


class Act(StrEnum):
    """Everything that can be done to the registry."""

    FILE_CLAIM = "file_claim"
    SEE_CLAIM = "see_claim"
    CHANGE_CLAIM = "change_claim"
    WITHDRAW_CLAIM = "withdraw_claim"
    ERASE_CLAIM = "erase_claim"
    REVIEW_CLAIM = "review_claim"
    LIST_ALL_CLAIMS = "list_all_claims"
    PROVE = "prove"
    CHECK_ABSENCES = "check_absences"
    REPORT = "report"
    PUBLISH = "publish"
    MANAGE_ACCOUNT = "manage_account"
    EXPORT = "export"
    MANAGE_TOKENS = "manage_tokens"
    SEE_ORGANISATION = "see_organisation"
    MANAGE_ORGANISATION = "manage_organisation"
    MANAGE_REVIEWERS = "manage_reviewers"
    SEARCH = "search"
    LOOK_UP = "look_up"
    READ_RECORD = "read_record"
    SIGN_IN = "sign_in"


Acts = frozenset[Act]


def _nobody_else() -> Mapping[uuid.UUID, Acts]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks.

    account
        The account of the person who signed in, or that a program's key belongs to.
    acts_for
        Other accounts, and what may be done for each: organisations by membership, artists by delegation to one of those.
    only
        What a key is limited to; ``None`` is no limit. It never adds anything.
    reviews
        Whether the operator named this person to look at claims that are held.
    """

    role: Role
    account: uuid.UUID | None = None
    acts_for: Mapping[uuid.UUID, Acts] = field(default_factory=_nobody_else, hash=False)
    only: Acts | None = None
    reviews: bool = False


OPERATOR: Final = Who(Role.OPERATOR)
VISITOR: Final = Who(Role.VISITOR)

_ANYBODY: Final = frozenset({Act.SEARCH, Act.LOOK_UP, Act.READ_RECORD, Act.SIGN_IN})
_CLAIMS: Final = frozenset({Act.FILE_CLAIM, Act.SEE_CLAIM, Act.CHANGE_CLAIM, Act.WITHDRAW_CLAIM})
_THEIR_OWN: Final = _CLAIMS | {
    Act.ERASE_CLAIM,
    Act.PROVE,
    Act.CHECK_ABSENCES,
    Act.MANAGE_ACCOUNT,
    Act.EXPORT,
    Act.MANAGE_TOKENS,
}

_FILER: Final = _CLAIMS | {Act.PROVE, Act.CHECK_ABSENCES, Act.REPORT, Act.SEE_ORGANISATION}

MEMBER_ACTS: Final[Mapping[MemberRole, Acts]] = {
    MemberRole.ADMIN: _FILER | {Act.ERASE_CLAIM, Act.EXPORT, Act.MANAGE_TOKENS, Act.MANAGE_ORGANISATION},
    MemberRole.FILER: _FILER,
    MemberRole.VIEWER: frozenset({Act.SEE_CLAIM, Act.SEE_ORGANISATION}),
}
"""What a member may do for the organisation."""

DELEGATED_ACTS: Final[Mapping[MemberRole, Acts]] = {
    MemberRole.ADMIN: _CLAIMS,
    MemberRole.FILER: _CLAIMS,
    MemberRole.VIEWER: frozenset({Act.SEE_CLAIM}),
}
"""What a member may do for an artist who lets the organisation act for her. Proofs and her account stay hers."""


def may(who: Who, act: Act, *, account: uuid.UUID | None = None) -> bool:
    """Whether ``who`` may do ``act`` to a thing that belongs to ``account``.

    A reviewer is asked without an account whether she reviews at all; what belongs to her, or to whom she acts for, others review.
    """
    if act in _ANYBODY or who.role is Role.OPERATOR:
        return True
    if who.role is not Role.CLAIMANT or who.account is None or not (who.only is None or act in who.only):
        return False
    if act is Act.REVIEW_CLAIM:
        return who.reviews and account != who.account and account not in who.acts_for
    if account is None:
        return False
    granted = who.acts_for.get(account, frozenset())
    return act in granted or (account == who.account and act in _THEIR_OWN)


def require(who: Who, act: Act, *, account: uuid.UUID | None = None) -> None:
    """Refuse what :func:`may` does not allow.

    Raises
    ------
    RefusedError
        Without saying whether the thing exists.
    """
    if not may(who, act, account=account):
        raise RefusedError(
            "you may not do this here",
            remedy="sign in with an address that may, or ask whoever it belongs to",
        )
