"""The API for partners: platforms and agencies file, change and withdraw many claims by a key."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from pydantic import Field

from byleave.consent import TargetKind
from byleave.copies.guard import guarded
from byleave.errors import ConflictError
from byleave.publish.receipts import Acknowledged, Step, acknowledge, receipt_of, step_with_receipts
from byleave.publish.sequencer import refuse_other_past
from byleave.registry.answering import change_claims, withdraw_claims
from byleave.registry.claims import (
    SHOWN_TARGETS,
    Claim,
    claim_by_id,
    claims_of,
    number_of_claims,
    read_claim_id,
    targets_of,
)
from byleave.registry.filing import Filing, file_claims
from byleave.registry.handing_in import Kind, State, begin_reading, finish, handed_in, take_in
from byleave.registry.identity import who_of_token
from byleave.registry.narrowing import take_targets_out
from byleave.registry.permissions import Act, Who
from byleave.registry.timeline import timeline
from byleave.registry.tokens import Scope, Token
from byleave.web.api_routes import Fault
from byleave.web.choices import ask_for_list
from byleave.web.keys import KeyFor
from byleave.web.partner_bodies import (
    AnswerBody,
    AnswersBody,
    ClaimBody,
    ClaimsBody,
    TakeOutBody,
    read_targets,
    summary,
)
from byleave.web.site import Site, TheSite

router = APIRouter(
    prefix="/api/v1/partner/claims",
    tags=["partners"],
    responses={code: {"model": Fault} for code in (400, 401, 403, 404, 409, 413, 429, 503)},
)

Filing_ = Annotated[Token, Depends(KeyFor(Act.FILE_CLAIM, Scope.FILE))]
Reading = Annotated[Token, Depends(KeyFor(Act.SEE_CLAIM, Scope.FILE))]
Changing = Annotated[Token, Depends(KeyFor(Act.CHANGE_CLAIM, Scope.FILE))]
Withdrawing = Annotated[Token, Depends(KeyFor(Act.WITHDRAW_CLAIM, Scope.FILE))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=200, description="the same key with the same body files once, however often it is sent"
    ),
]
PageSize = Annotated[int, Field(ge=1, le=SHOWN_TARGETS)]
Skipped = Annotated[int, Field(ge=0, le=2**40)]


@router.post("", status_code=201)
def file(
    site: TheSite, token: Filing_, body: ClaimBody, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    """File one claim with up to 10,000 targets. When this answers, it is in the public log; its receipt comes with it.

    Targets that cannot be used are named with the reason; the others are filed together, or none.
    """
    targets, rejected = read_targets(body.targets)
    who, at = _who(site, token), site.clock()
    account = body.account or token.account
    assert account is not None  # noqa: S101 - a key of this scope has an account
    filing = Filing(body.claim(targets), account)
    content = body.digest()
    key = hashlib.sha256(b"byleave/batch/1\0" + (idempotency_key or content.hex()).encode()).digest()
    with site.database.transaction() as session:
        handed = take_in(
            session,
            account,
            key,
            who=who,
            kind=Kind.BATCH,
            name=content.hex(),
            total=len(body.targets),
            at=at,
        )
    if handed.name != content.hex():
        raise ConflictError(
            "this Idempotency-Key was used for something else", remedy="send each request under its own"
        )

    done = _file_once(site, handed.id, filing, len(body.targets), who, at)
    if done is None:
        claim, receipt = _filed_before(site, handed.id, who, at)
    else:
        claim, receipt = done.claim, done.receipt.to_text()
    return {
        "ok": True,
        **summary(claim, at),
        "again": done is None,
        "accepted": len(targets),
        "rejected": [one.model_dump() for one in rejected],
        "receipt": receipt,
    }


@router.get("")
def claims(site: TheSite, token: Reading, first: Skipped = 0, limit: PageSize = 100) -> dict[str, Any]:
    """List the claims of the key's account, newest first, a page at a time."""
    who, at = _who(site, token), site.clock()
    assert token.account is not None  # noqa: S101 - a key of this scope has an account
    with site.database.transaction() as session:
        total = number_of_claims(session, token.account, who=who)
        found = claims_of(session, token.account, who=who, first=first, limit=limit, most=0)
    return {"ok": True, "total": total, "claims": [summary(claim, at) for claim in found]}


