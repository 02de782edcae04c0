"""Whether a published list is late: every page says so, and hardly any asks the database."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from byleave.errors import ByleaveError
from byleave.publish.health import Health, health
from byleave.registry.database import Database

log = logging.getLogger("byleave.web")

KEPT: Final = timedelta(minutes=1)


class Lateness:
    """Remembers for a minute how publishing stands."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at: datetime | None = None
        self._found: Health | None = None

    def look(self, at: datetime) -> Health | None:
        """Return how publishing stands where a list is late, else ``None``; also where that cannot be known, since a page stays up."""
        if self._looked_at is None or not timedelta() <= at - self._looked_at < KEPT:
            self._found = self._fresh(at)
            self._looked_at = at
        return self._found

    def _fresh(self, at: datetime) -> Health | None:
        try:
            with self._database.transaction() as session:
                found = health(session, at)
        except (ByleaveError, SQLAlchemyError) as error:
            log.warning("whether a list is late is not known: %s", type(error).__name__)
            return None
        return found if found.late else None
