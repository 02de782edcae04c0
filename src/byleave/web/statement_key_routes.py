"""The keys by which an organisation signs statements, on its page."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.registry.statement_keys import add_statement_key, revoke_statement_key
from byleave.web.forms import CheckedForm
from byleave.web.rendering import go
from byleave.web.rules import MemberFor
from byleave.web.site import TheSite

router = APIRouter(include_in_schema=False)

Admin = Annotated[SignedIn, Depends(MemberFor(Act.MANAGE_ORGANISATION))]


@router.post("/organisations/{organisation}/statement-keys")
def add(organisation: uuid.UUID, site: TheSite, person: Admin, form: CheckedForm) -> Response:
    """Let what a key signs count as the organisation's."""
    with site.database.transaction() as session:
        add_statement_key(session, organisation, form.text("key"), who=person.who, at=site.clock())
    return go(f"/organisations/{organisation}?said=signs#statement-keys")


@router.post("/organisations/{organisation}/statement-keys/revoke")
def revoke(organisation: uuid.UUID, site: TheSite, person: Admin, form: CheckedForm) -> Response:
    """Let nothing that a key signs count from now on."""
    with site.database.transaction() as session:
        revoke_statement_key(session, organisation, form.text("key"), who=person.who, at=site.clock())
    return go(f"/organisations/{organisation}?said=signs_no_more#statement-keys")
