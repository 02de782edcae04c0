"""What organisations did with lists, as far as they say or show it: fetched under their key, applied by their report."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import ConflictError, InputError
from byleave.registry.account_tables import Account
from byleave.registry.following_tables import Applied, Fetched
from byleave.registry.permissions import Act, Who, require
from byleave.registry.tables import ReleaseRow

MOST_DATASETS: Final = 10_000
"""Reports that one organisation may have in all; a report of the same list and dataset takes the place of the earlier one."""

MOST_ENTRIES: Final = 2**53
_DATASET = re.compile(r"[^\x00-\x1f\x7f]{1,120}")


@dataclass(frozen=True, slots=True)
class Application:
    """What an organisation says it did: list ``number`` applied to a dataset of ``entries``, of which ``removed`` were taken out."""

    number: int
    dataset: str
    entries: int
    removed: int


def note_fetched(session: Session, organisation: uuid.UUID, number: int, *, at: datetime) -> None:
    """Write down that an organisation fetched a list, the first time it does; a person's key leaves no trace."""
    chosen = sa.select(Account.kind).where(Account.id == organisation)
    if session.execute(chosen).scalar_one_or_none() != "organisation" or not _is_published(session, number):
        return
    session.execute(
        insert(Fetched).values(organisation_id=organisation, number=number, at=at).on_conflict_do_nothing()
    )


def note_applied(
    session: Session, said: Application, *, who: Who, at: datetime, event: int | None = None
) -> None:
    """Write down what an organisation reports. Saying it again replaces what it said of the same list and dataset.

    ``event`` is the entry of the log that holds its signed statement; what only says so does not take the place of one.

    Raises
    ------
    RefusedError
        If ``who`` may not report for its account.
    InputError
        If a number cannot be right, or there is no such list.
    ConflictError
        If the account is a person's, or has reported too much.
    """
    require(who, Act.REPORT, account=who.account)
    if not (0 <= said.removed <= said.entries <= MOST_ENTRIES) or not _DATASET.fullmatch(said.dataset):
        raise InputError(
            "this report cannot be right",
            remedy="name the dataset in at most 120 characters, and remove no more entries than it has",
        )
    if not 0 < said.number < MOST_ENTRIES or not _is_published(session, said.number):
        raise InputError(
            f"no list no. {said.number} was published here", remedy="give the number of the list applied"
        )
    kind, name = session.execute(sa.select(Account.kind, Account.name).where(Account.id == who.account)).one()
    if kind != "organisation" or not name:
        raise ConflictError(
            "only an organisation with a name can report: claimants read who it was",
            remedy="make an organisation and a key for it",
        )
    so_far = sa.select(sa.func.count()).select_from(Applied).where(Applied.organisation_id == who.account)
    if session.execute(so_far).scalar_one() >= MOST_DATASETS:
        raise ConflictError("this organisation has reported too much", remedy="ask the operator")
    values = {"entries": said.entries, "removed": said.removed, "at": at, "event": event}
    session.execute(
        insert(Applied)
        .values(organisation_id=who.account, number=said.number, dataset=said.dataset, **values)
        .on_conflict_do_update(
            index_elements=["organisation_id", "number", "dataset"],
            set_=values,
            where=sa.true() if event is not None else Applied.event.is_(None),
        )
    )


def _is_published(session: Session, number: int) -> bool:
    return session.get(ReleaseRow, number) is not None
