"""What the site does by itself besides publishing: compares what waits, counts copies, removes what is old, writes the monthly mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from byleave.catalog import Catalog
from byleave.copies.counting import COUNT, COUNT_LONG, Begun, count_copies, count_long_claims
from byleave.copies.guard import JUDGE
from byleave.copies.judging import judge_waiting
from byleave.publish.retiring import retire_old
from byleave.registry.database import Database
from byleave.registry.jobs import Task, defer
from byleave.registry.mail import Post
from byleave.registry.monthly import MONTHLY, write_monthly
from byleave.registry.permissions import OPERATOR
from byleave.registry.retention import EVERY, RETENTION, sweep
from byleave.settings import Settings
from byleave.web.app import utc_now
from byleave.web.unsubscribe_routes import unsubscribe_links

COUNT_EVERY: Final = timedelta(hours=1)
"""So that what an ingest brought shows within the hour."""


def keep_up(session: Session, at: datetime) -> None:
    """See to it that the jobs of every day wait in the queue, and that nothing waits that nobody works on."""
    for name in (RETENTION, MONTHLY, COUNT, JUDGE):
        defer(session, name, queueing_lock=name, not_before=at)


def upkeep_tasks(settings: Settings, post: Post) -> Mapping[str, Task]:
    """Return the jobs. Each asks for its next run first, so that a failure ends nothing; running one twice is harmless."""
    catalog = Catalog(settings.home, limits=settings.limits)

    def retention(database: Database) -> None:
        at = utc_now()
        with database.transaction() as session:
            defer(session, RETENTION, queueing_lock=RETENTION, not_before=at + EVERY)
        with database.transaction() as session:
            sweep(session, at)
            retire_old(session, settings, who=OPERATOR, at=at)

    def monthly(database: Database) -> None:
        at = utc_now()
        with database.transaction() as session:
            defer(session, MONTHLY, queueing_lock=MONTHLY, not_before=at + EVERY)
        write_monthly(database, post, at, links=unsubscribe_links(settings))

    def count(database: Database) -> None:
        at = utc_now()
        with database.transaction() as session:
            defer(session, COUNT, queueing_lock=COUNT, not_before=at + COUNT_EVERY)
            defer(session, COUNT_LONG, queueing_lock=COUNT_LONG)
        count_copies(database, catalog, at)

    def count_long(database: Database, begun: Mapping[str, Any] | None = None) -> None:
        at = utc_now()
        left = count_long_claims(database, catalog, at, Begun.from_arguments(**begun) if begun else None)
        if left is not None:
            with database.transaction() as session:
                defer(session, COUNT_LONG, queueing_lock=COUNT_LONG, begun=left.to_arguments())

    def judge(database: Database) -> None:
        judge_waiting(database, catalog, utc_now())

    return {RETENTION: retention, MONTHLY: monthly, COUNT: count, COUNT_LONG: count_long, JUDGE: judge}
