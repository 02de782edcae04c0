"""Ties to the work itself: a signed statement about a choice, a file with Content Credentials."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from byleave.consent import STEPS, ClaimState
from byleave.registry.checking.signed import show_credentials, show_statement, statement_text
from byleave.registry.claims import claim_by_id, claims_of
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.web.asked_pictures import read_asked_picture
from byleave.web.choices import choice_named
from byleave.web.forms import CheckedForm
from byleave.web.rendering import answer_words, go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Prover = Annotated[SignedIn, Depends(SignedInFor(Act.PROVE))]

MOST_CHOICES: Final = 100


@router.get("/proofs/signed")
def signed(request: Request, site: TheSite, visitor: TheVisitor, person: Prover) -> Response:
    """Show what to publish, what to sign, and where to hand it in."""
    with site.database.transaction() as session:
        claims = claims_of(session, person.account, who=person.who)
    living = [claim for claim in claims if ClaimState.WITHDRAWN in STEPS[claim.state]][:MOST_CHOICES]
    choices = [
        (claim.id.hex(), f"{answer_words(claim.preferences)}, {claim.id.hex()[:8]}") for claim in living
    ]
    name = site.checks.keys.account_name(person.account)
    return page(request, site, visitor, "signed.html", choices=choices, name=name)


@router.get("/proofs/statement/{claim}")
def statement(claim: str, site: TheSite, person: Prover) -> Response:
    """Give the bytes to sign for one choice."""
    with site.database.transaction() as session:
        found = claim_by_id(session, choice_named(claim), who=person.who)
    headers = {"content-disposition": f'attachment; filename="statement-{found.id.hex()[:8]}.json"'}
    content = statement_text(found, site.checks.keys.account_name(person.account))
    return Response(content, media_type="application/json", headers=headers)


@router.post("/proofs/statement")
def hand_in_statement(site: TheSite, person: Prover, form: CheckedForm) -> Response:
    """Take the signature of a statement."""
    proofs = show_statement(
        site.database,
        site.checks,
        choice_named(form.text("choice")),
        form.text("host"),
        form.text("signature"),
        who=person.who,
        at=site.clock(),
    )
    return go(f"/proofs/{proofs[0].id}#seen")


@router.post("/proofs/credentials")
async def hand_in_credentials(site: TheSite, person: Prover, form: CheckedForm) -> Response:
    """Take a file with Content Credentials. It is read in memory and not kept."""
    asked = await run_in_threadpool(read_asked_picture, form.picture, form.picture_name, site.settings.limits)
    found = await run_in_threadpool(
        show_credentials,
        site.database,
        site.checks,
        form.picture,
        asked.claimed,
        form.text("host"),
        who=person.who,
        account=person.account,
        at=site.clock(),
    )
    return go(f"/proofs/{found.id}#seen")