@router.get("/{claim}")
def one_claim(
    site: TheSite, token: Reading, claim: str, after: Skipped = 0, limit: PageSize = 100
) -> dict[str, Any]:
    """Return one claim, what became of it, and a page of its targets; `after` is `next` of the page before."""
    who, at = _who(site, token), site.clock()
    with site.database.transaction() as session:
        found = claim_by_id(session, _claim_id(claim), who=who, most=0)
        page = targets_of(session, found.id, who=who, after=after, limit=limit)
        history = timeline(session, found.id, who=who)
    return {
        "ok": True,
        **summary(found, at),
        "history": [{"at": one.at, "what": one.sentence} for one in history],
        "page": [
            {
                "kind": target.kind.value,
                "digest": target.digest.hex(),
                "value": target.value,
                "label": target.label,
            }
            for _, target in page
        ],
        "next": page[-1][0] if len(page) == limit else None,
    }


@router.get("/{claim}/receipt")
def receipt(site: TheSite, token: Reading, claim: str) -> dict[str, Any]:
    """Return the receipt of what last happened to one claim."""
    who = _who(site, token)
    text = receipt_of(site.database, site.settings, _claim_id(claim), who=who, at=site.clock())
    return {"ok": True, "receipt": text}


@router.post("/{claim}/answer")
def change(site: TheSite, token: Changing, claim: str, body: AnswerBody) -> dict[str, Any]:
    """Answer differently about the same targets. The receipt of the change comes with the answer."""
    who, at = _who(site, token), site.clock()
    new = body.new_answer()
    return _stepped(site, at, lambda session: change_claims(session, [_claim_id(claim)], new, who=who, at=at))


@router.post("/{claim}/take-out")
def take_out(site: TheSite, token: Changing, claim: str, body: TakeOutBody) -> dict[str, Any]:
    """Take single targets out of a claim. The receipt of the change comes with the answer."""
    who, at = _who(site, token), site.clock()
    targets = [(TargetKind(one.kind), bytes.fromhex(one.digest)) for one in body.targets]
    return _stepped(
        site, at, lambda session: [take_targets_out(session, _claim_id(claim), targets, who=who, at=at)]
    )


@router.post("/withdraw")
def withdraw(site: TheSite, token: Withdrawing, body: ClaimsBody) -> dict[str, Any]:
    """Withdraw up to a thousand claims, all or none. The receipt of each comes with the answer."""
    who, at = _who(site, token), site.clock()
    ids = [_claim_id(text) for text in body.claims]
    return _many(site, at, lambda session: withdraw_claims(session, ids, who=who, at=at))


@router.post("/answer")
def answer_many(site: TheSite, token: Changing, body: AnswersBody) -> dict[str, Any]:
    """Answer differently for up to a thousand claims, all or none, each about its own targets. The receipt of each comes with the answer."""
    who, at = _who(site, token), site.clock()
    ids, new = [_claim_id(text) for text in body.claims], body.new_answer()
    return _many(site, at, lambda session: change_claims(session, ids, new, who=who, at=at))


def _file_once(
    site: Site, handed: uuid.UUID, filing: Filing, total: int, who: Who, at: datetime
) -> Acknowledged | None:
    """File a batch past the guard, or return ``None`` where it was filed before."""
    with site.database.transaction() as session:
        refuse_other_past(session, site.settings)
        if begin_reading(session, handed).state is State.FILED:
            return None
        seen = guarded(site.catalog, session, [filing], who=who, at=at)
        (claim,) = file_claims(session, seen, who=who, at=at)
        accepted = claim.target_count
        finish(
            session,
            handed,
            State.FILED,
            done=total,
            accepted=accepted,
            rejects=(),
            problem="",
            claim=claim.id,
            at=at,
        )
        ask_for_list(session)
    (done,) = acknowledge(site.database, site.settings, [claim], at=at, event_of=attrgetter("answered"))
    return done


def _filed_before(site: Site, handed: uuid.UUID, who: Who, at: datetime) -> tuple[Claim, str]:
    with site.database.transaction() as session:
        known = handed_in(session, handed, who=who).claim or b""
        claim = claim_by_id(session, known, who=who, most=0)
    return claim, receipt_of(site.database, site.settings, claim.id, who=who, at=at)


def _stepped(site: Site, at: datetime, step: Step) -> dict[str, Any]:
    (done,) = step_with_receipts(site.database, site.settings, step, at=at, also=ask_for_list)
    return {"ok": True, **summary(done.claim, at), "receipt": done.receipt.to_text()}


def _many(site: Site, at: datetime, step: Step) -> dict[str, Any]:
    done = step_with_receipts(site.database, site.settings, step, at=at, also=ask_for_list)
    return {
        "ok": True,
        "claims": [{**summary(one.claim, at), "receipt": one.receipt.to_text()} for one in done],
    }


def _who(site: Site, token: Token) -> Who:
    with site.database.transaction() as session:
        return who_of_token(session, token)


def _claim_id(text: str) -> bytes:
    return read_claim_id(text, remedy="list them at /api/v1/partner/claims")
