"""Who is asking: a visitor's cookie, a signed-in session, and the token every form must carry."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.responses import Response

from byleave.errors import RefusedError
from byleave.registry.permissions import VISITOR, Who
from byleave.registry.sign_in import SESSION_LIFE, SignedIn, signed_in
from byleave.web.site import Site, TheSite

VISITOR_COOKIE: Final = "byleave_visitor"
SESSION_COOKIE: Final = "byleave_session"
TOKEN_FIELD: Final = "form_token"  # noqa: S105 - the name of a form field
TOKEN_HEADER: Final = "x-byleave-token"  # noqa: S105 - the name of a header
_ID_CHARACTERS: Final = 22


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever sent a request.

    id
        Opaque name of the browser; says nothing about a person.
    is_new
        Whether the browser has yet to be given its cookie.
    person
        The account signed in, if any.
    """

    id: str
    is_new: bool
    form_token: str
    person: SignedIn | None = None

    @property
    def who(self) -> Who:
        """As whom the rules of the registry see this visitor."""
        return self.person.who if self.person else VISITOR

    def check_token(self, token: str) -> None:
        """Refuse a form that this browser was not given."""
        if not hmac.compare_digest(token.encode(), self.form_token.encode()):
            raise RefusedError(
                "this form has run out or is not yours, so nothing was changed",
                remedy="go back, load the page again and send it once more",
            )


def visitor_of(request: Request, site: TheSite) -> Visitor:
    """Recognise a browser by its cookies; what they say is believed only if we wrote it."""
    name, is_new = _name(request.cookies.get(VISITOR_COOKIE, ""), site.secret)
    cookie = request.cookies.get(SESSION_COOKIE)
    person: SignedIn | None = None
    if cookie:
        with site.database.transaction() as session:
            person = signed_in(session, cookie, at=site.clock())
    token = person.form_token if person else _sign(site.secret, "form", name)
    visitor = Visitor(name, is_new, token, person)
    request.state.visitor = visitor
    return visitor


TheVisitor = Annotated[Visitor, Depends(visitor_of)]


def known_visitor(request: Request) -> Visitor | None:
    """Return the visitor if a rule of this request has recognised one already."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    return visitor


def remember_visitor(response: Response, visitor: Visitor, site: Site, request: Request) -> None:
    """Give a new browser its cookie."""
    if visitor.is_new:
        value = f"{visitor.id}.{_sign(site.secret, 'visitor', visitor.id)}"
        response.set_cookie(VISITOR_COOKIE, value, **_flags(request))


def remember_session(response: Response, cookie: str, request: Request) -> None:
    """Give a browser that signed in its cookie."""
    response.set_cookie(SESSION_COOKIE, cookie, max_age=int(SESSION_LIFE.total_seconds()), **_flags(request))


def forget_session(response: Response, request: Request) -> None:
    """Take the cookie of a session back."""
    response.delete_cookie(SESSION_COOKIE, **_flags(request))


def _flags(request: Request) -> dict[str, Any]:
    return {"httponly": True, "samesite": "lax", "secure": request.url.scheme == "https", "path": "/"}


def _name(cookie: str, secret: bytes) -> tuple[str, bool]:
    name, _, signature = cookie.partition(".")
    if len(name) == _ID_CHARACTERS and hmac.compare_digest(
        signature.encode(), _sign(secret, "visitor", name).encode()
    ):
        return name, False
    return secrets.token_urlsafe(16), True


def _sign(secret: bytes, purpose: str, name: str) -> str:
    return hmac.new(secret, f"byleave/{purpose}/1\0{name}".encode(), hashlib.sha256).hexdigest()
