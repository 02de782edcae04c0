"""What became of a claim in each list since it was filed: the same answers its receipt gets, worked out by the registry itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.errors import ByleaveError
from byleave.log import VerifierKey
from byleave.publish.folders import releases_folder
from byleave.publish.keys import known_keys
from byleave.publish.retiring import is_retired
from byleave.registry.tables import ClaimEventRow, ReleaseRow
from byleave.release import Release, open_release
from byleave.release.promises import Outcome, answer
from byleave.release.receipts import Receipt
from byleave.release.standing import LISTED, Entry, Standings, open_standing
from byleave.settings import Settings

KEPT_OPEN = 32
"""Releases whose check is remembered: they never change, and checking one reads all of it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one list says of one claim, as a sentence. ``kept`` is false where it breaks the promise, or cannot be read."""

    number: int
    published_at: datetime
    sentence: str
    kept: bool


def listings(session: Session, settings: Settings, receipt: Receipt, *, most: int) -> tuple[Listing, ...]:
    """Return the newest ``most`` lists since the claim of a receipt was filed, newest first.

    ``receipt`` is that of the claim's newest event. Lists since that event are held to the receipt; for those before, what they say
    is told.
    """
    first = sa.select(sa.func.min(ClaimEventRow.number)).where(ClaimEventRow.claim_id == receipt.event.claim)
    began: int = session.execute(first).scalar_one() or receipt.event.number
    chosen = sa.select(ReleaseRow.number, ReleaseRow.published_at).order_by(ReleaseRow.number.desc())
    rows = session.execute(chosen.limit(most)).all()
    newest = rows[0].number if rows else 0
    due = [row for row in rows if row.number >= began or row.number == newest]
    keys = known_keys(settings)
    return tuple(
        _listing(releases_folder(settings), row.number, row.published_at, receipt, began, keys) for row in due
    )


def _listing(
    folder: Path,
    number: int,
    published_at: datetime,
    receipt: Receipt,
    began: int,
    keys: tuple[VerifierKey, ...],
) -> Listing:
    if is_retired(folder, number):
        return Listing(number, published_at, "retired: a newer one took its place long ago", kept=True)
    try:
        release, standings = _opened(folder, number, keys)
        sentence, kept = _told(receipt, began, release, standings)
    except ByleaveError as error:
        return Listing(number, published_at, f"this list cannot be read here: {error.problem}", kept=False)
    return Listing(number, published_at, sentence, kept)


def _told(receipt: Receipt, began: int, release: Release, standings: Standings) -> tuple[str, bool]:
    if not began <= release.number < receipt.event.number:
        found = answer(receipt, release, standings)
        return found.sentence, found.outcome is not Outcome.MISSING
    entry = standings.find(receipt.event.claim)
    if entry is None:
        return "missing: the operator broke its promise (the list does not know the claim)", False
    return _said_before(release.number, entry), True


def _said_before(number: int, entry: Entry) -> str:
    if entry.standing in LISTED:
        return f"in list {number} at row {entry.row}"
    reason = f" for {entry.reason}" if entry.reason else ""
    return f"{entry.standing.name.lower()} since {entry.since:%Y-%m-%d}{reason}"


@lru_cache(maxsize=KEPT_OPEN)
def _opened(folder: Path, number: int, keys: tuple[VerifierKey, ...]) -> tuple[Release, Standings]:
    release = open_release(folder / str(number), keys)
    return release, open_standing(folder, release, keys)
