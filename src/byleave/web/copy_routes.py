"""Small copies of pictures, for whoever wants more kinds of copies found: looked at, dropped, and what they gave gone within an hour."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from byleave.catalog import HitKind, Page, PictureQuery
from byleave.copies.samples import targets_of_sample
from byleave.errors import ConflictError, InputError, NotFoundError, UnavailableError
from byleave.registry.drafts import Looked, Source, add_targets, draft_of, note_looked, open_draft
from byleave.registry.permissions import Act
from byleave.registry.targets import Target, digest_target, picture_target
from byleave.web.asked_pictures import AskedPicture, read_asked_picture
from byleave.web.device_pictures import shown_name
from byleave.web.entries import Card, EntryName, Shower, samples_of
from byleave.web.forms import CheckedForm
from byleave.web.rendering import go, page
from byleave.web.rules import OpenToAll
from byleave.web.site import Site, TheSite
from byleave.web.small_copies import Lookalikes
from byleave.web.visitors import TheVisitor, Visitor

router = APIRouter(include_in_schema=False)

Open = Depends(OpenToAll(Act.SEARCH))

MOST_LOOKALIKES: Final = 5
"""Entries shown beside each picture; the figure on the page was measured with as many."""

SHOWN_PICTURES: Final = 40


@dataclass(frozen=True, slots=True)
class Pair:
    """One picture that was sent and the entries that may show it."""

    sent: Lookalikes
    cards: tuple[Card, ...]


@router.post("/choices/copies", dependencies=[Open])
def send_copies(request: Request, site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Take small copies, or whole files where a browser makes no copies; answers a page or, to a script, JSON."""
    if not any(name for name, _ in form.pictures):
        raise InputError("no picture was chosen", remedy="choose one or more files, then send them")
    draft = _draft(site, visitor, form.text("draft"))
    rejected: list[Looked] = []
    targets: list[Target] = []
    accepted = 0
    for name, encoded in form.pictures:
        try:
            targets += _taken(site, draft, shown_name(name), encoded, is_listed=form.ticked("listed"))
            accepted += 1
        except InputError as error:
            rejected.append(Looked(Source.DEVICE, shown_name(name), 0, error.problem, error.remedy))
    with site.database.transaction() as session:
        draft_of(session, draft, visitor.id, at=site.clock())
        total = add_targets(session, draft, targets, Source.DEVICE)
    if request.headers.get("accept", "").startswith("application/json"):
        told = [{"name": one.place, "reason": one.problem} for one in rejected]
        return JSONResponse({"accepted": accepted, "rejected": told, "total": total})
    with site.database.transaction() as session:
        for one in rejected:
            note_looked(session, draft, one)
    return go(f"/choices/draft/{draft}/lookalikes" if accepted else f"/choices/draft/{draft}")


@router.get("/choices/draft/{draft}/lookalikes", dependencies=[Open])
def show_lookalikes(draft: uuid.UUID, request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Show what looks like the pictures that were sent, so that their sender can say which are hers."""
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock())
    found = [one for one in site.small_copies.of(draft).values() if one.entries]
    pairs = [pair for one in found[:SHOWN_PICTURES] if (pair := _pair(site, one)).cards]
    return page(
        request, site, visitor, "lookalikes.html", pairs=pairs, total=len(found), draft=known, draft_id=draft
    )


@router.post("/choices/draft/{draft}/lookalikes", dependencies=[Open])
def add_lookalikes(draft: uuid.UUID, site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Add the entries that somebody says show pictures of hers."""
    names = [EntryName.parse(text) for text in form.texts("entry")]
    targets = [target for sample in samples_of(site.catalog, names) for target in targets_of_sample(sample)]
    with site.database.transaction() as session:
        draft_of(session, draft, visitor.id, at=site.clock())
        add_targets(session, draft, targets, Source.SEARCH)
    site.small_copies.forget(draft)
    return go(f"/choices/draft/{draft}")


def _taken(site: Site, draft: uuid.UUID, name: str, encoded: bytes, *, is_listed: bool) -> list[Target]:
    """Look at one copy, keep what it gave, and return what the draft does not list yet."""
    asked = read_asked_picture(encoded, name, site.settings.limits)
    site.small_copies.keep(
        draft, Lookalikes(name, asked.picture.thumbnail or b"", _alike(site, encoded, asked))
    )
    if is_listed:
        return []
    return [picture_target(asked.claimed, name), digest_target(asked.picture.digest, name)]


def _alike(site: Site, encoded: bytes, asked: AskedPicture) -> tuple[EntryName, ...]:
    try:
        answer = site.catalog.search(PictureQuery(encoded), Page(limit=SHOWN_PICTURES), reader=asked)
    except (ConflictError, UnavailableError):  # without its model a site finds copies, and no lookalikes
        return ()
    alike = [hit for hit in answer.hits if hit.kind is HitKind.LOOKALIKE]
    return tuple(EntryName(hit.dataset, hit.sample_key) for hit in alike[:MOST_LOOKALIKES])


def _pair(site: Site, sent: Lookalikes) -> Pair:
    shower = Shower(site.settings.remote_pictures)
    try:
        samples = samples_of(site.catalog, sent.entries)
    except NotFoundError:  # a dataset was taken away since
        return Pair(sent, ())
    return Pair(sent, tuple(shower.card_of_sample(sample) for sample in samples))


def _draft(site: Site, visitor: Visitor, text: str) -> uuid.UUID:
    """Return the draft a form names, or begin one where it names none."""
    try:
        known = uuid.UUID(text) if text else None
    except ValueError as error:
        raise InputError("this form names no choice", remedy="begin again") from error
    with site.database.transaction() as session:
        if known is None:
            return open_draft(session, visitor.id, at=site.clock()).id
        return draft_of(session, known, visitor.id, at=site.clock()).id
