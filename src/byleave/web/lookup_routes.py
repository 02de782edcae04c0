"""Look-ups for programs: what the registry says now about a link, a file, an item or a picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Protocol, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from byleave.consent import TRAINING_USES, Preference
from byleave.errors import FormatError, InputError
from byleave.fingerprints import PDQ_BYTES, REVIEW_RADIUS, SAME_WORK_RADIUS
from byleave.registry.lookup_rows import DIGEST_BYTES, ITEM_BYTES
from byleave.registry.lookups import (
    MOST_AT_ONCE,
    Answer,
    look_up_digests,
    look_up_items,
    look_up_pictures,
    look_up_urls,
)
from byleave.registry.permissions import Act
from byleave.registry.tokens import Scope, Token
from byleave.web.api_routes import Fault
from byleave.web.keys import KeyFor, count_against
from byleave.web.lookup_answers import many_answers, one_answer
from byleave.web.rules import OpenToAll
from byleave.web.site import Site, TheSite

ANYBODY: Final = Depends(OpenToAll(Act.LOOK_UP))
WithKey = Annotated[Token, Depends(KeyFor(Act.LOOK_UP, Scope.LOOKUP))]
Radius = Annotated[int, Field(ge=0, le=REVIEW_RADIUS, description="most bits that may differ")]

Read = TypeVar("Read", contravariant=True)

router = APIRouter(
    tags=["look-ups"], responses={code: {"model": Fault} for code in (400, 401, 403, 413, 429, 503)}
)


class Values(BaseModel):
    """What to look up, in order; values may repeat."""

    model_config = ConfigDict(extra="forbid")

    values: list[str] = Field(max_length=MOST_AT_ONCE)


class PictureValues(Values):
    """PDQ values to look up, 64 hex digits each."""

    radius: Radius = SAME_WORK_RADIUS


@router.get("/api/v1/lookup/url", dependencies=[ANYBODY])
def one_url(site: TheSite, url: str) -> Response:
    """Look up one link. Every claim on it, on a path above it, on its host and on a domain above that is found."""
    return _one("url", site, url, url, look_up_urls)


@router.get("/api/v1/lookup/digest/{sha256}", dependencies=[ANYBODY])
def one_digest(site: TheSite, sha256: str) -> Response:
    """Look up one exact file by its SHA-256, 64 hex digits."""
    return _one("digest", site, sha256, _hex(sha256, DIGEST_BYTES), look_up_digests)


@router.get("/api/v1/lookup/item/{item}", dependencies=[ANYBODY])
def one_item(site: TheSite, item: str) -> Response:
    """Look up one item id, 32 hex digits. It finds claims on exactly that link; ask by link for paths, hosts and domains."""
    return _one("item", site, item, _hex(item, ITEM_BYTES), look_up_items)


@router.get("/api/v1/lookup/fingerprint/{pdq}", dependencies=[ANYBODY])
def one_fingerprint(site: TheSite, pdq: str, radius: Radius = SAME_WORK_RADIUS) -> Response:
    """Look up one picture by its PDQ value of version `pdq-512/1`, 64 hex digits."""
    at = site.clock()
    (answer,) = _pictures(site, [pdq], radius)
    return one_answer("fingerprint", pdq, answer, at=at)


@router.post("/api/v1/lookup/urls")
def many_urls(site: TheSite, token: WithKey, asked: Values) -> Response:
    """Look up to 10,000 links."""
    return _many("url", site, token, asked, asked.values, look_up_urls)


@router.post("/api/v1/lookup/digests")
def many_digests(site: TheSite, token: WithKey, asked: Values) -> Response:
    """Look up to 10,000 exact files."""
    read = [_hex(value, DIGEST_BYTES) for value in asked.values]
    return _many("digest", site, token, asked, read, look_up_digests)


@router.post("/api/v1/lookup/items")
def many_items(site: TheSite, token: WithKey, asked: Values) -> Response:
    """Look up to 10,000 item ids."""
    read = [_hex(value, ITEM_BYTES) for value in asked.values]
    return _many("item", site, token, asked, read, look_up_items)


@router.post("/api/v1/lookup/fingerprints")
def many_fingerprints(site: TheSite, token: WithKey, asked: PictureValues) -> Response:
    """Look up to 10,000 pictures by their PDQ values."""
    at = site.clock()
    count_against(site.database, token, len(asked.values), at)
    return many_answers("fingerprint", asked.values, _pictures(site, asked.values, asked.radius), at=at)


@router.post("/api/v2/query/urls/", include_in_schema=False)
async def spawning_query(request: Request, site: TheSite, token: WithKey) -> dict[str, object]:
    """Answer as the Spawning API does: one link per line in, one entry per line out, blank and repeated ones included."""
    body = await request.body()
    return await run_in_threadpool(_spawning, site, token, body)


def _spawning(site: Site, token: Token, body: bytes) -> dict[str, object]:
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError as error:
        raise FormatError("the list of links is not UTF-8 text", remedy="send one link per line") from error
    if len(lines) > MOST_AT_ONCE:
        raise InputError(f"{len(lines):,} lines are too many", remedy=f"send at most {MOST_AT_ONCE:,}")
    at = site.clock()
    count_against(site.database, token, len(lines), at)
    with site.database.transaction() as session:
        answers = look_up_urls(session, [line.strip() for line in lines], at=at)
    return {
        "urls": [
            {"url": line, "optOut": opts_out(answer), "optIn": opts_in(answer)}
            for line, answer in zip(lines, answers, strict=True)
        ]
    }


def opts_out(answer: Answer) -> bool:
    """Whether an answer refuses training; a condition refuses whoever has not met it, and here nobody says they have."""
    return any(answer.preferences.for_use(use) >= Preference.CONDITIONAL for use in TRAINING_USES)


def opts_in(answer: Answer) -> bool:
    """Whether an answer is a yes to training of every sort."""
    return all(answer.preferences.for_use(use) is Preference.ALLOW for use in TRAINING_USES)


class _LookUp(Protocol[Read]):
    """Answers for things as they were read, in their order."""

    def __call__(self, session: Session, things: Sequence[Read], /, *, at: datetime) -> list[Answer]: ...


def _one(kind: str, site: Site, value: str, read: Read, look_up: _LookUp[Read]) -> Response:
    at = site.clock()
    with site.database.transaction() as session:
        (answer,) = look_up(session, [read], at=at)
    return one_answer(kind, value, answer, at=at)


def _many(
    kind: str, site: Site, token: Token, asked: Values, read: Sequence[Read], look_up: _LookUp[Read]
) -> Response:
    at = site.clock()
    count_against(site.database, token, len(asked.values), at)
    with site.database.transaction() as session:
        answers = look_up(session, read, at=at)
    return many_answers(kind, asked.values, answers, at=at)


def _pictures(site: Site, values: list[str], radius: int) -> list[Answer]:
    read = [_hex(value, PDQ_BYTES) for value in values]
    known = [value for value in read if value is not None]
    with site.database.transaction() as session:
        near = iter(site.claimed_pictures.near_values(session, known, radius))
        found = [None if value is None else next(near) for value in read]
        return look_up_pictures(session, found, at=site.clock())


def _hex(text: str, size: int) -> bytes | None:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value if len(value) == size and len(text) == 2 * size else None
