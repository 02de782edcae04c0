"""The public page of who kept what was asked: organisations, and models where a source documents them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from byleave.registry.kept import Line, Outcome, by_dataset, kept_lines
from byleave.registry.permissions import Act
from byleave.registry.signed_statements import attestation_by_digest
from byleave.release.attestations import Attestation
from byleave.web.rendering import page
from byleave.web.rules import OpenToAll
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

LOOKS: Final = {Outcome.KEPT: "on", Outcome.LATE: "waiting", Outcome.NOTHING: "off"}
"""The style of each outcome; its words stand beside it."""

router = APIRouter(tags=["signed statements"])

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Anybody = Annotated[None, Depends(OpenToAll(Act.READ_RECORD))]


@router.get("/kept", include_in_schema=False)
def kept(request: Request, site: TheSite, visitor: TheVisitor, _: Anybody) -> Response:
    """Show who signed to have applied which list to what, and how far behind that is."""
    with site.database.transaction() as session:
        lines = kept_lines(session, site.clock())
    counts = {outcome: sum(line.outcome is outcome for line in lines) for outcome in Outcome}
    return page(request, site, visitor, "kept.html", datasets=by_dataset(lines), counts=counts, looks=LOOKS)


@router.get("/kept/{sha256}", include_in_schema=False)
def attestation(sha256: Digest, request: Request, site: TheSite, visitor: TheVisitor, _: Anybody) -> Response:
    """Show what one organisation signed to have done, what it rests on, and how to check it."""
    with site.database.transaction() as session:
        found = attestation_by_digest(session, bytes.fromhex(sha256))
    said = found.signed.said
    return page(
        request,
        site,
        visitor,
        "attestation.html",
        found=found,
        said=said,
        unchecked=_unchecked(said),
        sha256=sha256,
    )


def _unchecked(said: Attestation) -> int | None:
    """Return how many entries it says were not compared with every choice, or ``None`` where it does not say so in a number."""
    unchecked = said.found.get("unchecked")
    rows = unchecked.get("rows") if isinstance(unchecked, Mapping) else None
    return rows if isinstance(rows, int) else None


@router.get("/api/v1/kept")
def kept_data(site: TheSite, _: Anybody) -> dict[str, Any]:
    """Return the same as data."""
    with site.database.transaction() as session:
        lines = kept_lines(session, site.clock())
    return {"ok": True, "kept": [_members(line) for line in lines]}


def _members(line: Line) -> dict[str, Any]:
    model = line.model
    return {
        "organisation": line.organisation,
        "dataset": line.dataset,
        "outcome": line.outcome.value,
        "at": line.at,
        "model": {"name": model.name, "source": model.source, "dated": model.dated} if model else None,
        "pledged_at": line.pledged_at,
        "regime": line.regime,
        "number": line.number,
        "lag_days": line.lag.days if line.lag is not None else None,
        "most_lag_days": line.most_lag.days,
        "choices_since": line.since,
        "statement": line.statement.hex() if line.statement else None,
        "pledge": line.pledge.hex() if line.pledge else None,
    }
