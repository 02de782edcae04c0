"""The JSON API, version 1: search, entries, claims, health. Its errors all have one shape."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from byleave import __version__
from byleave.catalog import Answer, Page, PictureQuery, Sample, WordsQuery
from byleave.consent import Preference, Preferences, Use
from byleave.publish.receipts import Acknowledged, withdraw_with_receipt
from byleave.publish.releases import last_published
from byleave.registry.claims import Claim, claim_by_id, claims_of, read_claim_id
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.web.asked_pictures import read_asked_picture
from byleave.web.choices import OWN_MIX, Wish, ask_for_list, file_wish, subjects_of
from byleave.web.entries import EntryName, Shower, parse_key
from byleave.web.forms import CheckedForm, Form, checked_header
from byleave.web.rules import OpenToAll, SignedInFor
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

MOST_HITS = 100


class Fault(BaseModel):
    """What every error says."""

    ok: bool = False
    error: str
    remedy: str
    status: int


router = APIRouter(
    prefix="/api/v1",
    tags=["v1"],
    responses={code: {"model": Fault} for code in (400, 401, 403, 404, 409, 413, 503)},
)

Reader = Annotated[SignedIn, Depends(SignedInFor(Act.SEE_CLAIM))]
Filer = Annotated[SignedIn, Depends(SignedInFor(Act.FILE_CLAIM))]
Undoer = Annotated[SignedIn, Depends(SignedInFor(Act.WITHDRAW_CLAIM))]
Searcher = Depends(OpenToAll(Act.SEARCH))
Token = Depends(checked_header)


class NewClaimBody(BaseModel):
    """A claim to file: entries and links it is about, and an answer for each use it speaks of."""

    model_config = ConfigDict(extra="forbid")

    entries: list[str] = Field(default=[], max_length=100, description="`dataset:key` each, the key in hex")
    links: list[str] = Field(default=[], max_length=100)
    preferences: dict[Use, str] = Field(description="use → `deny`, `conditional` or `allow`")
    terms: str | None = Field(default=None, max_length=4000)
    contact: str | None = Field(default=None, max_length=4000)
    publish_values: bool = False


@router.get("/health", dependencies=[Searcher])
def health(site: TheSite) -> dict[str, Any]:
    """Say that the site answers, what it runs and how far the published list is."""
    with site.database.transaction() as session:
        last = last_published(session)
    return {
        "ok": True,
        "version": __version__,
        "datasets": len(site.catalog.datasets()),
        "published": last[0] if last else None,
    }


@router.get("/search", dependencies=[Searcher])
def search(
    site: TheSite,
    q: str,
    dataset: str | None = None,
    domain: str | None = None,
    limit: Annotated[int, Field(ge=1, le=MOST_HITS)] = 24,
    offset: Annotated[int, Field(ge=0, le=1000)] = 0,
) -> dict[str, Any]:
    """Search entries by words."""
    page = Page(limit, offset, (dataset,) if dataset else (), domain)
    return _answer(site.catalog.search(WordsQuery(q), page))


@router.post("/search/picture", dependencies=[Searcher])
async def search_picture(site: TheSite, form: CheckedForm) -> dict[str, Any]:
    """Search entries by a picture: multipart, field `picture`, and the form token in field `form_token`."""
    return await run_in_threadpool(_search_picture, site, form)


@router.get("/entries/{dataset}/{key}", dependencies=[Searcher])
def entry(site: TheSite, dataset: str, key: str) -> dict[str, Any]:
    """Return everything a dataset says of one entry."""
    return {"ok": True, **_sample(site.catalog.sample(dataset, parse_key(key)))}


@router.get("/session", dependencies=[Searcher])
def session(visitor: TheVisitor) -> dict[str, Any]:
    """Return the token that every POST of this browser must carry, and who is signed in."""
    return {
        "ok": True,
        "form_token": visitor.form_token,
        "email": visitor.person.email if visitor.person else None,
    }


@router.get("/claims")
def claims(site: TheSite, person: Reader) -> dict[str, Any]:
    """List the claims of whoever is signed in, newest first."""
    with site.database.transaction() as session:
        found = claims_of(session, person.account, who=person.who)
    return {"ok": True, "claims": [_claim(claim, site.clock()) for claim in found]}


@router.post("/claims", dependencies=[Token], status_code=201)
def file(site: TheSite, person: Filer, body: NewClaimBody) -> dict[str, Any]:
    """File one claim for each entry and link. When this answers, they are in the public log; each comes with its receipt."""
    answers = {use.value: Preference.parse(word) for use, word in body.preferences.items()}
    wish = Wish(
        tuple(EntryName.parse(text) for text in body.entries),
        links=tuple(body.links),
        answer=OWN_MIX,
        mix=Preferences(**answers),
        terms=body.terms or "",
        contact=body.contact or "",
        publish_values=body.publish_values,
    )
    subjects = subjects_of(site.catalog, Shower(site.settings.remote_pictures), wish, None)
    filed = file_wish(site, wish, subjects, person=person)
    return {"ok": True, "claims": [_acknowledged(one, site.clock()) for one in filed]}


@router.get("/claims/{claim}")
def one_claim(site: TheSite, person: Reader, claim: str) -> dict[str, Any]:
    """Return one claim of whoever is signed in."""
    with site.database.transaction() as session:
        found = claim_by_id(session, _claim_id(claim), who=person.who)
    return {"ok": True, **_claim(found, site.clock())}


@router.post("/claims/{claim}/withdraw", dependencies=[Token])
def withdraw(site: TheSite, person: Undoer, claim: str) -> dict[str, Any]:
    """Withdraw one claim of whoever is signed in. When this answers, the public log says so; the receipt comes with it."""
    done = withdraw_with_receipt(
        site.database,
        site.settings,
        _claim_id(claim),
        who=person.who,
        at=site.clock(),
        also=ask_for_list,
    )
    return {"ok": True, **_acknowledged(done, site.clock())}


def _search_picture(site: TheSite, form: Form) -> dict[str, Any]:
    asked = read_asked_picture(form.picture, form.picture_name, site.settings.limits)
    limit = min(MOST_HITS, int(form.text("limit"))) if form.text("limit").isdecimal() else 24
    return _answer(site.catalog.search(PictureQuery(b""), Page(limit), reader=asked))


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "ok": True,
        "total": answer.total,
        "searched": answer.searched,
        "as_of": answer.as_of,
        "note": None if answer.hits else answer.empty_text,
        "hits": [
            {
                "dataset": hit.dataset,
                "key": hit.sample_key.hex(),
                "item": hit.item_id.hex(),
                "url": hit.url,
                "host": hit.host,
                "caption": hit.caption,
                "kind": hit.kind.value,
                "distance": hit.distance,
                "score": hit.score,
                "width": hit.width,
                "height": hit.height,
                "thumbnail": f"/thumbnail/{hit.dataset}/{hit.sample_key.hex()}"
                if hit.has_thumbnail
                else None,
            }
            for hit in answer.hits
        ],
    }


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "dataset": sample.dataset,
        "key": sample.sample_key.hex(),
        "item": sample.item_id.hex(),
        "url": sample.url,
        "host": sample.host,
        "caption": sample.caption,
        "creator": sample.creator,
        "rights": sample.rights,
        "width": sample.width,
        "height": sample.height,
        "sha256": sample.digest.hex() if sample.digest else None,
        "metadata": sample.metadata,
    }


def _acknowledged(done: Acknowledged, at: datetime) -> dict[str, Any]:
    return {**_claim(done.claim, at), "receipt": done.receipt.to_text()}


def _claim(claim: Claim, at: datetime) -> dict[str, Any]:
    return {
        "claim": claim.id.hex(),
        "number": claim.number,
        "state": claim.state.value,
        "standing": claim.standing(at).value,
        "evidence": claim.evidence.name,
        "preferences": {use.value: claim.preferences.for_use(use).word for use in Use},
        "targets": [
            {"kind": target.kind.value, "digest": target.digest.hex(), "label": target.label}
            for target in claim.targets
        ],
        "terms": claim.terms,
        "contact": claim.contact,
        "publish_values": claim.publish_values,
        "filed_at": claim.filed_at,
        "withdrawn_at": claim.withdrawn_at,
    }


def _claim_id(text: str) -> bytes:
    return read_claim_id(text, remedy="list them at /api/v1/claims")
