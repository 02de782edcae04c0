"""The public record: its numbers, its log, its feed, and the page on which anybody checks a receipt in her own browser."""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.errors import FormatError, NotFoundError
from byleave.log import BundleAt, decode_bundle, encode_bundle
from byleave.log.lines import HASH_BYTES
from byleave.log.tiles import parse_path
from byleave.publish.folders import log_folder, releases_folder
from byleave.publish.keys import key_history, known_keys
from byleave.publish.log_files import CHECKPOINT, LogFiles
from byleave.publish.record import newest_releases, record
from byleave.publish.releases import last_published
from byleave.publish.witnesses import own_policy
from byleave.registry.permissions import Act
from byleave.registry.proof_costs import proof_costs
from byleave.registry.review import queue
from byleave.release.key_history import HISTORY
from byleave.release.reading import REDACTION
from byleave.web.atom import ATOM_TYPE, releases_feed
from byleave.web.entry_routes import FOREVER
from byleave.web.rendering import page
from byleave.web.rules import OpenToAll
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TheVisitor

log = logging.getLogger("byleave.web")

router = APIRouter(dependencies=[Depends(OpenToAll(Act.READ_RECORD))], include_in_schema=False)

SHORT: Final = "public, max-age=5"
"""Seconds for which a checkpoint may be kept: a monitor is never more than these behind."""

POLICY: Final = "policy"
"""Where the operator's policy stands below the log: which witnesses there are."""

SHOWN_RELEASES: Final = 10
FED_RELEASES: Final = 30


@router.get("/registry")
def registry(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Show numbers, the newest lists, the head of the log, and how to check all of it."""
    with site.database.transaction() as session:
        shown = record(session, site.settings, at=site.clock(), releases=SHOWN_RELEASES)
        waiting = queue(session, site.clock())
        costs = proof_costs(session)
    key = known_keys(site.settings)[0]
    return page(
        request,
        site,
        visitor,
        "registry.html",
        record=shown,
        queue=waiting,
        costs=costs,
        key=str(key),
        address=_address(request),
    )


@router.get("/registry/releases.atom")
def feed(request: Request, site: TheSite) -> Response:
    """Give the newest lists as an Atom feed."""
    with site.database.transaction() as session:
        releases = newest_releases(session, FED_RELEASES)
    content = releases_feed(releases, origin=site.settings.origin, address=_address(request), at=site.clock())
    return _tagged(request, content, ATOM_TYPE, "public, max-age=300")


@router.get("/verify")
def verify(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Show the page that checks a receipt; the receipt never leaves the browser."""
    with site.database.transaction() as session:
        last = last_published(session)
    keys = [str(key) for key in known_keys(site.settings)]
    trusted = _policy(site) or "".join(f"{key}\n" for key in keys)
    return page(
        request,
        site,
        visitor,
        "verify.html",
        key=keys[0],
        trusted=trusted,
        has_list=last is not None,
        intact=last[0]
        if last and not (releases_folder(site.settings) / str(last[0]) / REDACTION).exists()
        else None,
        address=_address(request),
    )


@router.get("/log/{file:path}")
def log_file(file: str, request: Request, site: TheSite) -> Response:
    """Give one file of the log. Tiles and bundles never change under their address; the checkpoint does."""
    files = LogFiles(log_folder(site.settings))
    if file == CHECKPOINT:
        note = files.checkpoint()
        if note is None:
            raise NotFoundError("the log has no entry yet", remedy="the first follows the first choice")
        return _tagged(request, note.encode(), "text/plain; charset=utf-8", SHORT)
    if file == HISTORY:
        return _tagged(request, key_history(site.settings).to_bytes(), "text/plain; charset=utf-8", SHORT)
    if file == POLICY:
        policy = _policy(site)
        if policy is None:
            raise NotFoundError("this registry names no witnesses", remedy="trust its key alone")
        return _tagged(request, policy.encode(), "text/plain; charset=utf-8", SHORT)
    return _tagged(request, _tile(files, file), "application/octet-stream", FOREVER)


def _policy(site: Site) -> str | None:
    """Return the operator's policy; one that cannot be used is for `byleave doctor` to tell, and not for visitors."""
    try:
        return own_policy(site.settings)
    except FormatError as error:
        log.warning("the policy of this log is not handed out: %s", error.problem)
        return None


def _tile(files: LogFiles, path: str) -> bytes:
    """Return a tile or bundle at exactly the width its address names, cut from a wider one where that took its place."""
    try:
        place = parse_path(path)
        content = files.read(place)
    except (FormatError, NotFoundError) as error:
        raise NotFoundError("the log has no such file", remedy="start from /log/checkpoint") from error
    if isinstance(place, BundleAt):
        return encode_bundle(decode_bundle(content, place.width))
    return content[: place.width * HASH_BYTES]


def _tagged(request: Request, content: bytes, media_type: str, kept: str) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    # The record is for everybody: pages of other sites may read it too, to check it there.
    headers = {
        "cache-control": kept,
        "etag": tag,
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _address(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers['host']}"
