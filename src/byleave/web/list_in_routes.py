"""Handing in a list of up to a million links: a file with an answer, read by a job, with a page that shows how far it is."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from byleave.errors import InputError
from byleave.publish.lists import ListFile, hand_in
from byleave.registry.handing_in import SHOWN_REJECTS, Handed, State, handed_in, handed_in_of, rejects_of
from byleave.registry.jobs import defer
from byleave.registry.lists import Reject
from byleave.registry.permissions import Act
from byleave.registry.sign_in import SignedIn
from byleave.web.answers import ALL_FIELDS, SaidAnswer
from byleave.web.list_in import READ_LIST, filing_of
from byleave.web.rendering import go, page
from byleave.web.rules import SignedInFor
from byleave.web.site import Site, TheSite
from byleave.web.uploads import CheckedUpload, UploadedForm
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Reader = Annotated[SignedIn, Depends(SignedInFor(Act.SEE_CLAIM))]
Filer = Annotated[SignedIn, Depends(SignedInFor(Act.FILE_CLAIM))]


@router.get("/choices/list")
def choose_list(request: Request, site: TheSite, visitor: TheVisitor, person: Filer) -> Response:
    """Show the form for a list, and what was handed in lately."""
    with site.database.transaction() as session:
        before = handed_in_of(session, person.account, who=person.who)
    return page(request, site, visitor, "list_in.html", answer=SaidAnswer(), before=before)


@router.post("/choices/list")
async def take_list(site: TheSite, person: Filer, upload: CheckedUpload) -> Response:
    """Take a list in, and have it read by a job. The same list with the same answer is taken once."""
    return await run_in_threadpool(_take, site, person, upload)


@router.get("/choices/handed-in/{handed}")
def show_handed(
    handed: uuid.UUID, request: Request, site: TheSite, visitor: TheVisitor, person: Reader
) -> Response:
    """Show how far a list is, or what became of it."""
    with site.database.transaction() as session:
        known = handed_in(session, handed, who=person.who)
        rejects = rejects_of(session, handed, who=person.who, limit=SHOWN_REJECTS + 1)
    if request.headers.get("accept", "").startswith("application/json"):
        return JSONResponse(_progress(known))
    return page(
        request,
        site,
        visitor,
        "handed_in.html",
        handed=known,
        problem=next((one.reason for one in rejects if one.line == 0), ""),
        rejects=[one for one in rejects if one.line][:SHOWN_REJECTS],
    )


@router.get("/choices/handed-in/{handed}/rejects.csv")
def download_rejects(handed: uuid.UUID, site: TheSite, person: Reader) -> Response:
    """Give every line that could not be used, with its reason."""
    with site.database.transaction() as session:
        rejects = rejects_of(session, handed, who=person.who)
    headers = {"content-disposition": 'attachment; filename="lines-not-used.csv"'}
    return StreamingResponse(_csv(rejects), media_type="text/csv; charset=utf-8", headers=headers)


def _take(site: Site, person: SignedIn, upload: UploadedForm) -> Response:
    if upload.path is None:
        raise InputError("no list was chosen, or it is empty", remedy="choose a file with one link a line")
    answer = {name: upload.form.text(name) for name in ALL_FIELDS if upload.form.text(name)}
    try:
        filing = filing_of(answer, person.account)
        file = ListFile.look(upload.path, upload.name, site.settings.limits.csv_bytes)
    except InputError:
        upload.path.unlink()
        raise
    known = hand_in(site.database, file, filing, who=person.who, at=site.clock())
    if known.state is State.FILED:
        upload.path.unlink()
        return go(f"/choices/handed-in/{known.id}")
    with site.database.transaction() as session:
        defer(
            session,
            READ_LIST,
            lock=f"{READ_LIST}-{known.id}",
            handed=str(known.id),
            file=upload.path.name,
            answer=answer,
            person=str(person.person),
        )
    return go(f"/choices/handed-in/{known.id}")


def _progress(handed: Handed) -> dict[str, object]:
    return {
        "state": handed.state.value,
        "done": handed.done,
        "total": handed.total,
        "accepted": handed.accepted,
        "rejected": handed.rejected,
    }


def _csv(rejects: list[Reject]) -> Iterator[str]:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["line", "value", "reason"])
    for one in rejects:
        writer.writerow([one.line, _plain_cell(one.value), one.reason])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def _plain_cell(value: str) -> str:
    """Keep a spreadsheet from running what a stranger wrote into a list."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
