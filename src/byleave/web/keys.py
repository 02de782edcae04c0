"""The rule of routes for programs: they show a key instead of a cookie, so no page elsewhere can make a browser ask for them."""

from __future__ import annotations

import uuid
from datetime import datetime

from fastapi import Request
from sqlalchemy.orm import Session

from byleave.registry.database import Database
from byleave.registry.identity import who_of_token
from byleave.registry.permissions import Act, require
from byleave.registry.rates import Rate, count_without_waiting, spend
from byleave.registry.tokens import Scope, Token, TokenRefusedError, token_of
from byleave.web.site import Site, TheSite

_SCHEMES = frozenset({"api", "bearer"})


class KeyFor:
    """The rule of a route for programs with a key; gives the route the key's token."""

    def __init__(self, act: Act, scope: Scope) -> None:
        self.act = act
        self.scope = scope

    def __call__(self, request: Request, site: TheSite) -> Token:
        """Return whose key was sent, as ``Authorization: API KEY`` or ``Bearer KEY``.

        Raises
        ------
        TokenRefusedError
            If none was, or it opens nothing here: a key for something else is as good as none.
        RefusedError
            If the key's account may not do this any more.
        """
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        with site.database.transaction() as session:
            token = token_of(
                session, key.strip() if scheme.lower() in _SCHEMES else "", self.scope, at=site.clock()
            )
            require(who_of_token(session, token), self.act, account=token.account)
        return token


def account_of_key(request: Request, site: Site) -> uuid.UUID | None:
    """Return whose key came with a request that needs none, for reading or reporting.

    Raises
    ------
    TokenRefusedError
        If the key opens nothing here: who sends one wants to be known by it.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    sent = key.strip() if scheme.lower() in _SCHEMES else ""
    with site.database.transaction() as session:
        try:
            return token_of(session, sent, Scope.READ, at=site.clock()).account
        except TokenRefusedError:
            return token_of(session, sent, Scope.REPORT, at=site.clock()).account


def count_against(database: Database, token: Token, amount: int, at: datetime) -> None:
    """Count what a program asks for against its key, whatever becomes of the answer.

    Raises
    ------
    TooOftenError
        If its minute is used up.
    """
    session: Session
    with database.transaction() as session:
        count_without_waiting(session)
        spend(session, Rate.LOOK_UPS, token.key_hash, amount, at=at)
