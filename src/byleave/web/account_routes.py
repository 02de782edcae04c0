"""A person's own page: her name, passkeys, organisations, who may act for her, keys for programs, signing out everywhere."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.errors import InputError
from byleave.registry.accounts import Profile, change_profile, profile_of
from byleave.registry.delegations import agents_of, end_delegation, let_act
from byleave.registry.organisations import memberships_of, organisation_by_id
from byleave.registry.passkeys import passkeys_of
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn, act_for, sign_out_everywhere
from byleave.registry.tokens import NewToken, revoke_token, tokens
from byleave.web.forms import CheckedForm
from byleave.web.made_keys import PERSONS_KEYS, make_key
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import Site, TheSite
from byleave.web.visitors import SESSION_COOKIE, TheVisitor, Visitor, forget_session

router = APIRouter(include_in_schema=False)

OnlyHerself = Depends(SignedInFor(Act.MANAGE_ACCOUNT))
Herself = Annotated[SignedIn, OnlyHerself]
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")

SAID: Final = {
    "saved": "Saved.",
    "passkey": "The passkey is kept. You can sign in with it from now on.",
    "passkey_renamed": "The passkey has its new name.",
    "passkey_removed": "The passkey is gone: it signs nobody in any more.",
    "revoked": "The key is revoked: it opens nothing any more.",
    "acts": "They may act for you now, until you end it here.",
    "ended": "It is ended: they do not act for you any more.",
    "left": "You left the organisation.",
    "closed": "The organisation is closed, and its choices are undone.",
    "joined": "You are a member now.",
}


@router.get("/account")
def account(request: Request, site: TheSite, visitor: TheVisitor, person: Herself) -> Response:
    """Show everything about the account of whoever is signed in."""
    return account_page(request, site, visitor, person, said=request.query_params.get("said", ""))


def account_page(
    request: Request,
    site: Site,
    visitor: Visitor,
    person: SignedIn,
    *,
    said: str = "",
    made: NewToken | None = None,
) -> Response:
    """Return the page; ``made`` is a key that is shown this once."""
    with site.database.transaction() as session:
        shown: dict[str, Any] = {
            "profile": profile_of(session, who=person.who),
            "passkeys": passkeys_of(session, who=person.who),
            "memberships": memberships_of(session, who=person.who),
            "agents": agents_of(session, who=person.who),
            "keys": tokens(session, who=person.who, account=person.person),
        }
    return page(
        request,
        site,
        visitor,
        "account.html",
        person=person,
        said=SAID.get(said, ""),
        made=made,
        now=site.clock(),
        scopes=PERSONS_KEYS,
        **shown,
    )


@router.post("/account/profile")
def profile(site: TheSite, person: Herself, form: CheckedForm) -> Response:
    """Take a name to show, or none, and whether a mail each month is wanted."""
    told = Profile(form.text("name") or None, form.ticked("monthly_mail"))
    with site.database.transaction() as session:
        change_profile(session, told, who=person.who, at=site.clock())
    return go("/account?said=saved")


@router.post("/account/keys")
def new_key(
    request: Request, site: TheSite, visitor: TheVisitor, person: Herself, form: CheckedForm
) -> Response:
    """Make a key and show it, the only time anybody sees it."""
    with site.database.transaction() as session:
        made = make_key(session, form, account=person.person, who=person.who, at=site.clock())
    return account_page(request, site, visitor, person, made=made)


@router.post("/account/keys/revoke")
def revoke_key(site: TheSite, person: Herself, form: CheckedForm) -> Response:
    """Take a key back."""
    with site.database.transaction() as session:
        revoke_token(session, form.text("name"), account=person.person, who=person.who, at=site.clock())
    return go("/account?said=revoked#keys")


@router.post("/account/agents/find", dependencies=[OnlyHerself])
def find_agent(site: TheSite, form: CheckedForm) -> Response:
    """Find an organisation by its number or the address of its page, and go to where it is let act."""
    found = _UUID.search(form.text("organisation"))
    if found is None:
        raise InputError(
            "that names no organisation",
            remedy="ask it for the address of its page here, and paste that, or its number",
        )
    with site.database.transaction() as session:
        organisation = organisation_by_id(session, uuid.UUID(found.group()))
    return go(f"/organisations/{organisation.id}")


@router.post("/account/agents/{organisation}")
def let(organisation: uuid.UUID, site: TheSite, person: Herself, _: CheckedForm) -> Response:
    """Let an organisation act for her."""
    with site.database.transaction() as session:
        let_act(session, organisation, who=person.who, at=site.clock())
    return go("/account?said=acts#agents")


@router.post("/account/agents/{organisation}/end")
def end(organisation: uuid.UUID, site: TheSite, person: Herself, _: CheckedForm) -> Response:
    """Let it act no longer, in this one step."""
    with site.database.transaction() as session:
        end_delegation(session, organisation, who=person.who, at=site.clock())
    return go("/account?said=ended#agents")


@router.post("/account/acting", dependencies=[OnlyHerself])
def acting(request: Request, site: TheSite, form: CheckedForm) -> Response:
    """Act for somebody else from now on, or for herself again."""
    chosen = form.text("account")
    if chosen and not _UUID.fullmatch(chosen):
        raise InputError("there is nobody of that number", remedy="choose somebody from the list")
    with site.database.transaction() as session:
        act_for(
            session,
            request.cookies.get(SESSION_COOKIE, ""),
            uuid.UUID(chosen) if chosen else None,
            at=site.clock(),
        )
    return go("/choices" if chosen else "/account")


@router.post("/account/sign-out-everywhere")
def leave_everywhere(request: Request, site: TheSite, person: Herself, _: CheckedForm) -> Response:
    """End every session of hers, this one too."""
    with site.database.transaction() as session:
        sign_out_everywhere(session, who=person.who, at=site.clock())
    response = go("/")
    forget_session(response, request)
    return response
