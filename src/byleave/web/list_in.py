"""The job that reads a list which somebody handed in on the site, and notes how far it is."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from byleave.catalog import Catalog
from byleave.copies.guard import guarded
from byleave.errors import ConflictError, InputError, RefusedError
from byleave.publish.lists import file_handed_list
from byleave.registry.database import Database
from byleave.registry.filing import Filing
from byleave.registry.handing_in import Handed, handed_in, note_progress
from byleave.registry.identity import who_of_person
from byleave.settings import Settings
from byleave.web.answers import Kept, read_answer
from byleave.web.choices import ask_for_list
from byleave.web.uploads import uploads_folder

READ_LIST: Final = "read_list"
NOTE_EVERY_S: Final = 1.0


def filing_of(answer: Mapping[str, Any], account: uuid.UUID) -> Filing:
    """Return what a list's answer files, as yet without targets.

    Raises
    ------
    InputError
        If it is a no to some uses and a yes to others: these are two acts in law, and a list is filed by one.
    """
    claims = read_answer(Kept(answer)).claims()
    if len(claims) > 1:
        raise InputError(
            "a list takes a no or a yes, not both at once", remedy="hand it in twice, once with each answer"
        )
    return Filing(claims[0], account)


def read_list_job(settings: Settings, clock: Callable[[], datetime]) -> Callable[..., None]:
    """Return the task; run again after a fault, it goes on where nothing was filed and does nothing where all was."""

    def read(database: Database, *, handed: str, file: str, answer: dict[str, Any], person: str) -> None:
        path = uploads_folder(settings.home) / Path(file).name
        with database.transaction() as session:
            who = who_of_person(session, uuid.UUID(person))
            known = handed_in(session, uuid.UUID(handed), who=who)
        filing = filing_of(answer, known.account)
        at = clock()
        catalog = Catalog(settings.home, limits=settings.limits)

        def guard(session: Session, filings: Sequence[Filing]) -> Sequence[Filing]:
            return guarded(catalog, session, filings, who=who, at=at)

        # What cannot be filed is noted, with the lines, where the person who handed it in looks.
        with suppress(InputError, RefusedError, ConflictError):
            file_handed_list(
                database,
                settings,
                known,
                path,
                filing,
                who=who,
                at=at,
                guard=guard,
                also=ask_for_list,
                tell=_progress(database, known),
            )
        path.unlink(missing_ok=True)

    return read


def _progress(database: Database, handed: Handed) -> Callable[[int], None]:
    noted = time.monotonic()

    def tell(lines: int) -> None:
        nonlocal noted
        if time.monotonic() - noted >= NOTE_EVERY_S:
            noted = time.monotonic()
            with database.transaction() as session:
                note_progress(session, handed.id, lines)

    return tell
