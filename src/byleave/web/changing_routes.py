"""Changing what was said: another answer, fewer things it covers, or all of it undone."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from byleave.consent import PRESETS, LegalAct, TargetKind
from byleave.errors import FormatError, InputError
from byleave.publish.receipts import Step, step_with_receipts
from byleave.registry.answering import ClaimFilter, change_claims, living_claims, withdraw_claims
from byleave.registry.claims import Claim, claim_by_id, targets_of
from byleave.registry.narrowing import take_targets_out
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.web.answers import OWN_MIX, SaidAnswer, last_day, read_answer
from byleave.web.choices import ask_for_list, choice_named
from byleave.web.forms import CheckedForm
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Changer = Annotated[SignedIn, Depends(SignedInFor(Act.CHANGE_CLAIM))]
Undoer = Annotated[SignedIn, Depends(SignedInFor(Act.WITHDRAW_CLAIM))]

TARGETS_A_PAGE: Final = 50
MOST_UNDONE: Final = 1_000


@router.get("/choices/{claim}/change")
def show_change(
    claim: str, request: Request, site: TheSite, visitor: TheVisitor, person: Changer
) -> Response:
    """Show one choice with the answers it could have, and a page of what it covers."""
    text = request.query_params.get("after", "")
    after = int(text) if text.isdecimal() and len(text) < 16 else 0
    with site.database.transaction() as session:
        found = claim_by_id(session, choice_named(claim), who=person.who, most=0)
        some = targets_of(session, found.id, who=person.who, after=after, limit=TARGETS_A_PAGE)
    return page(
        request,
        site,
        visitor,
        "change.html",
        claim=found,
        answer=_answer_of(found),
        targets=[target for _, target in some],
        next=some[-1][0] if len(some) == TARGETS_A_PAGE else None,
        is_first=after == 0,
    )


@router.post("/choices/{claim}/change")
def change(claim: str, site: TheSite, person: Changer, form: CheckedForm) -> Response:
    """Answer differently about the same things."""
    new = read_answer(form).new_answer()
    done = _logged(
        site,
        lambda session: change_claims(session, [choice_named(claim)], new, who=person.who, at=site.clock()),
    )
    return go(f"/choices/{done.id.hex()}")


@router.post("/choices/{claim}/take-out")
def take_out(claim: str, site: TheSite, person: Changer, form: CheckedForm) -> Response:
    """Take single things out of what a choice covers."""
    targets = [_target(text) for text in form.texts("target")]
    if not targets:
        raise InputError("nothing was ticked", remedy="tick what to take out")
    done = _logged(
        site,
        lambda session: [
            take_targets_out(session, choice_named(claim), targets, who=person.who, at=site.clock())
        ],
    )
    return go(f"/choices/{done.id.hex()}/change")


@router.post("/choices/undo-all")
def undo_all(site: TheSite, person: Undoer, form: CheckedForm) -> Response:
    """Withdraw every choice, a thousand at a time, all of these or none."""
    if not form.ticked("sure"):
        raise InputError("you did not tick that you are sure", remedy="tick it, or leave everything as it is")

    def step(session: Session) -> tuple[Claim, ...]:
        living = living_claims(
            session, person.account, ClaimFilter(), who=person.who, limit=MOST_UNDONE, most=0
        )
        return withdraw_claims(session, [one.id for one in living], who=person.who, at=site.clock())

    step_with_receipts(site.database, site.settings, step, at=site.clock(), also=ask_for_list)
    return go("/choices")


def _logged(site: Site, step: Step) -> Claim:
    """Take a step and bring its event into the public log before it is answered; its receipt is at the choice."""
    (done,) = step_with_receipts(site.database, site.settings, step, at=site.clock(), also=ask_for_list)
    return done.claim


def _answer_of(claim: Claim) -> SaidAnswer:
    presets = (name for name, preset in PRESETS.items() if preset == claim.preferences)
    return SaidAnswer(
        next(presets, OWN_MIX),
        claim.preferences,
        claim.act is LegalAct.OBJECTION,
        claim.terms or "",
        claim.contact or "",
        claim.licence or "",
        last_day(claim.expires_at),
        publish_values=claim.publish_values,
    )


def _target(text: str) -> tuple[TargetKind, bytes]:
    kind, _, digest = text.partition(":")
    try:
        return TargetKind(kind), bytes.fromhex(digest)
    except ValueError as error:
        raise FormatError("there is no such thing in this choice", remedy="load the page again") from error
