"""Somebody's data: take all of it along, or have all of it erased."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from byleave.publish.export import export_account
from byleave.publish.sequencer import integrate
from byleave.registry.account_erasure import erase_account
from byleave.registry.permissions import Act
from byleave.registry.rates import Rate, spend
from byleave.registry.sign_in import SignedIn
from byleave.web.choices import ask_for_list
from byleave.web.forms import CheckedForm
from byleave.web.rendering import page
from byleave.web.rules import MemberFor, SignedInFor
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor, Visitor, forget_session

router = APIRouter(include_in_schema=False)

Admin = Annotated[SignedIn, Depends(MemberFor(Act.EXPORT))]
Herself = Annotated[SignedIn, Depends(SignedInFor(Act.MANAGE_ACCOUNT))]


@router.get("/account/export")
def export(site: TheSite, person: Herself) -> Response:
    """Give everything the registry holds about whoever is signed in, as a ZIP that is made while it is sent."""
    return _exported(site, person, person.person)


@router.get("/organisations/{organisation}/export")
def export_organisation(organisation: uuid.UUID, site: TheSite, person: Admin) -> Response:
    """Give everything the registry holds about an organisation to one of its admins."""
    return _exported(site, person, organisation)


def _exported(site: Site, person: SignedIn, account: uuid.UUID) -> Response:
    now = site.clock()
    with site.database.transaction() as session:
        spend(session, Rate.EXPORTS, account.bytes, 1, at=now)
    pieces = export_account(site.database, site.settings, account, who=person.who, at=now)
    name = f"byleave-{now:%Y-%m-%d}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


@router.get("/account/erase")
def before_erasing(request: Request, site: TheSite, visitor: TheVisitor, person: Herself) -> Response:
    """Say what erasing the account does, and show the one button that does it."""
    return page(request, site, visitor, "erase.html", person=person)


@router.post("/account/erase")
def erase(request: Request, site: TheSite, visitor: TheVisitor, person: Herself, _: CheckedForm) -> Response:
    """Erase the account of whoever is signed in, with everything that is hers."""
    now = site.clock()
    with site.database.transaction() as session:
        claims = erase_account(session, person.person, who=person.who, at=now, visitor=visitor.id)
        ask_for_list(session)
    integrate(site.database, site.settings, at=now)
    nobody = Visitor(visitor.id, visitor.is_new, visitor.form_token)
    response = page(request, site, nobody, "erased.html", claims=claims)
    forget_session(response, request)
    return response
