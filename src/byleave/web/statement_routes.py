"""What organisations sign, by the API: handed in by a key, in the log when this answers, and readable by everybody."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from byleave.log.envelopes import MAX_SIGNATURES, MAX_TYPE_CHARS, Envelope
from byleave.publish.receipts import receipt_of_event
from byleave.publish.sequencer import refuse_other_past
from byleave.registry.identity import who_of_token
from byleave.registry.permissions import Act
from byleave.registry.signed_statements import accept_statement, statement_by_digest
from byleave.registry.tokens import Scope, Token
from byleave.release.absences import MOST_ADDRESS_CHARS
from byleave.web.api_routes import Fault
from byleave.web.keys import KeyFor
from byleave.web.rules import OpenToAll
from byleave.web.site import TheSite

router = APIRouter(
    prefix="/api/v1/statements",
    tags=["signed statements"],
    responses={code: {"model": Fault} for code in (400, 401, 403, 404, 409, 413, 422, 503)},
)

MAX_PAYLOAD_CHARS: Final = 15 * 1024 * 1024

Reporter = Annotated[Token, Depends(KeyFor(Act.REPORT, Scope.REPORT))]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the statement's payload")]


class SignatureBody(BaseModel):
    """One signature of an envelope, in base64."""

    keyid: str = Field(default="", max_length=400)
    sig: str = Field(max_length=400)


class EnvelopeBody(BaseModel):
    """A DSSE envelope with an in-toto statement: an attestation, a pledge or feedback."""

    model_config = ConfigDict(extra="ignore")

    payload: str = Field(max_length=MAX_PAYLOAD_CHARS, description="the statement, in base64")
    payloadType: str = Field(max_length=MAX_TYPE_CHARS)  # noqa: N815 - the format calls it so
    signatures: list[SignatureBody] = Field(min_length=1, max_length=MAX_SIGNATURES)

    proofs: str | None = Field(
        default=None,
        max_length=MOST_ADDRESS_CHARS,
        description="of an attestation, not signed: https address of the folder of its proofs",
    )

    def envelope(self) -> Envelope:
        """Return the envelope."""
        return Envelope.parse(json.dumps(self.model_dump(exclude={"proofs"})).encode())


@router.post("", status_code=201)
def hand_in(site: TheSite, token: Reporter, body: EnvelopeBody) -> dict[str, Any]:
    """Hand in a signed statement. When this answers, the public log holds it; its receipt comes with the answer.

    The organisation's page must name the key that signed it. Handing the same statement in again changes nothing but the
    address of its proofs, where one is given.
    """
    envelope, at = body.envelope(), site.clock()
    with site.database.transaction() as session:
        refuse_other_past(session, site.settings)
        who = who_of_token(session, token)
        done = accept_statement(
            session, envelope, origin=site.settings.origin, who=who, at=at, proofs=body.proofs
        )
    return {
        "ok": True,
        "sha256": done.sha256.hex(),
        "kind": done.kind,
        "entry": done.event - 1,
        "again": not done.is_new,
        "receipt": receipt_of_event(site.database, site.settings, done.event, at=at),
    }


@router.get("/{sha256}", dependencies=[Depends(OpenToAll(Act.READ_RECORD))])
def statement(site: TheSite, sha256: Digest) -> Response:
    """Return a signed statement as it was handed in."""
    with site.database.transaction() as session:
        row = statement_by_digest(session, bytes.fromhex(sha256))
        return Response(row.envelope, media_type="application/vnd.dsse.envelope.v1+json")


@router.get("/{sha256}/receipt", dependencies=[Depends(OpenToAll(Act.READ_RECORD))])
def receipt(site: TheSite, sha256: Digest) -> Response:
    """Return the receipt of a signed statement: a log proof, against the newest head of the log."""
    with site.database.transaction() as session:
        number = statement_by_digest(session, bytes.fromhex(sha256)).event
    text = receipt_of_event(site.database, site.settings, number, at=site.clock())
    return Response(text, media_type="text/plain; charset=utf-8")
