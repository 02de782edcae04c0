"""The published list: a page that says how to fetch it, and its files as they were signed."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import FileResponse, Response

from byleave.errors import NotFoundError
from byleave.publish.releases import keys_folder, last_published, releases_folder
from byleave.registry.permissions import Act
from byleave.release import load_or_make_key
from byleave.web.entry_routes import FOREVER
from byleave.web.rendering import page
from byleave.web.rules import OpenToAll
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(dependencies=[Depends(OpenToAll(Act.SEARCH))], include_in_schema=False)

LATEST: Final = "latest.json"
_FILE = re.compile(r"(?:[0-9]+/)?(?:[a-z0-9_]+/)?[a-z0-9_][a-z0-9_.-]*")


@router.get("/list")
def published_list(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Say which list is the newest, whose signature it bears, and how to fetch and apply it."""
    with site.database.transaction() as session:
        last = last_published(session)
    key = load_or_make_key(keys_folder(site.settings), site.settings.origin)
    address = f"{request.url.scheme}://{request.headers['host']}/releases"
    return page(request, site, visitor, "list.html", last=last, key=str(key.verifier), address=address)


@router.get("/releases/{file:path}")
def release_file(file: str, site: TheSite) -> Response:
    """Give one file of a published list. What has a number never changes; only ``latest.json`` does."""
    folder = releases_folder(site.settings)
    path = folder / file
    if not _FILE.fullmatch(file) or not path.is_file():
        raise NotFoundError(
            "there is no such file in the published lists", remedy="start from /releases/latest.json"
        )
    kept = "no-cache" if file == LATEST else FOREVER
    return FileResponse(path, media_type="application/octet-stream", headers={"cache-control": kept})
