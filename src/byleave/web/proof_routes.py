"""*What I control*: ways to show a place, what to put where, *Check now* and what was seen."""

from __future__ import annotations

import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.errors import InputError, NotFoundError
from byleave.registry.checking.sign_ins import begin_sign_in, finish_sign_in
from byleave.registry.permissions import Act
from byleave.registry.proofs import Proof, proof_by_id, proofs_of
from byleave.registry.proving import begin_proof, end_proof
from byleave.registry.rechecking import check_now
from byleave.registry.scopes import Method
from byleave.registry.sign_in import SignedIn
from byleave.web.forms import AddressFields, CheckedForm
from byleave.web.proof_pages import show_proof, ways_for
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Prover = Annotated[SignedIn, Depends(SignedInFor(Act.PROVE))]

MOST_TYPED: Final = 2_000


@router.get("/proofs")
def my_proofs(request: Request, site: TheSite, visitor: TheVisitor, person: Prover) -> Response:
    """Show what somebody has shown to control, and what still waits."""
    with site.database.transaction() as session:
        proofs = proofs_of(session, person.account, who=person.who)
    shown = [show_proof(proof, site.checks.keys) for proof in proofs]
    platforms = site.checks.platforms.platforms
    return page(request, site, visitor, "proofs.html", proofs=shown, platforms=platforms)


@router.get("/proofs/new")
def new_proof(request: Request, site: TheSite, visitor: TheVisitor, person: Prover) -> Response:  # noqa: ARG001 - the rule
    """Show the ways in which a place can be shown."""
    typed = _typed(AddressFields(request.query_params).text("place"))
    ways, why = ways_for(typed) if typed else ([], None)
    return page(request, site, visitor, "new_proof.html", typed=typed, ways=ways, why=why)


@router.post("/proofs")
def begin(site: TheSite, person: Prover, form: CheckedForm) -> Response:
    """Begin to show a place in one way."""
    method = _method(form.text("method"))
    with site.database.transaction() as session:
        proof = begin_proof(
            session,
            site.checks.keys,
            method,
            _typed(form.text("place")),
            who=person.who,
            account=person.account,
            at=site.clock(),
        )
    return go(f"/proofs/{proof.id}")


@router.post("/proofs/sign-in")
def leave_to_sign_in(
    request: Request, site: TheSite, visitor: TheVisitor, person: Prover, form: CheckedForm
) -> Response:
    """Say where a link leads before anybody follows it: the sign-in page of a platform."""
    platform = site.checks.platforms.platform(form.text("platform"))
    address = begin_sign_in(
        site.database,
        site.checks.platforms,
        platform.word,
        _callback(request),
        who=person.who,
        account=person.account,
        at=site.clock(),
    )
    return page(request, site, visitor, "sign_in_elsewhere.html", platform=platform, address=address)


@router.get("/proofs/signed-in")
def come_back(request: Request, site: TheSite, person: Prover) -> Response:
    """Take what a browser brings back from a platform. It is good for the account that was sent there, and once."""
    found = finish_sign_in(
        site.database,
        site.checks.platforms,
        request.query_params,
        _callback(request),
        who=person.who,
        account=person.account,
        at=site.clock(),
    )
    return go(f"/proofs/{found.id}#seen")


@router.get("/proofs/{proof}")
def one_proof(proof: str, request: Request, site: TheSite, visitor: TheVisitor, person: Prover) -> Response:
    """Show one proof: what to put where, and what the last look saw."""
    found = _found(site, person, proof)
    return page(request, site, visitor, "proof.html", shown=show_proof(found, site.checks.keys, whole=True))


@router.get("/proofs/{proof}/file")
def challenge_file(proof: str, site: TheSite, person: Prover) -> Response:
    """Give the file to put on the web space, under the name it must have."""
    found = _found(site, person, proof)
    if found.method is not Method.FILE:
        raise NotFoundError("this proof needs no file", remedy="read its page")
    name = site.checks.keys.token(found.id, found.account)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(site.checks.keys.file(found.id, found.account), media_type="text/plain", headers=headers)


@router.post("/proofs/{proof}/check")
def check(proof: str, site: TheSite, person: Prover, _: CheckedForm) -> Response:
    """Look now."""
    found = check_now(site.database, site.checks, _id(proof), who=person.who, at=site.clock())
    return go(f"/proofs/{found.id}#seen")


@router.post("/proofs/{proof}/end")
def end(proof: str, site: TheSite, person: Prover, _: CheckedForm) -> Response:
    """Give a proof up."""
    with site.database.transaction() as session:
        end_proof(session, _id(proof), who=person.who, at=site.clock())
    return go("/proofs")


def _callback(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers['host']}/proofs/signed-in"


def _found(site: Site, person: SignedIn, proof: str) -> Proof:
    with site.database.transaction() as session:
        return proof_by_id(session, _id(proof), who=person.who)


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFoundError("there is no such proof here", remedy="look at what you control") from error


def _method(text: str) -> Method:
    try:
        return Method(text)
    except ValueError as error:
        raise InputError("there is no such way to show it", remedy="choose one from the page") from error


def _typed(text: str) -> str:
    if len(text) > MOST_TYPED:
        raise InputError("that is too long for an address", remedy=f"write at most {MOST_TYPED} characters")
    return text
