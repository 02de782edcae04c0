"""The published list: a page that says how to fetch it, and its files as they were signed."""

from __future__ import annotations

import re

from fastapi import APIRouter, Depends, Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse

from byleave.errors import NotFoundError
from byleave.publish.folders import releases_folder
from byleave.publish.keys import signing_key
from byleave.publish.releases import last_published
from byleave.registry.following import note_fetched
from byleave.registry.permissions import Act
from byleave.web.entry_routes import FOREVER
from byleave.web.keys import account_of_key
from byleave.web.rendering import page
from byleave.web.rules import OpenToAll
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(dependencies=[Depends(OpenToAll(Act.SEARCH))], include_in_schema=False)

_FILE = re.compile(r"(?:[a-z0-9_][a-z0-9_.-]*/){0,4}[a-z0-9_][a-z0-9_.-]*")
_MANIFEST = re.compile(r"([0-9]{1,15})/manifest\.json")
_NUMBERED = re.compile(r"(?:deltas/[0-9]+-)?[0-9]+/")


@router.get("/list")
def published_list(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Say which list is the newest, whose signature it bears, and how to fetch and apply it."""
    with site.database.transaction() as session:
        last = last_published(session)
    key = signing_key(site.settings)
    address = f"{request.url.scheme}://{request.headers['host']}/releases"
    return page(request, site, visitor, "list.html", last=last, key=str(key.verifier), address=address)


@router.get("/releases/{file:path}")
def release_file(file: str, request: Request, site: TheSite) -> Response:
    """Give one file of a published list, unless the asker has it. What has a number never changes; ``latest.json`` and its like do."""
    folder = releases_folder(site.settings)
    path = folder / file
    if not _FILE.fullmatch(file) or not path.is_file():
        raise NotFoundError(
            "there is no such file in the published lists", remedy="start from /releases/latest.json"
        )
    number = _MANIFEST.fullmatch(file)
    if number and "authorization" in request.headers:
        _note(request, site, int(number[1]))
    kept = FOREVER if _NUMBERED.match(file) else "no-cache"
    answer = FileResponse(
        path, media_type="application/octet-stream", headers={"cache-control": kept}, stat_result=path.stat()
    )
    if request.headers.get("if-none-match") == answer.headers["etag"]:
        return NotModifiedResponse(answer.headers)
    return answer


def _note(request: Request, site: Site, number: int) -> None:
    """Write down that an organisation which shows its key fetched a list; the first time, and nobody else."""
    account = account_of_key(request, site)
    if account is not None:
        with site.database.transaction() as session:
            note_fetched(session, account, number, at=site.clock())
