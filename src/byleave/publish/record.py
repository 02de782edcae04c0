"""The state of the public record in numbers: what is in force, what was published, how far the log is, what is late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import STEPS, ClaimState
from byleave.log import Checkpoint
from byleave.publish.folders import log_folder
from byleave.publish.health import Health, health
from byleave.publish.log_files import LogFiles
from byleave.registry.tables import ClaimRow, ReleaseRow
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
        Claims by state, each in one; whose end has passed counts as expired from that moment on.
    head
        The newest checkpoint, ``None`` before the first; ``note`` is the signed text.
    health
        Whether publishing keeps its promise.
    """

    counts: Mapping[ClaimState, int]
    releases: int
    newest: tuple[PublishedRelease, ...]
    head: Checkpoint | None
    note: str | None
    health: Health


def record(session: Session, settings: Settings, *, at: datetime, releases: int) -> Record:
    """Return the numbers, the newest ``releases`` releases and the published head of the log."""
    note = LogFiles(log_folder(settings)).checkpoint()
    return Record(
        _counts(session, at),
        session.execute(sa.select(sa.func.count()).select_from(ReleaseRow)).scalar_one(),
        newest_releases(session, releases),
        Checkpoint.parse(note.rpartition("\n\n")[0] + "\n") if note else None,
        note,
        health(session, at),
    )


def newest_releases(session: Session, most: int) -> tuple[PublishedRelease, ...]:
    """Return the newest releases, newest first."""
    chosen = sa.select(ReleaseRow).order_by(ReleaseRow.number.desc()).limit(most)
    return tuple(
        PublishedRelease(row.number, row.published_at, row.manifest_digest, row.claims)
        for row in session.execute(chosen).scalars()
    )


def _counts(session: Session, at: datetime) -> dict[ClaimState, int]:
    has_run_out = ClaimRow.state.in_([state for state, steps in STEPS.items() if ClaimState.EXPIRED in steps])
    state = sa.case((has_run_out & (ClaimRow.expires_at <= at), ClaimState.EXPIRED), else_=ClaimRow.state)
    chosen = sa.select(state.label("counted_as"), sa.func.count()).group_by(sa.text("counted_as"))
    found = {ClaimState(state): count for state, count in session.execute(chosen)}
    return {state: found.get(state, 0) for state in ClaimState}
