"""*The original file*: somebody shows a picture larger, or less cropped, than every copy known here. It is looked at in memory and not kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from byleave.copies.originals import MARGIN, Compared, show_original
from byleave.media.margins import LEAST_DEPTH
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.web.asked_pictures import read_asked_picture
from byleave.web.forms import CheckedForm
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor, Visitor

router = APIRouter(include_in_schema=False)

Prover = Annotated[SignedIn, Depends(SignedInFor(Act.PROVE))]


@router.get("/proofs/original")
def original(request: Request, site: TheSite, visitor: TheVisitor, person: Prover) -> Response:  # noqa: ARG001 - the rule
    """Show where to hand in an original file, and what that is worth."""
    return _page(request, site, visitor)


@router.post("/proofs/original")
async def hand_in_original(
    request: Request, site: TheSite, visitor: TheVisitor, person: Prover, form: CheckedForm
) -> Response:
    """Compare a file with the copies known here. Where some copy is as large and as whole, say so and keep nothing."""
    asked = await run_in_threadpool(read_asked_picture, form.picture, form.picture_name, site.settings.limits)
    found = await run_in_threadpool(
        show_original,
        site.database,
        site.catalog,
        asked,
        who=person.who,
        account=person.account,
        at=site.clock(),
    )
    if found.proofs:
        return go(f"/proofs/{found.proofs[0].id}#seen")
    return _page(request, site, visitor, found)


def _page(request: Request, site: Site, visitor: Visitor, compared: Compared | None = None) -> Response:
    return page(request, site, visitor, "original.html", compared=compared, margin=MARGIN, depth=LEAST_DEPTH)
