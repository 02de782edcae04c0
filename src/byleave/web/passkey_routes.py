"""Passkeys by page and script: what a browser is asked, what it answers; naming and removing them by plain forms."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from byleave.registry.passkeys import (
    Place,
    add_passkey,
    begin_passkey,
    begin_sign_in,
    remove_passkey,
    rename_passkey,
    sign_in_with_passkey,
)
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.web.forms import CheckedForm, checked_header
from byleave.web.rendering import go
from byleave.web.rules import OpenToAll, SignedInFor
from byleave.web.sign_in_routes import local_path
from byleave.web.site import TheSite
from byleave.web.visitors import remember_session

router = APIRouter(include_in_schema=False)

Herself = Annotated[SignedIn, Depends(SignedInFor(Act.MANAGE_ACCOUNT))]
Anybody = Depends(OpenToAll(Act.SIGN_IN))
Token = Depends(checked_header)


class NewPasskeyBody(BaseModel):
    """A passkey a browser made, and what its person calls it."""

    model_config = ConfigDict(extra="forbid")

    credential: dict[str, Any]
    name: str = Field(max_length=200)


class SignInBody(BaseModel):
    """What a browser answered for a passkey, and where its reader was going."""

    model_config = ConfigDict(extra="forbid")

    credential: dict[str, Any]
    next: str = Field(default="", max_length=16_000)


@router.post("/account/passkeys/options", dependencies=[Token])
def options(request: Request, site: TheSite, person: Herself) -> dict[str, Any]:
    """Return what a browser is asked to make a passkey."""
    with site.database.transaction() as session:
        return begin_passkey(session, place_of(request), who=person.who, at=site.clock())


@router.post("/account/passkeys", dependencies=[Token])
def add(request: Request, site: TheSite, person: Herself, body: NewPasskeyBody) -> dict[str, Any]:
    """Keep the passkey a browser made."""
    place, now = place_of(request), site.clock()
    add_passkey(site.database, body.credential, body.name, place, who=person.who, at=now)
    return {"ok": True, "next": "/account?said=passkey#passkeys"}


@router.post("/account/passkeys/{passkey}/rename")
def rename(passkey: str, site: TheSite, person: Herself, form: CheckedForm) -> Response:
    """Call a passkey something else."""
    with site.database.transaction() as session:
        rename_passkey(session, _id(passkey), form.text("name"), who=person.who, at=site.clock())
    return go("/account?said=passkey_renamed#passkeys")


@router.post("/account/passkeys/{passkey}/remove")
def remove(passkey: str, site: TheSite, person: Herself, _: CheckedForm) -> Response:
    """Forget a passkey."""
    with site.database.transaction() as session:
        remove_passkey(session, _id(passkey), who=person.who, at=site.clock())
    return go("/account?said=passkey_removed#passkeys")


@router.post("/sign-in/passkey/options", dependencies=[Anybody, Token])
def sign_in_options(request: Request, site: TheSite) -> dict[str, Any]:
    """Return what a browser is asked to sign somebody in."""
    with site.database.transaction() as session:
        return begin_sign_in(session, place_of(request), at=site.clock())


@router.post("/sign-in/passkey", dependencies=[Anybody, Token])
def sign_in(request: Request, site: TheSite, body: SignInBody) -> Response:
    """Sign in whoever the passkey belongs to."""
    cookie = sign_in_with_passkey(site.database, body.credential, place_of(request), at=site.clock())
    response = JSONResponse({"ok": True, "next": local_path(body.next)})
    remember_session(response, cookie, request)
    return response


def place_of(request: Request) -> Place:
    """Return where the browser is. Its origin was held against our own host before this route was reached."""
    origin = request.headers.get("origin", "")
    return Place(urlsplit(origin).hostname or "", origin)


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""  # no passkey has this name, and the answer says so
