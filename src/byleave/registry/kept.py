"""Who kept what was asked: for each dataset the organisations and models, how old the list is that they signed, and what was said since.

Public, and made of signed statements alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer

from byleave.consent import Regime
from byleave.registry.account_tables import Account
from byleave.registry.models import Model, models
from byleave.registry.statement_tables import StatementRow
from byleave.registry.tables import ClaimEventRow

USUAL_LAG: Final = timedelta(days=30)
"""How old a list may be where no pledge says: lists are made every day, and a month leaves time for a large dataset."""

MOST_SHOWN: Final = 500
_SAYS_NO: Final = ("register", "update", "release")


class Outcome(StrEnum):
    """What statements show."""

    KEPT = "kept"
    LATE = "late"
    NOTHING = "no statement found"


@dataclass(frozen=True, slots=True)
class Line:
    """One organisation, or one of its models, on one dataset.

    at
        The moment it is judged at: now, or the day on which a model's source was published.
    lag
        How old the list was then, or ``None`` without a statement.
    most_lag
        How old it may be: as pledged, or as is usual.
    since
        Choices made or changed after that list, up to ``at``.
    statement
        SHA-256 of the attestation.
    """

    organisation: str
    dataset: str
    outcome: Outcome
    at: datetime
    most_lag: timedelta
    model: Model | None = None
    pledged_at: datetime | None = None
    regime: str | None = None
    number: int | None = None
    lag: timedelta | None = None
    since: int | None = None
    statement: bytes | None = None
    pledge: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """What one organisation signed about one dataset, oldest first."""

    attestations: tuple[StatementRow, ...]
    pledges: tuple[StatementRow, ...]


def kept_lines(session: Session, at: datetime) -> tuple[Line, ...]:
    """Return a line for each organisation that signed anything about a dataset, and for each model, by dataset and organisation."""
    said = _said(session)
    lines = [_line(session, name, dataset, one, at) for (dataset, name, _), one in said.items()]
    for model in models(session)[:MOST_SHOWN]:
        # Anybody can take any name. Of two organisations of one name, neither is surely the one that made the model.
        named = [
            one
            for (dataset, name, _), one in said.items()
            if (dataset, name) == (model.dataset, model.organisation)
        ]
        one = named[0] if len(named) == 1 else _Said((), ())
        lines.append(_line(session, model.organisation, model.dataset, one, min(at, _end(model)), model))
    return tuple(sorted(lines, key=_order))


def _said(session: Session) -> dict[tuple[str, str, uuid.UUID], _Said]:
    """Return what was signed, by dataset, name of the organisation and its id."""
    row = StatementRow
    chosen = (
        sa.select(row, Account.name)
        .options(defer(row.envelope))
        .join(Account, Account.id == row.organisation_id)
        .where(row.kind.in_(("attest", "pledge")), row.dataset.is_not(None))
        .order_by(row.made_at.desc())
        .limit(MOST_SHOWN)
    )
    found: dict[tuple[str, str, uuid.UUID], list[StatementRow]] = {}
    for one, name in session.execute(chosen):
        place = (one.dataset or "", name or "An organisation", one.organisation_id)
        found.setdefault(place, []).insert(0, one)
    return {
        place: _Said(
            tuple(one for one in rows if one.kind == "attest"),
            tuple(one for one in rows if one.kind == "pledge"),
        )
        for place, rows in found.items()
    }


def _line(
    session: Session, name: str, dataset: str, said: _Said, at: datetime, model: Model | None = None
) -> Line:
    # What was signed after a model came out says nothing of how that model was trained.
    pledge = _last(said.pledges, at)
    attestation = _last([one for one in said.attestations if _fits(one, pledge)], at)
    most_lag = timedelta(days=pledge.most_lag_days) if pledge and pledge.most_lag_days else USUAL_LAG
    pledged = (pledge.made_at, pledge.sha256) if pledge else (None, None)
    if attestation is None or attestation.published_at is None:
        return Line(
            name, dataset, Outcome.NOTHING, at, most_lag, model, pledged_at=pledged[0], pledge=pledged[1]
        )
    lag = max(timedelta(), at - attestation.published_at)
    return Line(
        name,
        dataset,
        Outcome.KEPT if lag <= most_lag else Outcome.LATE,
        at,
        most_lag,
        model,
        pledged_at=pledged[0],
        regime=attestation.regime,
        number=attestation.number,
        lag=lag,
        since=_said_since(session, attestation.number or 0, at),
        statement=attestation.sha256,
        pledge=pledged[1],
    )


def _fits(attestation: StatementRow, pledge: StatementRow | None) -> bool:
    """Whether the run took out what was promised, or more; a run for research takes out nothing."""
    asked_for_a_yes = pledge is not None and pledge.regime == Regime.OPT_IN.value
    enough = {Regime.OPT_IN.value} if asked_for_a_yes else {Regime.OPT_IN.value, Regime.OPT_OUT.value}
    return attestation.regime in enough


def _last(rows: Sequence[StatementRow], at: datetime) -> StatementRow | None:
    """Return, of the statements that had been made and handed in, the one that names the newest list, or the last."""
    before = (row for row in rows if max(row.made_at, row.at) <= at)
    return max(before, key=lambda row: (row.number or 0, row.made_at), default=None)


def _said_since(session: Session, number: int, at: datetime) -> int:
    row = ClaimEventRow
    chosen = sa.select(sa.func.count(sa.distinct(row.claim_id))).where(
        row.number > number, row.recorded_at <= at, row.operation.in_(_SAYS_NO)
    )
    return session.execute(chosen).scalar_one()


def _end(model: Model) -> datetime:
    """Return the end of the day of a model's source, so that what was signed on that day counts."""
    return model.dated + timedelta(days=1)


def _order(line: Line) -> tuple[str, str, str]:
    return line.dataset, line.organisation, line.model.name if line.model else ""


def by_dataset(lines: Iterable[Line]) -> dict[str, tuple[Line, ...]]:
    """Put lines together by their dataset, in their order."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.dataset, []).append(line)
    return {dataset: tuple(rows) for dataset, rows in found.items()}
