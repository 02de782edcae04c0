"""The rule of each route: which act it is, and whether whoever asks may do it. A test walks the routes and misses none."""

from __future__ import annotations

from byleave.errors import RefusedError
from byleave.registry.permissions import VISITOR, Act, require
from byleave.registry.sign_in import SignedIn
from byleave.web.visitors import TheVisitor


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
    """The rule of a route for people who signed in; gives the route the person."""

    def __init__(self, act: Act) -> None:
        self.act = act

    def __call__(self, visitor: TheVisitor) -> SignedIn:
        """Return who asks.

        Raises
        ------
        SignInNeededError
            If nobody is signed in.
        """
        if visitor.person is None:
            raise SignInNeededError(
                "this is only for people who signed in", remedy="sign in with your e-mail address"
            )
        require(visitor.who, self.act, account=visitor.person.account)
        return visitor.person
