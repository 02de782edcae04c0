"""The one place that decides who may do what. What is not written here is refused."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from byleave.errors import RefusedError


class Role(StrEnum):
    """As whom somebody acts."""

    OPERATOR = "operator"
    CLAIMANT = "claimant"
    VISITOR = "visitor"


class Act(StrEnum):
    """Everything that can be done to the registry."""

    FILE_CLAIM = "file_claim"
    SEE_CLAIM = "see_claim"
    CHANGE_CLAIM = "change_claim"
    WITHDRAW_CLAIM = "withdraw_claim"
    ERASE_CLAIM = "erase_claim"
    REVIEW_CLAIM = "review_claim"
    LIST_ALL_CLAIMS = "list_all_claims"
    PUBLISH = "publish"
    MANAGE_TOKENS = "manage_tokens"
    SEARCH = "search"
    LOOK_UP = "look_up"
    READ_RECORD = "read_record"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks: a role, and the account a claimant is signed in with."""

    role: Role
    account: uuid.UUID | None = None


OPERATOR = Who(Role.OPERATOR)
VISITOR = Who(Role.VISITOR)

_ANYBODY = frozenset({Act.SEARCH, Act.LOOK_UP, Act.READ_RECORD, Act.SIGN_IN})
_THEIR_OWN = frozenset({Act.FILE_CLAIM, Act.SEE_CLAIM, Act.CHANGE_CLAIM, Act.WITHDRAW_CLAIM, Act.ERASE_CLAIM})


def may(who: Who, act: Act, *, account: uuid.UUID | None = None) -> bool:
    """Whether ``who`` may do ``act`` to a thing that belongs to ``account``."""
    if act in _ANYBODY or who.role is Role.OPERATOR:
        return True
    return (
        who.role is Role.CLAIMANT and act in _THEIR_OWN and who.account is not None and who.account == account
    )


def require(who: Who, act: Act, *, account: uuid.UUID | None = None) -> None:
    """Refuse what :func:`may` does not allow.

    Raises
    ------
    RefusedError
        Without saying whether the thing exists.
    """
    if not may(who, act, account=account):
        raise RefusedError("you may not do this here", remedy="sign in with the address that filed it")
