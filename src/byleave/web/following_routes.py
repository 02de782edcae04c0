"""What became of choices: organisations report by the API, claimants read one timeline."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from byleave.registry.following import MOST_ENTRIES, Application, note_applied
from byleave.registry.identity import who_of_token
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.registry.timeline import timeline
from byleave.registry.tokens import Scope, Token
from byleave.web.api_routes import Fault
from byleave.web.keys import KeyFor
from byleave.web.rules import SignedInFor
from byleave.web.site import TheSite

router = APIRouter(
    prefix="/api/v1",
    tags=["what became of it"],
    responses={code: {"model": Fault} for code in (400, 401, 403, 404, 409, 413, 503)},
)

Reporter = Annotated[Token, Depends(KeyFor(Act.REPORT, Scope.REPORT))]
Reader = Annotated[SignedIn, Depends(SignedInFor(Act.SEE_CLAIM))]
Count = Annotated[int, Field(ge=0, le=MOST_ENTRIES)]


class AppliedBody(BaseModel):
    """A published list that was applied to a dataset: how many entries it had, and how many were taken out."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=MOST_ENTRIES, description="number of the published list")]
    dataset: str = Field(min_length=1, max_length=120, description="what claimants read as its name")
    entries: Count
    removed: Count


@router.post("/applied", status_code=201)
def applied(site: TheSite, token: Reporter, body: AppliedBody) -> dict[str, Any]:
    """Report that an organisation applied a list: claimants in it read so, with the organisation's name. Reporting again replaces it."""
    said = Application(body.number, body.dataset, body.entries, body.removed)
    with site.database.transaction() as session:
        note_applied(session, said, who=who_of_token(session, token), at=site.clock())
    return {"ok": True}


@router.get("/claims/{claim}/timeline")
def what_became_of_it(site: TheSite, person: Reader, claim: str) -> dict[str, Any]:
    """Return what became of one claim of whoever is signed in, oldest first."""
    with site.database.transaction() as session:
        moments = timeline(session, claim_id_of(claim), who=person.who)
    return {"ok": True, "timeline": [moment.members() for moment in moments]}


def claim_id_of(text: str) -> bytes:
    """Read a claim's id from hex; what is none names no claim, and the answer says so."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
