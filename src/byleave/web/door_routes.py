"""One door: start with who you are, see what was found of all that, and say what may be done with it by one button."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.errors import InputError
from byleave.fingerprints import ClaimedPicture
from byleave.media import Unusable, isolated
from byleave.registry.drafts import (
    Looked,
    Source,
    add_targets,
    draft_of,
    keep_answer,
    note_looked,
    open_draft,
    take_out,
    take_out_kind,
)
from byleave.registry.looking import Found, Looker
from byleave.registry.permissions import Act
from byleave.registry.rates import Rate, spend
from byleave.registry.sign_in import SignedIn
from byleave.web.answers import ALL_FIELDS, kept_answer, read_answer
from byleave.web.draft_filing import file_draft
from byleave.web.draft_pages import GROUPS, groups_of
from byleave.web.forms import CheckedForm, Form
from byleave.web.rendering import go, page
from byleave.web.result_sets import targets_of_results
from byleave.web.rules import OpenToAll, SignedInFor
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor, Visitor

router = APIRouter(include_in_schema=False)

Open = Depends(OpenToAll(Act.SEARCH))
Filer = Annotated[SignedIn, Depends(SignedInFor(Act.FILE_CLAIM))]

MOST_PLACES: Final = 20
MOST_NAME: Final = 200
MOST_PLACE: Final = 200
"""Characters of a line that are kept where it is no link."""


@router.get("/choices/start", dependencies=[Open])
def start(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Ask who somebody is: a name, places, pictures."""
    return page(request, site, visitor, "start.html", draft_id="", most=MOST_PLACES)


@router.post("/choices/start", dependencies=[Open])
def begin(site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Begin a draft, look at the places that were named, and show what was found."""
    name = form.text("name")[:MOST_NAME] or None
    places = _places(form)
    with site.database.transaction() as session:
        draft = open_draft(session, visitor.id, at=site.clock(), name=name)
    _look(site, visitor, draft.id, places)
    return go(f"/choices/draft/{draft.id}")


@router.get("/choices/draft/{draft}", dependencies=[Open])
def show_draft(draft: uuid.UUID, request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Show what was found, what each group covers now, and the answers to choose from."""
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock())
        groups = groups_of(site, session, known)
    return page(
        request,
        site,
        visitor,
        "draft.html",
        draft=known,
        draft_id=known.id,
        groups=groups,
        answer=kept_answer(known.answer),
        most=MOST_PLACES,
    )


@router.post("/choices/draft/{draft}/look", dependencies=[Open])
def look_at_places(draft: uuid.UUID, site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Look at more places."""
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock())
    _look(site, visitor, known.id, _places(form))
    return go(f"/choices/draft/{known.id}")


@router.post("/choices/draft/{draft}/take-out", dependencies=[Open])
def take_out_targets(draft: uuid.UUID, site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Take single things out of a draft, or a whole group."""
    numbers = [int(text) for text in form.texts("number") if text.isdecimal() and len(text) < 19]
    kinds = [kind for group in GROUPS if group.name in form.texts("group") for kind in group.kinds]
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock(), lock=True)
        take_out(session, known.id, numbers)
        take_out_kind(session, known.id, kinds)
    return go(f"/choices/draft/{known.id}")


@router.post("/choices/draft/{draft}/keep", dependencies=[Open])
def keep_and_sign_in(draft: uuid.UUID, site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Keep what was answered, and send whoever is not signed in to do so and back."""
    read_answer(form)
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock())
        keep_answer(session, known.id, {name: form.text(name) for name in ALL_FIELDS if form.text(name)})
    return go(f"/sign-in?next=/choices/draft/{known.id}")


@router.post("/choices/draft/{draft}/file")
def file(draft: uuid.UUID, site: TheSite, visitor: TheVisitor, person: Filer, form: CheckedForm) -> Response:
    """File everything in a draft: one claim for each legal act."""
    claims = read_answer(form).claims()
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock())
    filed = file_draft(site, known, claims, person=person, visitor=visitor.id)
    return go(f"/choices?filed={len(filed)}")


@router.post("/choices/from-search", dependencies=[Open])
def from_search(site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Begin a draft with everything a search finds."""
    found, name = targets_of_results(site, visitor, form)
    with site.database.transaction() as session:
        draft = open_draft(session, visitor.id, at=site.clock())
        add_targets(session, draft.id, found, Source.SEARCH)
        keep_answer(session, draft.id, {"answer": form.text("answer")})
        note_looked(session, draft.id, name)
    return go(f"/choices/draft/{draft.id}")


def _places(form: Form) -> tuple[str, ...]:
    places = tuple(dict.fromkeys(line.strip() for line in form.text("places").splitlines() if line.strip()))
    if len(places) > MOST_PLACES:
        raise InputError(
            f"that is more than {MOST_PLACES} places at once",
            remedy="name fewer, and the others after that; a long list of links is handed in as a file",
        )
    return places


def _look(site: Site, visitor: Visitor, draft: uuid.UUID, places: Sequence[str]) -> None:
    """Look at places and add what they show. Each is counted, so that nobody makes this site fetch without end."""
    if not places:
        return

    def describe(encoded: bytes) -> ClaimedPicture | None:
        found = isolated.claimed_picture(encoded, limits=site.settings.limits)
        return None if isinstance(found, Unusable) else found

    with site.database.transaction() as session:
        subject = hashlib.sha256(site.secret + visitor.id.encode()).digest()
        spend(session, Rate.FETCHED_PAGES, subject, len(places), at=site.clock())
    looker = Looker(site.checks.client, site.settings.limits, describe)
    for place in places:
        found = _looked(looker, place)
        with site.database.transaction() as session:
            add_targets(session, draft, found.targets, found.looked.source)
            note_looked(session, draft, found.looked)


def _looked(looker: Looker, place: str) -> Found:
    """Look at a place; a line that is no link is told beside what the others gave, so that nothing has to be typed again."""
    try:
        return looker.look(place)
    except InputError as error:
        return Found((), Looked(Source.LINK, place[:MOST_PLACE], 0, error.problem, error.remedy))
