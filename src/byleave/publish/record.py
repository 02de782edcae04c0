"""The state of the public record in numbers: what is in force, what was published, how far the log is, what is late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import ClaimState
from byleave.log import Checkpoint
from byleave.publish.folders import log_folder
from byleave.publish.log_files import LogFiles
from byleave.registry.tables import ClaimEventRow, ClaimRow, ReleaseRow
from byleave.release.promises import LISTED_WITHIN
from byleave.settings import Settings


@dataclass(frozen=True, slots=True)
class PublishedRelease:
    """One release as the registry remembers it. ``manifest_digest`` is the SHA-256 of its manifest, 32 bytes."""

    number: int
    published_at: datetime
    manifest_digest: bytes
    claims: int


@dataclass(frozen=True, slots=True)
class Record:
    """The public record at one moment.

    counts
        Claims by state; one whose end has passed is in none.
    head
        The newest checkpoint, ``None`` before the first; ``note`` is the signed text.
    overdue
        How long the oldest event that should be in a list by now has waited beyond its time, or ``None`` when nothing is late.
    """

    counts: Mapping[ClaimState, int]
    releases: int
    newest: tuple[PublishedRelease, ...]
    head: Checkpoint | None
    note: str | None
    overdue: timedelta | None


def record(session: Session, settings: Settings, *, at: datetime, releases: int) -> Record:
    """Return the numbers, the newest ``releases`` releases and the published head of the log."""
    note = LogFiles(log_folder(settings)).checkpoint()
    return Record(
        _counts(session, at),
        session.execute(sa.select(sa.func.count()).select_from(ReleaseRow)).scalar_one(),
        newest_releases(session, releases),
        Checkpoint.parse(note.rpartition("\n\n")[0] + "\n") if note else None,
        note,
        overdue(session, at),
    )


def newest_releases(session: Session, most: int) -> tuple[PublishedRelease, ...]:
    """Return the newest releases, newest first."""
    chosen = sa.select(ReleaseRow).order_by(ReleaseRow.number.desc()).limit(most)
    return tuple(
        PublishedRelease(row.number, row.published_at, row.manifest_digest, row.claims)
        for row in session.execute(chosen).scalars()
    )


def overdue(session: Session, at: datetime) -> timedelta | None:
    """Say by how much a list is late: every event belongs into one within 24 hours."""
    last = sa.select(sa.func.coalesce(sa.func.max(ReleaseRow.number), 0)).scalar_subquery()
    oldest = sa.select(ClaimEventRow.recorded_at).where(ClaimEventRow.number == last + 1)
    waiting = session.execute(oldest).scalar_one_or_none()
    late = at - waiting - LISTED_WITHIN if waiting is not None else timedelta()
    return late if late > timedelta() else None


def _counts(session: Session, at: datetime) -> dict[ClaimState, int]:
    chosen = (
        sa.select(ClaimRow.state, sa.func.count())
        .where(sa.or_(ClaimRow.expires_at.is_(None), ClaimRow.expires_at > at))
        .group_by(ClaimRow.state)
    )
    found = {ClaimState(state): count for state, count in session.execute(chosen)}
    return {state: found.get(state, 0) for state in ClaimState}
