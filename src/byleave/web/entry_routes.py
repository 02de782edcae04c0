"""One entry of a dataset, its thumbnail, the list of datasets, and the files pages are made of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.catalog import DatasetInfo, Sample
from byleave.consent import TargetKind
from byleave.copies.samples import claimed_from_sample
from byleave.errors import NotFoundError
from byleave.fingerprints import REVIEW_RADIUS
from byleave.registry.permissions import Act
from byleave.registry.retention import TABLE
from byleave.registry.review import queue
from byleave.web.entries import Card, EntryName, Shower, cards_of_copies, parse_key
from byleave.web.in_force import in_force
from byleave.web.rendering import page
from byleave.web.rules import OpenToAll
from byleave.web.site import MEDIA_TYPES, Site, TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(dependencies=[Depends(OpenToAll(Act.SEARCH))], include_in_schema=False)

SHOWN_COPIES: Final = 24
FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset an entry's picture or link stands in, with the copies found there."""

    info: DatasetInfo
    by_link: int
    copies: int
    cards: tuple[Card, ...]

    @property
    def as_of(self) -> datetime:
        return self.info.as_of


@router.get("/entry/{dataset}/{key}")
def entry(dataset: str, key: str, request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Show everything known about one entry."""
    sample = site.catalog.sample(dataset, parse_key(key))
    with site.database.transaction() as session:
        forces = in_force(session, site.claimed_pictures, sample, at=site.clock())
    return page(
        request,
        site,
        visitor,
        "entry.html",
        sample=sample,
        card=Shower(site.settings.remote_pictures).card_of_sample(sample),
        columns=_columns(sample),
        places=_places(site, sample),
        has_picture=claimed_from_sample(sample) is not None,
        forces=forces,
    )


@router.get("/thumbnail/{dataset}/{key}")
def thumbnail(dataset: str, key: str, request: Request, site: TheSite) -> Response:
    """Give the small copy of a picture the catalog keeps. Never that of an entry removed for safety: it is not kept."""
    content = site.catalog.thumbnail(dataset, parse_key(key))
    if content is None:
        raise NotFoundError("there is no small copy of this picture", remedy="open the page it stands on")
    return _cached(request, content, "image/jpeg")


@router.get("/datasets")
def datasets(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """List the datasets searched here."""
    return page(request, site, visitor, "datasets.html", datasets=site.catalog.datasets())


@router.get("/about")
def about(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Say what this place does, what it cannot do, and what it keeps."""
    with site.database.transaction() as session:
        waiting = queue(session, site.clock())
    return page(request, site, visitor, "about.html", queue=waiting, kept=TABLE.values())


@router.get("/static/{version}/{name}")
def static(version: str, name: str, request: Request, site: TheSite) -> Response:
    """Give a style, a module or a drawing. The version is part of the address, so it may be kept for ever."""
    content = site.assets.files.get(name)
    if content is None or version != site.assets.version:
        raise NotFoundError("there is no such file", remedy="load the page again")
    return _cached(request, content, MEDIA_TYPES[name.rpartition(".")[2]])


@router.get("/favicon.ico")
def icon(request: Request, site: TheSite) -> Response:
    """Give the mark of the site."""
    return _cached(request, site.assets.files["mark.svg"], MEDIA_TYPES["svg"])


def _columns(sample: Sample) -> list[tuple[str, str]]:
    """Return every column of the dataset's row, then what was read from the picture, as text."""
    read = {
        "creator": sample.creator,
        "rights": sample.rights,
        "width": sample.width,
        "height": sample.height,
        "SHA-256 of the file": sample.digest.hex() if sample.digest else None,
        "picture match code": sample.pdq.hex() if sample.pdq else None,
        "match code version": sample.picture_version,
        "match code quality": sample.quality,
    }
    rows = [(name, value) for name, value in sample.metadata.items()]
    rows += [(name, value) for name, value in read.items() if name not in sample.metadata]
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in rows
        if value is not None
    ]


def _places(site: Site, sample: Sample) -> list[Place]:
    picture = claimed_from_sample(sample)
    shower = Shower(site.settings.remote_pictures)
    links = [sample.canonical_url] if sample.canonical_url else []
    here = EntryName(sample.dataset, sample.sample_key)
    places = []
    for info in site.catalog.datasets():
        by_link = site.catalog.standing_at(info.name, TargetKind.URL, links).samples
        copies = site.catalog.copies_of(picture, info.name, REVIEW_RADIUS) if picture else []
        others = [copy for copy in copies if EntryName(info.name, copy.sample_key) != here]
        cards = cards_of_copies(
            site.catalog, shower, info.name, others[:SHOWN_COPIES], same_file=sample.digest
        )
        if by_link or copies or info.name == sample.dataset:
            places.append(Place(info, by_link, len(others), tuple(cards)))
    return places


def _cached(request: Request, content: bytes, media_type: str) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"cache-control": FOREVER, "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
