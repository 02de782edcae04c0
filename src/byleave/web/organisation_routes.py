"""Organisations by page: make one, invite, roles, remove, leave; and letting one act for oneself."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from byleave.errors import InputError, NotFoundError
from byleave.publish.receipts import step_with_receipts
from byleave.registry.closing import close_organisation
from byleave.registry.delegations import agents_of, artists_of, give_up_delegation
from byleave.registry.invitations import (
    ROLE_WORDS,
    accept_invitation,
    invitation_of,
    invite,
    open_invitations,
    withdraw_invitation,
)
from byleave.registry.organisations import (
    change_role,
    create_organisation,
    leave_organisation,
    members_of,
    organisation_by_id,
    remove_member,
    rename_organisation,
)
from byleave.registry.permissions import Act, MemberRole, Who, may
from byleave.registry.sign_in import SignedIn
from byleave.registry.statement_keys import statement_keys
from byleave.registry.tokens import NewToken, revoke_token, tokens
from byleave.web.choices import ask_for_list
from byleave.web.forms import CheckedForm, Form
from byleave.web.made_keys import ORGANISATIONS_KEYS, make_key
from byleave.web.rendering import go, page
from byleave.web.rules import MemberFor, SignedInFor
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor, Visitor

router = APIRouter(include_in_schema=False)

Herself = Annotated[SignedIn, Depends(SignedInFor(Act.MANAGE_ACCOUNT))]
Admin = Annotated[SignedIn, Depends(MemberFor(Act.MANAGE_ORGANISATION))]
KeyKeeper = Annotated[SignedIn, Depends(MemberFor(Act.MANAGE_TOKENS))]

SAID: Final = {
    "made": "The organisation is made, and you are its admin.",
    "named": "The organisation has its new name.",
    "invited": "The invitation is on its way. It works for seven days.",
    "withdrawn": "The invitation is taken back.",
    "changed": "The role is changed.",
    "removed": "The member is taken out.",
    "given_up": "You do not act for that artist any more.",
    "revoked": "The key is revoked: it opens nothing any more.",
    "joined": "Welcome: you are a member now.",
    "signs": "What this key signs counts as the organisation’s from now on.",
    "signs_no_more": "Nothing that this key signs counts from now on. What it signed before stays.",
}


@router.post("/organisations")
def create(site: TheSite, person: Herself, form: CheckedForm) -> Response:
    """Make an organisation."""
    with site.database.transaction() as session:
        made = create_organisation(session, form.text("name"), who=person.who, at=site.clock())
    return go(f"/organisations/{made.id}?said=made")


@router.get("/organisations/{organisation}")
def show(
    organisation: uuid.UUID, request: Request, site: TheSite, visitor: TheVisitor, person: Herself
) -> Response:
    """Show an organisation: to its members what is in it, to everybody else its name and how to let it act."""
    said = request.query_params.get("said", "")
    return organisation_page(request, site, visitor, person, organisation, said=said)


def organisation_page(
    request: Request,
    site: Site,
    visitor: Visitor,
    person: SignedIn,
    organisation: uuid.UUID,
    *,
    said: str = "",
    made: NewToken | None = None,
) -> Response:
    """Return the page of an organisation; ``made`` is a key that is shown this once."""
    who, now = person.who, site.clock()
    is_member = may(who, Act.SEE_ORGANISATION, account=organisation)
    is_admin = may(who, Act.MANAGE_ORGANISATION, account=organisation)
    with site.database.transaction() as session:
        shown = _known(session, organisation, who, now, is_member=is_member, is_admin=is_admin)
    return page(
        request,
        site,
        visitor,
        "organisation.html",
        person=person,
        is_member=is_member,
        may_file=may(who, Act.FILE_CLAIM, account=organisation),
        is_admin=is_admin,
        roles={role.value: words for role, words in ROLE_WORDS.items()},
        said=SAID.get(said, ""),
        made=made,
        now=now,
        scopes=ORGANISATIONS_KEYS,
        address=f"{request.url.scheme}://{request.headers['host']}/organisations/{organisation}",
        **shown,
    )


def _known(
    session: Session, organisation: uuid.UUID, who: Who, now: datetime, *, is_member: bool, is_admin: bool
) -> dict[str, Any]:
    """Return what somebody may see of an organisation."""
    return {
        "organisation": organisation_by_id(session, organisation),
        "agent": next((one for one in agents_of(session, who=who) if one.account == organisation), None),
        "members": members_of(session, organisation, who=who) if is_member else (),
        "artists": artists_of(session, organisation, who=who) if is_member else (),
        "invitations": open_invitations(session, organisation, who=who, at=now) if is_admin else (),
        "keys": tokens(session, who=who, account=organisation) if is_admin else (),
        "statement_keys": statement_keys(session, organisation),
    }


@router.post("/organisations/{organisation}/name")
def rename(organisation: uuid.UUID, site: TheSite, person: Admin, form: CheckedForm) -> Response:
    """Call it something else."""
    with site.database.transaction() as session:
        rename_organisation(session, organisation, form.text("name"), who=person.who, at=site.clock())
    return go(f"/organisations/{organisation}?said=named")


@router.post("/organisations/{organisation}/invitations")
def send_invitation(
    organisation: uuid.UUID, request: Request, site: TheSite, person: Admin, form: CheckedForm
) -> Response:
    """Invite somebody by e-mail."""
    accept_url = f"{request.url.scheme}://{request.headers['host']}/invitation"
    with site.database.transaction() as session:
        invite(
            session,
            organisation,
            form.text("email"),
            _role(form),
            accept_url=accept_url,
            post=site.post,
            who=person.who,
            at=site.clock(),
        )
    return go(f"/organisations/{organisation}?said=invited#members")


@router.post("/organisations/{organisation}/invitations/withdraw")
def withdraw(organisation: uuid.UUID, site: TheSite, person: Admin, form: CheckedForm) -> Response:
    """Take an invitation back."""
    with site.database.transaction() as session:
        withdraw_invitation(session, organisation, form.text("invitation"), who=person.who)
    return go(f"/organisations/{organisation}?said=withdrawn#members")


@router.post("/organisations/{organisation}/members/{member}/role")
def set_role(
    organisation: uuid.UUID, member: uuid.UUID, site: TheSite, person: Admin, form: CheckedForm
) -> Response:
    """Give a member another role."""
    with site.database.transaction() as session:
        change_role(session, organisation, member, _role(form), who=person.who, at=site.clock())
    return go(f"/organisations/{organisation}?said=changed#members")


@router.post("/organisations/{organisation}/members/{member}/remove")
def remove(
    organisation: uuid.UUID, member: uuid.UUID, site: TheSite, person: Admin, _: CheckedForm
) -> Response:
    """Take a member out."""
    with site.database.transaction() as session:
        remove_member(session, organisation, member, who=person.who, at=site.clock())
    return go(f"/organisations/{organisation}?said=removed#members")


@router.post("/organisations/{organisation}/leave")
def leave(organisation: uuid.UUID, site: TheSite, person: Herself, _: CheckedForm) -> Response:
    """Leave it."""
    with site.database.transaction() as session:
        leave_organisation(session, organisation, who=person.who, at=site.clock())
    return go("/account?said=left#organisations")


@router.post("/organisations/{organisation}/close")
def close(organisation: uuid.UUID, site: TheSite, person: Admin, form: CheckedForm) -> Response:
    """Close it for good, with its choices undone."""
    if not form.ticked("sure"):
        raise InputError("you did not tick that you are sure", remedy="tick it, or leave everything as it is")
    at = site.clock()
    step_with_receipts(
        site.database,
        site.settings,
        lambda session: close_organisation(session, organisation, who=person.who, at=at),
        at=at,
        also=ask_for_list,
    )
    return go("/account?said=closed#organisations")


@router.post("/organisations/{organisation}/artists/{artist}/end")
def give_up(
    organisation: uuid.UUID, artist: uuid.UUID, site: TheSite, person: Admin, _: CheckedForm
) -> Response:
    """Act for an artist no longer."""
    with site.database.transaction() as session:
        give_up_delegation(session, organisation, artist, who=person.who, at=site.clock())
    return go(f"/organisations/{organisation}?said=given_up#artists")


@router.post("/organisations/{organisation}/keys")
def new_key(
    organisation: uuid.UUID,
    request: Request,
    site: TheSite,
    visitor: TheVisitor,
    person: KeyKeeper,
    form: CheckedForm,
) -> Response:
    """Make a key of the organisation's and show it, the only time anybody sees it."""
    with site.database.transaction() as session:
        made = make_key(session, form, account=organisation, who=person.who, at=site.clock())
    return organisation_page(request, site, visitor, person, organisation, made=made)


