"""Saying no, ask me first or yes; *My choices*; undoing one."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from byleave.errors import InputError, NotFoundError
from byleave.publish.receipts import receipt_of, withdraw_with_receipt
from byleave.publish.releases import last_published
from byleave.registry.claims import SHOWN_TARGETS, Claim, claim_by_id, claims_of, number_of_claims
from byleave.registry.permissions import Act, may
from byleave.registry.replacing import replaced_of
from byleave.registry.served_proofs import served_proofs
from byleave.registry.sign_in import SignedIn
from byleave.registry.timeline import timeline
from byleave.web.asked_pictures import AskedPicture, read_asked_picture
from byleave.web.choices import Wish, ask_for_list, choice_named, file_wish, read_wish, subjects_of
from byleave.web.entries import Shower
from byleave.web.forms import AddressFields, CheckedForm
from byleave.web.listed import lists_of
from byleave.web.my_choices import CHOICES_PER_PAGE, TARGETS_LISTED, show_choice
from byleave.web.rendering import go, page
from byleave.web.rules import OpenToAll, SignedInFor
from byleave.web.sign_in_routes import MOST_PATH
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor, Visitor

router = APIRouter(include_in_schema=False)

Open = Depends(OpenToAll(Act.SEARCH))
Reader = Annotated[SignedIn, Depends(SignedInFor(Act.SEE_CLAIM))]
Filer = Annotated[SignedIn, Depends(SignedInFor(Act.FILE_CLAIM))]
Undoer = Annotated[SignedIn, Depends(SignedInFor(Act.WITHDRAW_CLAIM))]


@router.get("/choices/new", dependencies=[Open])
def new_choice(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Show what a choice would cover, before it is filed. Anybody may look; filing asks to sign in."""
    wish = read_wish(AddressFields(request.query_params))
    subjects = subjects_of(site.catalog, _shower(site), wish, _asked(site, visitor, wish))
    return page(request, site, visitor, "new_choice.html", wish=wish, subjects=subjects)


@router.post("/choices/picture", dependencies=[Open])
async def picture_for_choice(site: TheSite, visitor: TheVisitor, form: CheckedForm) -> Response:
    """Take a picture that a choice is about, whether or not any dataset lists it. Only its match code will be kept."""
    asked = await run_in_threadpool(read_asked_picture, form.picture, form.picture_name, site.settings.limits)
    token = site.asked_pictures.keep(visitor.id, asked)
    return go(Wish(picture=token, answer=read_wish(form).answer).address())


@router.post("/choices/sign-in", dependencies=[Open])
async def sign_in_first(form: CheckedForm) -> Response:
    """Send somebody who is not signed in to do so, and back to the choice as it was made."""
    address = read_wish(form).address()
    if len(address) > MOST_PATH:
        raise InputError(
            "this choice is too long to be kept while you sign in", remedy="sign in first, then make it"
        )
    return go(f"/sign-in?next={quote(address, safe='')}")


@router.post("/choices")
def file_choice(site: TheSite, visitor: TheVisitor, person: Filer, form: CheckedForm) -> Response:
    """File a choice: one claim for each picture."""
    wish = read_wish(form)
    subjects = subjects_of(site.catalog, _shower(site), wish, _asked(site, visitor, wish))
    filed = file_wish(site, wish, subjects, person=person, once=True)
    return go(f"/choices?filed={len(filed)}")


@router.get("/choices")
def my_choices(request: Request, site: TheSite, visitor: TheVisitor, person: Reader) -> Response:
    """Show what somebody has chosen, newest first, and what each choice covers now."""
    now = site.clock()
    with site.database.transaction() as session:
        total = number_of_claims(session, person.account, who=person.who)
        pages = -(-total // CHOICES_PER_PAGE)
        number = max(1, min(_number(request, "page"), pages))
        claims = claims_of(
            session,
            person.account,
            who=person.who,
            first=(number - 1) * CHOICES_PER_PAGE,
            limit=CHOICES_PER_PAGE,
            most=TARGETS_LISTED,
        )
        over = replaced_of(session, claims, now)
        undone = _undone(session, request, person)
        last = last_published(session)
    shown = [
        show_choice(site.catalog, _shower(site), claim, last, now, is_replaced=claim.id in over)
        for claim in claims
    ]
    return page(
        request,
        site,
        visitor,
        "my_choices.html",
        choices=shown,
        total=total,
        page_number=number,
        pages=pages,
        last=last,
        filed=_number(request, "filed"),
        changed=_number(request, "changed"),
        gone=_number(request, "gone"),
        before=_number(request, "before"),
        undone=undone,
    )


@router.get("/choices/{claim}")
def one_choice(claim: str, request: Request, site: TheSite, visitor: TheVisitor, person: Reader) -> Response:
    """Show one choice with everything it covers."""
    now = site.clock()
    with site.database.transaction() as session:
        found = claim_by_id(session, choice_named(claim), who=person.who, most=SHOWN_TARGETS)
        moments = timeline(session, found.id, who=person.who)
        is_hers = may(person.who, Act.CHECK_ABSENCES, account=found.account)
        served = served_proofs(session, found.id, who=person.who) if is_hers else ()
        is_replaced = bool(replaced_of(session, [found], now))
        last = last_published(session)
    choice = show_choice(site.catalog, _shower(site), found, last, now, is_replaced=is_replaced)
    lists = lists_of(site, found)
    return page(
        request,
        site,
        visitor,
        "one_choice.html",
        choice=choice,
        last=last,
        lists=lists,
        moments=moments,
        served=served,
    )


@router.get("/choices/{claim}/receipt")
def receipt(claim: str, site: TheSite, person: Reader) -> Response:
    """Give the receipt of what last happened to one choice."""
    found = receipt_of(site.database, site.settings, choice_named(claim), who=person.who, at=site.clock())
    headers = {"content-disposition": f'attachment; filename="choice-{claim[:8].lower()}.tlog-proof"'}
    return Response(found.encode(), media_type="text/plain; charset=utf-8", headers=headers)


@router.post("/choices/{claim}/undo")
def undo_choice(claim: str, site: TheSite, person: Undoer, _: CheckedForm) -> Response:
    """Withdraw one choice."""
    done = withdraw_with_receipt(
        site.database,
        site.settings,
        choice_named(claim),
        who=person.who,
        at=site.clock(),
        also=ask_for_list,
    )
    return go(f"/choices?undone={done.claim.id.hex()}")


def _undone(session: Session, request: Request, person: SignedIn) -> Claim | None:
    """Return the choice that was just undone, as its address says, if it is hers."""
    named = choice_named(request.query_params.get("undone", ""))
    try:
        return claim_by_id(session, named, who=person.who, most=1) if named else None
    except NotFoundError:
        return None


def _shower(site: Site) -> Shower:
    return Shower(site.settings.remote_pictures)


def _asked(site: Site, visitor: Visitor, wish: Wish) -> AskedPicture | None:
    return site.asked_pictures.find(visitor.id, wish.picture) if wish.picture else None


def _number(request: Request, field: str) -> int:
    text = request.query_params.get(field, "")
    return int(text) if text.isdecimal() and len(text) < 6 else 0
