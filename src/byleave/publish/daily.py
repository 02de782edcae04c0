"""The job that publishes day by day, whether or not anybody files or withdraws something through the site."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from byleave.publish.releases import last_published, publish
from byleave.registry.changing import any_ended
from byleave.registry.database import Database
from byleave.registry.events import last_number
from byleave.registry.jobs import defer
from byleave.registry.permissions import OPERATOR
from byleave.settings import Settings

DAILY: Final = "publish_daily"
"""Name of the job."""

EVERY: Final = timedelta(hours=12)
"""Twice a day: what happens just after one run, and waits out a second one that fails, is still in a list within a day."""


def keep_daily(session: Session, at: datetime) -> None:
    """See to it that the job waits in the queue: now if a list is due, else half a day from now."""
    last = last_published(session)
    is_due = _is_due(session, at) and (last is None or last[1] + EVERY <= at)
    _ask(session, at if is_due else at + EVERY)


def publish_daily(database: Database, settings: Settings, at: datetime) -> None:
    """Publish if anything happened or ran out since the last list, and ask for the next run first, so that a failure ends nothing.

    Running it twice is harmless: at most one job waits, and a list that is there stands.
    """
    with database.transaction() as session:
        _ask(session, at + EVERY)
        is_due = _is_due(session, at)
    if is_due:
        publish(database, settings, who=OPERATOR, at=at)


def _is_due(session: Session, at: datetime) -> bool:
    last = last_published(session)
    return last_number(session) > (last[0] if last else 0) or any_ended(session, at)


def _ask(session: Session, when: datetime) -> None:
    defer(session, DAILY, queueing_lock=DAILY, not_before=when)