@router.post("/organisations/{organisation}/keys/revoke")
def revoke_key(organisation: uuid.UUID, site: TheSite, person: KeyKeeper, form: CheckedForm) -> Response:
    """Take a key of the organisation's back."""
    with site.database.transaction() as session:
        revoke_token(session, form.text("name"), account=organisation, who=person.who, at=site.clock())
    return go(f"/organisations/{organisation}?said=revoked#keys")


@router.get("/invitation")
def invitation(
    request: Request, site: TheSite, visitor: TheVisitor, person: Herself, code: str = ""
) -> Response:
    """Show the button that accepts an invitation. Opening the page accepts nothing."""
    with site.database.transaction() as session:
        offered = invitation_of(session, code, at=site.clock())
    if offered is None:
        raise NotFoundError(
            "this invitation does not work any more: it works once, and for seven days",
            remedy="ask for a new one",
        )
    does = ROLE_WORDS[offered.role]
    return page(
        request, site, visitor, "invitation.html", person=person, offered=offered, code=code, does=does
    )


@router.post("/invitation")
def accept(site: TheSite, person: Herself, form: CheckedForm) -> Response:
    """Accept an invitation, once."""
    with site.database.transaction() as session:
        joined = accept_invitation(session, form.text("code"), who=person.who, at=site.clock())
    return go(f"/organisations/{joined.organisation}?said=joined")


def _role(form: Form) -> MemberRole:
    text = form.text("role")
    if text not in {role.value for role in MemberRole}:
        raise InputError("there is no such role", remedy="choose one of those on the page")
    return MemberRole(text)
