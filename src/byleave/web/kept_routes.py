"""The public page of who kept what was asked: organisations, and models where a source documents them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.registry.kept import Line, Outcome, by_dataset, kept_lines
from byleave.registry.permissions import Act
from byleave.web.rendering import page
from byleave.web.rules import OpenToAll
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

LOOKS: Final = {Outcome.KEPT: "on", Outcome.LATE: "waiting", Outcome.NOTHING: "off"}
"""The style of each outcome; its words stand beside it."""

router = APIRouter(tags=["signed statements"])

Anybody = Annotated[None, Depends(OpenToAll(Act.READ_RECORD))]


@router.get("/kept", include_in_schema=False)
def kept(request: Request, site: TheSite, visitor: TheVisitor, _: Anybody) -> Response:
    """Show who signed to have applied which list to what, and how far behind that is."""
    with site.database.transaction() as session:
        lines = kept_lines(session, site.clock())
    counts = {outcome: sum(line.outcome is outcome for line in lines) for outcome in Outcome}
    return page(request, site, visitor, "kept.html", datasets=by_dataset(lines), counts=counts, looks=LOOKS)


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
