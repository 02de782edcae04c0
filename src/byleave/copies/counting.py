"""The job that counts what each claim covers in each version of each dataset, so that a new copy is told, not searched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog import Catalog
from byleave.consent import ClaimState
from byleave.copies.covers import covered_in
from byleave.copies.guard import Stopwatch, reason_to_hold
from byleave.errors import NotFoundError
from byleave.registry.changing import hold_claim
from byleave.registry.claims import claim_by_id, targets_of
from byleave.registry.database import Database
from byleave.registry.following_tables import CopiesFound
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimEventRow, ClaimRow, TargetRow
from byleave.registry.targets import Target
from byleave.registry.thresholds import HoldReason

COUNT: Final = "count_copies"
"""Name of the job."""

COUNT_LONG: Final = "count_long_claims"
"""Name of the job that goes on with claims of very many targets."""

MOST_TARGETS: Final = 500
"""Claims on more are counted page by page, and a run may end between two pages."""

TARGETS_A_PAGE: Final = 2_000
CLAIMS_A_RUN: Final = 2_000
SECONDS_A_RUN: Final = 300.0

_LIVE: Final = (ClaimState.FILED.value, ClaimState.EFFECTIVE.value)
_REACH: Final = frozenset({HoldReason.CROWDED, HoldReason.HOSTS})
_TARGETS: Final = (
    sa.select(sa.func.count()).where(TargetRow.claim_id == ClaimRow.id).correlate(ClaimRow).scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Begun:
    """How far counting one claim in one version of one dataset has come.

    after
        Number of the last target that was counted.
    copies
        Entries that the targets so far cover; one that two pages cover counts twice, and does so every time.
    """

    claim: bytes
    dataset: str
    version: bytes
    after: int = 0
    copies: int = 0

    def to_arguments(self) -> dict[str, str | int]:
        """Return it as what a job can be given."""
        names = {"claim": self.claim.hex(), "dataset": self.dataset, "version": self.version.hex()}
        return {**names, "after": self.after, "copies": self.copies}

    @classmethod
    def from_arguments(cls, claim: str, dataset: str, version: str, after: int, copies: int) -> Self:
        """Read what :meth:`to_arguments` wrote."""
        return cls(bytes.fromhex(claim), dataset, bytes.fromhex(version), after, copies)


def count_copies(database: Database, catalog: Catalog, at: datetime) -> int:
    """Count for claims that were not counted yet in the datasets as they are now; return how many claims were.

    Takes bounded time; the next run goes on. A claim that meets many different pictures in a dataset that came later is held, as it would
    have been when it was filed, unless a person has looked at it already.
    """
    versions = _versions(catalog)
    if not versions:
        return 0
    with database.transaction() as session:
        due = _due(session, versions, _TARGETS <= MOST_TARGETS, CLAIMS_A_RUN)
    watch, counted = Stopwatch(SECONDS_A_RUN), 0
    for claim_id in due:
        if watch.is_over:
            break
        with database.transaction() as session:
            claim = claim_by_id(session, claim_id, who=OPERATOR)
        copies = {dataset: covered_in(catalog, dataset, claim.targets) for dataset in versions}
        with database.transaction() as session:
            for dataset, count in copies.items():
                note_copies(session, claim_id, dataset, versions[dataset], count, at)
            _hold_where_it_reaches_far(session, catalog, claim_id, claim.targets, at)
        counted += 1
    return counted


def count_long_claims(
    database: Database,
    catalog: Catalog,
    at: datetime,
    begun: Begun | None = None,
    *,
    watch: Stopwatch | None = None,
) -> Begun | None:
    """Count for claims on more than :data:`MOST_TARGETS`, page by page, and return how far it came when the time was over.

    ``begun`` is what an earlier run returned; ``None`` begins with the next claim, and as an answer says that none is left. A claim or
    a dataset that is gone meanwhile is left alone.
    """
    watch = watch or Stopwatch(SECONDS_A_RUN)
    while (begun := begun or _next_long(database, catalog)) is not None:
        try:
            begun = _count_page(database, catalog, begun, at)
        except NotFoundError:
            begun = None
        if watch.is_over:
            return begun or _next_long(database, catalog)
    return None


def note_copies(
    session: Session, claim_id: bytes, dataset: str, version: bytes, copies: int, at: datetime
) -> None:
    """Write down a number if it is new; an old one is only said to hold for this version, too."""
    row = CopiesFound
    chosen = sa.select(row).where(row.claim_id == claim_id, row.dataset == dataset).order_by(row.id.desc())
    last = session.execute(chosen.limit(1).with_for_update()).scalar_one_or_none()
    if last is not None and (last.copies == copies or last.version == version):
        last.version, last.at = version, last.at if last.copies == copies else at
        last.copies = copies
        return
    session.execute(
        sa.delete(row).where(row.claim_id == claim_id, row.dataset == dataset, row.version == version)
    )
    session.add(CopiesFound(claim_id=claim_id, dataset=dataset, version=version, copies=copies, at=at))


def _versions(catalog: Catalog) -> dict[str, bytes]:
    return {info.name: bytes.fromhex(info.version) for info in catalog.datasets()}


def _next_long(database: Database, catalog: Catalog) -> Begun | None:
    with database.transaction() as session:
        for dataset, version in _versions(catalog).items():
            for claim in _due(session, {dataset: version}, _TARGETS > MOST_TARGETS, 1):
                return Begun(claim, dataset, version)
    return None


def _count_page(database: Database, catalog: Catalog, begun: Begun, at: datetime) -> Begun | None:
    """Count one more page of targets; after the last one write the number down and return ``None``."""
    with database.transaction() as session:
        page = targets_of(session, begun.claim, who=OPERATOR, after=begun.after, limit=TARGETS_A_PAGE)
    targets = [target for _, target in page]
    copies = begun.copies + (covered_in(catalog, begun.dataset, targets) if targets else 0)
    with database.transaction() as session:
        _hold_where_it_reaches_far(session, catalog, begun.claim, targets, at)
        if len(page) == TARGETS_A_PAGE:
            return replace(begun, after=page[-1][0], copies=copies)
        note_copies(session, begun.claim, begun.dataset, begun.version, copies, at)
    return None


def _due(
    session: Session, versions: Mapping[str, bytes], which: sa.ColumnElement[bool], most: int
) -> list[bytes]:
    now = sa.or_(
        *((CopiesFound.dataset == name) & (CopiesFound.version == v) for name, v in versions.items())
    )
    counted = (
        sa.select(sa.func.count())
        .where(CopiesFound.claim_id == ClaimRow.id, now)
        .correlate(ClaimRow)
        .scalar_subquery()
    )
    chosen = sa.select(ClaimRow.id).where(ClaimRow.state.in_(_LIVE), counted < len(versions), which)
    return list(session.execute(chosen.order_by(ClaimRow.last_event).limit(most)).scalars())


def _hold_where_it_reaches_far(
    session: Session, catalog: Catalog, claim: bytes, targets: Sequence[Target], at: datetime
) -> None:
    released = sa.select(
        sa.exists().where(ClaimEventRow.claim_id == claim, ClaimEventRow.operation == "release")
    )
    if session.execute(released).scalar_one():
        return
    reason = reason_to_hold(catalog, session, targets, at=at)
    state = session.execute(sa.select(ClaimRow.state).where(ClaimRow.id == claim)).scalar_one_or_none()
    if reason in _REACH and state in _LIVE:
        hold_claim(session, claim, reason, who=OPERATOR, at=at)
