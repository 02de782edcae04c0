"""The rule of each route: which act it is, and whether whoever asks may do it. A test walks the routes and misses none."""

from __future__ import annotations

import uuid
from typing import Final

from byleave.errors import RefusedError
from byleave.registry.permissions import VISITOR, Act, require
from byleave.registry.sign_in import SignedIn
from byleave.web.visitors import TheVisitor, Visitor

ABOUT_HERSELF: Final = frozenset({Act.MANAGE_ACCOUNT})
"""Acts that concern the person who signed in, whomever she acts for just now."""

ABOUT_ALL: Final = frozenset({Act.REVIEW_CLAIM})
"""Acts that concern no account of one's own: the rule asks whether she does this at all, and the registry about each thing."""


class SignInNeededError(RefusedError):
    """Only somebody who signed in may do this."""

    http_status = 401


class OpenToAll:
    """The rule of a route that anybody may use, signed in or not."""

    def __init__(self, act: Act) -> None:
        self.act = act

    def __call__(self) -> None:
        """Let the permissions of the registry say so, in case they change."""
        require(VISITOR, self.act)


class SignedInFor:
    """The rule of a route for people who signed in; gives the route the person.

    What she does there she does for ``person.account``: herself, or whom she acts for just now.
    """

    def __init__(self, act: Act) -> None:
        self.act = act

    def __call__(self, visitor: TheVisitor) -> SignedIn:
        """Return who asks.

        Raises
        ------
        SignInNeededError
            If nobody is signed in.
        RefusedError
            If she may not do this, or not for whom she acts.
        """
        person = signed_in_person(visitor)
        account = None if self.act in ABOUT_ALL else person.account
        require(person.who, self.act, account=person.person if self.act in ABOUT_HERSELF else account)
        return person


class MemberFor:
    """The rule of a route about one organisation, named in its path; gives the route the person."""

    def __init__(self, act: Act) -> None:
        self.act = act

    def __call__(self, visitor: TheVisitor, organisation: uuid.UUID) -> SignedIn:
        """Return who asks; refusals as those of :class:`SignedInFor`."""
        person = signed_in_person(visitor)
        require(person.who, self.act, account=organisation)
        return person


def signed_in_person(visitor: Visitor) -> SignedIn:
    """Return who is signed in.

    Raises
    ------
    SignInNeededError
        If nobody is.
    """
    if visitor.person is None:
        raise SignInNeededError(
            "this is only for people who signed in", remedy="sign in with your e-mail address"
        )
    return visitor.person
