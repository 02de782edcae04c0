"""Proofs for partners: platforms and agencies show control of their sites by a key, as a person does on *What I control*."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from byleave.errors import NotFoundError
from byleave.registry.identity import who_of_token
from byleave.registry.permissions import Act, Who
from byleave.registry.proofs import MOST_SHOWN, Proof, proof_by_id, proofs_of
from byleave.registry.proving import begin_proof
from byleave.registry.rechecking import check_now
from byleave.registry.scopes import Method
from byleave.registry.tokens import Scope, Token
from byleave.web.api_routes import Fault
from byleave.web.keys import KeyFor
from byleave.web.proof_pages import show_proof
from byleave.web.site import Site, TheSite

router = APIRouter(
    prefix="/api/v1/partner/proofs",
    tags=["partners"],
    responses={code: {"model": Fault} for code in (400, 401, 403, 404, 409, 429, 503)},
)

Proving = Annotated[Token, Depends(KeyFor(Act.PROVE, Scope.FILE))]
PageSize = Annotated[int, Field(ge=1, le=MOST_SHOWN)]
Skipped = Annotated[int, Field(ge=0, le=MOST_SHOWN)]


class PlaceBody(BaseModel):
    """A place, and the way to show control of it."""

    model_config = ConfigDict(extra="forbid")

    method: Method
    place: str = Field(max_length=2_000, description="a domain, a host or the address of a page")


@router.post("", status_code=201)
def begin(site: TheSite, token: Proving, body: PlaceBody) -> dict[str, Any]:
    """Begin to show a place; what to put up, and where, comes with the answer. Begun again, it is the same proof."""
    who, account = _whose(site, token)
    with site.database.transaction() as session:
        proof = begin_proof(
            session, site.checks.keys, body.method, body.place, who=who, account=account, at=site.clock()
        )
    return _told(site, proof)


@router.get("")
def proofs(site: TheSite, token: Proving, first: Skipped = 0, limit: PageSize = 100) -> dict[str, Any]:
    """List what the key's account has shown and what waits, newest first. Those given up are left out."""
    who, account = _whose(site, token)
    with site.database.transaction() as session:
        found = proofs_of(session, account, who=who)
    page = found[first : first + limit]
    return {"ok": True, "total": len(found), "proofs": [_told(site, proof) for proof in page]}


@router.get("/{proof}")
def one_proof(site: TheSite, token: Proving, proof: str) -> dict[str, Any]:
    """Return one proof: what to put where, and what the last look saw."""
    who, _ = _whose(site, token)
    with site.database.transaction() as session:
        return _told(site, proof_by_id(session, _proof_id(proof), who=who))


@router.post("/{proof}/check")
def check(site: TheSite, token: Proving, proof: str) -> dict[str, Any]:
    """Look now. Claims that it confirms are confirmed when this answers; of very many, a job confirms the rest."""
    who, _ = _whose(site, token)
    return _told(site, check_now(site.database, site.checks, _proof_id(proof), who=who, at=site.clock()))


def _told(site: Site, proof: Proof) -> dict[str, Any]:
    shown = show_proof(proof, site.checks.keys, whole=True)
    return {
        "ok": True,
        "proof": shown.id,
        "method": proof.method.value,
        "place": proof.place.value,
        "reaches": shown.reaches,
        "evidence": proof.evidence.name,
        "state": proof.state.value,
        "counts": proof.counts,
        "words": shown.sentence,
        "put_up": [asdict(line) for line in shown.lines],
        "or_once_for_all": [asdict(line) for line in shown.lasting],
        "seen": list(shown.seen["steps"]) if shown.seen else [],
        "failures": proof.failures,
        "checked_at": proof.checked_at,
        "next_check": proof.next_check,
        "expires_at": proof.expires_at,
    }


def _whose(site: Site, token: Token) -> tuple[Who, uuid.UUID]:
    assert token.account is not None  # noqa: S101 - a key of this scope has an account
    with site.database.transaction() as session:
        return who_of_token(session, token), token.account


def _proof_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFoundError(
            "there is no such proof here", remedy="list them at /api/v1/partner/proofs"
        ) from error
