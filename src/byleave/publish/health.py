"""Whether the promise is kept that what people said is in a published list within a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.publish.releases import last_published
from byleave.registry.events import last_number
from byleave.registry.tables import ClaimEventRow

WITHIN: Final = timedelta(hours=24)
"""After how long an event must be in a list."""


@dataclass(frozen=True, slots=True)
class Health:
    """How publishing stands.

    number, published_at
        Of the newest list; ``None`` before the first.
    waiting
        How many claim events no list carries yet.
    waiting_since
        When the oldest of them happened, or ``None``.
    late
        Whether it happened more than :data:`WITHIN` ago: a run was missed, and the site says so.
    """

    number: int | None
    published_at: datetime | None
    waiting: int
    waiting_since: datetime | None
    late: bool


def health(session: Session, now: datetime) -> Health:
    """Look how publishing stands. A registry in which nothing happened is never late, however old its list."""
    last = last_published(session)
    number = last[0] if last else 0
    waiting = last_number(session) - number
    oldest = sa.select(ClaimEventRow.recorded_at).where(ClaimEventRow.number == number + 1)
    since = session.execute(oldest).scalar_one_or_none()
    late = since is not None and now - since > WITHIN
    return Health(last[0] if last else None, last[1] if last else None, waiting, since, late)
