"""What a browser tells of the pictures on its device, while a choice about them is being made."""

from __future__ import annotations

import uuid

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from byleave.registry.drafts import Source, add_targets, draft_of, open_draft
from byleave.registry.permissions import Act
from byleave.web.device_pictures import MOST_PICTURES_A_CALL, DevicePicture, read_device_pictures
from byleave.web.forms import checked_header
from byleave.web.rules import OpenToAll
from byleave.web.site import TheSite
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

Open = Depends(OpenToAll(Act.SEARCH))
Checked = Depends(checked_header)


class PictureIn(BaseModel):
    """One picture: its file name, its match code as text, its SHA-256 in hex or null, and its link where an export has one."""

    model_config = ConfigDict(extra="forbid")

    name: str
    code: str
    digest: str | None = None
    link: str | None = None


class PicturesIn(BaseModel):
    """Some pictures of a folder or an export."""

    model_config = ConfigDict(extra="forbid")

    pictures: list[PictureIn] = Field(max_length=MOST_PICTURES_A_CALL)


class RejectedOut(BaseModel):
    """A picture that cannot be used, and why."""

    name: str
    reason: str


class PicturesOut(BaseModel):
    """How many pictures were taken, what was not and why, and how many links and pictures the draft has now."""

    accepted: int
    rejected: list[RejectedOut]
    total: int


class DraftOut(BaseModel):
    """A draft that was begun, and the page where it goes on."""

    draft: uuid.UUID
    address: str


@router.post("/choices/drafts", dependencies=[Open, Checked])
def begin_draft(site: TheSite, visitor: TheVisitor) -> DraftOut:
    """Begin a draft for this browser, for a page that has none yet."""
    with site.database.transaction() as session:
        draft = open_draft(session, visitor.id, at=site.clock())
    return DraftOut(draft=draft.id, address=f"/choices/draft/{draft.id}")


@router.post("/choices/draft/{draft}/pictures", dependencies=[Open, Checked])
def add_device_pictures(
    draft: uuid.UUID, told: PicturesIn, site: TheSite, visitor: TheVisitor
) -> PicturesOut:
    """Add pictures by their match codes. Sending some of them again changes nothing."""
    accepted, rejected = read_device_pictures(
        DevicePicture(one.name, one.code, one.digest, one.link) for one in told.pictures
    )
    with site.database.transaction() as session:
        known = draft_of(session, draft, visitor.id, at=site.clock())
        total = add_targets(session, known.id, (one for some in accepted for one in some), Source.DEVICE)
    refused = [RejectedOut(name=one.name, reason=one.reason) for one in rejected]
    return PicturesOut(accepted=len(accepted), rejected=refused, total=total)
