"""Consent to the use of data about oneself: a page of its own, where nothing is ticked and both answers weigh the same."""

from __future__ import annotations

import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.consent import LegalAct, Use
from byleave.errors import ConflictError, InputError
from byleave.registry.drafts import draft_of
from byleave.registry.filing import NewClaim
from byleave.registry.legal_acts import Recipients, consent_text, consented
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.web.answers import SaidAnswer
from byleave.web.draft_filing import file_draft
from byleave.web.draft_pages import groups_of
from byleave.web.forms import CheckedForm
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Filer = Annotated[SignedIn, Depends(SignedInFor(Act.FILE_CLAIM))]

RECIPIENT_WORDS: Final = {
    Recipients.RESEARCH: "public research organisations, museums, archives and libraries",
    Recipients.NON_COMMERCIAL: "others who do not work for profit",
    Recipients.COMMERCIAL: "companies and others who work for profit",
}


@router.get("/choices/draft/{draft}/consent")
def show_consent(
    draft: uuid.UUID, request: Request, site: TheSite, visitor: TheVisitor, person: Filer
) -> Response:
    """Show the words, and one box for each use and each kind of recipients."""
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock())
        groups = groups_of(site, session, known)
    return page(
        request,
        site,
        visitor,
        "consent.html",
        draft=known,
        groups=groups,
        text=consent_text(),
        recipients=RECIPIENT_WORDS,
        herself=person.is_herself,
    )


@router.post("/choices/draft/{draft}/consent")
def give_consent(
    draft: uuid.UUID, site: TheSite, visitor: TheVisitor, person: Filer, form: CheckedForm
) -> Response:
    """Take consent to exactly what was ticked, with the SHA-256 of the words that were shown; or go back without any."""
    if form.text("decision") != "agree":
        return go(f"/choices/draft/{draft}")
    if not person.is_herself:
        raise ConflictError(
            "consent is given by the person herself, so nothing was filed",
            remedy="go on as yourself, or let her sign in and give it",
        )
    text = consent_text()
    if form.text("text") != text.digest.hex():
        raise ConflictError(
            "the words have changed since you read them, so nothing was filed", remedy="load the page again"
        )
    preferences, terms = consented(_uses(form.texts("use")), _recipients(form.texts("recipients")))
    end = SaidAnswer(expires=form.text("expires")).expires_at
    claim = NewClaim(
        preferences, (), terms=terms, expires_at=end, act=LegalAct.CONSENT, text_digest=text.digest
    )
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock())
    filed = file_draft(site, known, [claim], person=person, visitor=visitor.id)
    return go(f"/choices?filed={len(filed)}")


def _uses(texts: tuple[str, ...]) -> list[Use]:
    try:
        return [Use(text) for text in texts]
    except ValueError as error:
        raise InputError("there is no such use", remedy="load the page again") from error


def _recipients(texts: tuple[str, ...]) -> list[Recipients]:
    try:
        return [Recipients(text) for text in texts]
    except ValueError as error:
        raise InputError("there are no such recipients", remedy="load the page again") from error
