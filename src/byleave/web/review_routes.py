"""The review page: held choices side by side with what they would touch, for those whom the operator named to look."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.errors import InputError, NotFoundError
from byleave.registry.permissions import Act
from byleave.registry.review import Decided, decide, held_claim, held_claims, queue
from byleave.registry.sign_in import SignedIn
from byleave.registry.suspicions import suspected_false
from byleave.web.choices import ask_for_list
from byleave.web.entries import Shower
from byleave.web.following_routes import claim_id_of
from byleave.web.forms import CheckedForm
from byleave.web.held_choices import HELD_PER_PAGE, show_held
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Reviewer = Annotated[SignedIn, Depends(SignedInFor(Act.REVIEW_CLAIM))]

DECISIONS = {"release": True, "reject": False}
MOST_PAGES = 10_000


@router.get("/review")
def review(request: Request, site: TheSite, visitor: TheVisitor, person: Reviewer) -> Response:
    """Show held choices, those that have waited longest first."""
    text = request.query_params.get("page", "")
    number = max(1, min(MOST_PAGES, int(text))) if text.isdecimal() and len(text) < 6 else 1
    now, shower = site.clock(), Shower(site.settings.remote_pictures)
    with site.database.transaction() as session:
        waiting = queue(session, now)
        claims = held_claims(session, who=person.who, first=(number - 1) * HELD_PER_PAGE, most=HELD_PER_PAGE)
        held = [show_held(site.catalog, session, shower, claim, now) for claim in claims]
        doubted = suspected_false(session, who=person.who)
    return page(
        request,
        site,
        visitor,
        "review.html",
        queue=waiting,
        held=held,
        doubted=doubted,
        page_number=number,
        pages=-(-waiting.waiting // HELD_PER_PAGE),
        done=request.query_params.get("done", ""),
    )


@router.post("/review/{claim}")
def decide_one(claim: str, request: Request, site: TheSite, person: Reviewer, form: CheckedForm) -> Response:
    """Let one held choice count, or turn it down."""
    decision = form.text("decision")
    if decision not in DECISIONS:
        raise InputError("there is no such decision", remedy="use one of the two buttons")
    claim_id = claim_id_of(claim)
    address = f"{request.url.scheme}://{request.headers['host']}/choices/{claim_id.hex()}"
    with site.database.transaction() as session:
        if held_claim(session, claim_id, who=person.who) is None:
            raise NotFoundError(
                "this choice is not held any more, or not yours to look at", remedy="load the page again"
            )
        decide(
            session,
            claim_id,
            Decided(DECISIONS[decision], form.text("reason")),
            who=person.who,
            post=site.post,
            address=address,
            at=site.clock(),
        )
        ask_for_list(session)
    return go(f"/review?done={decision}")
