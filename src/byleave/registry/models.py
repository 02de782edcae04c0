"""Models of which a public source says that they were trained on a dataset: named by the operator, with source and date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import InputError, NotFoundError
from byleave.registry.permissions import Act, Who, require
from byleave.registry.statement_tables import ModelRow

MAX_NAME_CHARS: Final = 120
MAX_SOURCE_CHARS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Model:
    """A model, by whom, on what, and where that is written.

    source
        Web address of what says so.
    dated
        The day of the source: what was said to people by then is what such a model could have heard.
    """

    name: str
    organisation: str
    dataset: str
    source: str
    dated: datetime


def add_model(session: Session, model: Model, *, who: Who, at: datetime) -> None:
    """Note a model; saying it again replaces source and date.

    Raises
    ------
    InputError
        If a name is empty or too long, the source is no web address, or its day is still to come.
    """
    require(who, Act.PUBLISH)
    for name in (model.name, model.organisation, model.dataset):
        if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
            raise InputError(f"{name[:80]!r} is no name", remedy=f"give 1 to {MAX_NAME_CHARS} characters")
    place = urlsplit(model.source)
    is_link = place.scheme in {"http", "https"} and place.hostname and model.source.isprintable()
    if not is_link or len(model.source) > MAX_SOURCE_CHARS:
        raise InputError("the source is no web address", remedy="give the address of the page that says it")
    if model.dated > at:
        raise InputError("the source is of a day to come", remedy="give the day on which it was published")
    said = {"source": model.source, "dated": model.dated, "added_at": at}
    session.execute(
        insert(ModelRow)
        .values(name=model.name, organisation=model.organisation, dataset=model.dataset, **said)
        .on_conflict_do_update(index_elements=["name", "organisation", "dataset"], set_=said)
    )


def remove_model(session: Session, name: str, organisation: str, dataset: str, *, who: Who) -> None:
    """Forget a model.

    Raises
    ------
    NotFoundError
        If there is none of that name.
    """
    require(who, Act.PUBLISH)
    row = ModelRow
    gone = session.execute(
        sa.delete(row)
        .where(row.name == name, row.organisation == organisation, row.dataset == dataset)
        .returning(row.id)
    )
    if gone.one_or_none() is None:
        raise NotFoundError(f"no model {name[:80]!r} is noted so", remedy="see `byleave models list`")


def models(session: Session) -> tuple[Model, ...]:
    """Return every model, by dataset, organisation and name."""
    row = ModelRow
    chosen = sa.select(row).order_by(row.dataset, row.organisation, row.name)
    return tuple(
        Model(one.name, one.organisation, one.dataset, one.source, one.dated)
        for one in session.execute(chosen).scalars()
    )
