"""Many choices at once: choose them by what they say or one by one, and answer all of them differently, or undo them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from byleave.consent import PRESETS, ClaimState
from byleave.errors import InputError
from byleave.publish.receipts import step_with_receipts
from byleave.registry.answering import (
    LIVING,
    ClaimFilter,
    change_claims,
    living_claims,
    number_of_living,
    withdraw_claims,
)
from byleave.registry.claims import Claim
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.web.answers import Fields, SaidAnswer, read_answer
from byleave.web.choices import ask_for_list, choice_named
from byleave.web.forms import AddressFields, CheckedForm, Form
from byleave.web.my_choices import title_of
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Changer = Annotated[SignedIn, Depends(SignedInFor(Act.CHANGE_CLAIM))]

LISTED: Final = 100
MOST_ANSWERED: Final = 1_000
"""Choices that one step of the page changes."""

STATES: Final = {
    ClaimState.EFFECTIVE.value: "in force",
    ClaimState.FILED.value: "not confirmed yet",
    ClaimState.HELD.value: "held for a look",
}


@router.get("/choices/many")
def show_many(request: Request, site: TheSite, visitor: TheVisitor, person: Changer) -> Response:
    """Show the choices that can still be changed, a page at a time, and one answer for those that are ticked."""
    fields = AddressFields(request.query_params)
    chosen = _filter(fields)
    with site.database.transaction() as session:
        total = number_of_living(session, person.account, chosen, who=person.who)
        pages = -(-total // LISTED)
        number = max(1, min(_page_number(fields), pages))
        found = living_claims(
            session, person.account, chosen, who=person.who, first=(number - 1) * LISTED, limit=LISTED
        )
    return page(
        request,
        site,
        visitor,
        "many.html",
        choices=[(claim, title_of(claim)) for claim in found],
        total=total,
        most=MOST_ANSWERED,
        page_number=number,
        pages=pages,
        states=STATES,
        of_state=fields.text("of_state"),
        of_answer=fields.text("of_answer"),
        answer=SaidAnswer(),
    )


@router.post("/choices/many")
def answer_many(site: TheSite, person: Changer, form: CheckedForm) -> Response:
    """Answer differently for the choices that are ticked, or undo them: each by an event of its own, all or none."""
    undoes = form.text("do") == "undo"
    if undoes and not form.ticked("sure"):
        raise InputError("you did not tick that you are sure", remedy="tick it, or leave everything as it is")
    new = None if undoes else read_answer(form).new_answer()
    at = site.clock()

    def step(session: Session) -> tuple[Claim, ...]:
        claims = _named(session, person, form)
        if new is None:
            return withdraw_claims(session, claims, who=person.who, at=at)
        return change_claims(session, claims, new, who=person.who, at=at)

    done = step_with_receipts(site.database, site.settings, step, at=at, also=ask_for_list)
    return go(f"/choices?{'gone' if undoes else 'changed'}={len(done)}")


def _named(session: Session, person: SignedIn, form: Form) -> list[bytes]:
    """Return the choices that a form names: those ticked, or all that its filter leaves."""
    if form.ticked("all"):
        chosen = _filter(form)
        found = living_claims(session, person.account, chosen, who=person.who, limit=MOST_ANSWERED, most=0)
        return [claim.id for claim in found]
    ticked = [choice_named(text) for text in form.texts("claim")]
    if not ticked:
        raise InputError("nothing was ticked", remedy="tick the choices that you mean, or all of them")
    return ticked


def _filter(fields: Fields) -> ClaimFilter:
    state, answer = fields.text("of_state"), fields.text("of_answer")
    if (state and state not in LIVING) or (answer and answer not in PRESETS):
        raise InputError("there are no such choices", remedy="choose from those on the page")
    return ClaimFilter(ClaimState(state) if state else None, PRESETS[answer] if answer else None)


def _page_number(fields: Fields) -> int:
    text = fields.text("page")
    return int(text) if text.isdecimal() and len(text) < 6 else 1
