"""The job that counts what each claim covers in each version of each dataset, so that a new copy is told, not searched for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog import Catalog
from byleave.consent import ClaimState
from byleave.copies.covers import covered_now
from byleave.copies.guard import Stopwatch, reason_to_hold
from byleave.registry.changing import hold_claim
from byleave.registry.claims import Claim, claim_by_id
from byleave.registry.database import Database
from byleave.registry.following_tables import CopiesFound
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimEventRow, ClaimRow, TargetRow
from byleave.registry.thresholds import HoldReason

COUNT: Final = "count_copies"
"""Name of the job."""

MOST_TARGETS: Final = 5_000
"""Claims on more are whole lists; what they cover is counted when somebody looks at them."""

CLAIMS_A_RUN: Final = 2_000
SECONDS_A_RUN: Final = 300.0

_LIVE: Final = (ClaimState.FILED.value, ClaimState.EFFECTIVE.value)
_REACH: Final = frozenset({HoldReason.CROWDED, HoldReason.HOSTS})


def count_copies(database: Database, catalog: Catalog, at: datetime) -> int:
    """Count for claims that were not counted yet in the datasets as they are now; return how many claims were.

    Takes bounded time; the next run goes on. A claim that meets many different pictures in a dataset that came later is held, as it would
    have been when it was filed, unless a person has looked at it already.
    """
    versions = {info.name: bytes.fromhex(info.version) for info in catalog.datasets()}
    if not versions:
        return 0
    with database.transaction() as session:
        due = _due(session, versions)
    watch, counted = Stopwatch(SECONDS_A_RUN), 0
    for claim_id in due:
        if watch.is_over:
            break
        with database.transaction() as session:
            claim = claim_by_id(session, claim_id, who=OPERATOR)
        covers = {cover.dataset: cover.samples for cover in covered_now(catalog, claim)}
        with database.transaction() as session:
            for dataset in versions.keys() & covers.keys():
                note_copies(session, claim_id, dataset, versions[dataset], covers[dataset], at)
            _hold_where_it_reaches_far(session, catalog, claim, at)
        counted += 1
    return counted


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


def _due(session: Session, versions: Mapping[str, bytes]) -> list[bytes]:
    now = sa.or_(
        *((CopiesFound.dataset == name) & (CopiesFound.version == v) for name, v in versions.items())
    )
    counted = (
        sa.select(sa.func.count())
        .where(CopiesFound.claim_id == ClaimRow.id, now)
        .correlate(ClaimRow)
        .scalar_subquery()
    )
    targets = (
        sa.select(sa.func.count())
        .where(TargetRow.claim_id == ClaimRow.id)
        .correlate(ClaimRow)
        .scalar_subquery()
    )
    chosen = sa.select(ClaimRow.id).where(
        ClaimRow.state.in_(_LIVE), counted < len(versions), targets <= MOST_TARGETS
    )
    return list(session.execute(chosen.order_by(ClaimRow.last_event).limit(CLAIMS_A_RUN)).scalars())


def _hold_where_it_reaches_far(session: Session, catalog: Catalog, claim: Claim, at: datetime) -> None:
    released = sa.select(
        sa.exists().where(ClaimEventRow.claim_id == claim.id, ClaimEventRow.operation == "release")
    )
    if session.execute(released).scalar_one():
        return
    reason = reason_to_hold(catalog, session, claim.targets, at=at)
    state = session.execute(sa.select(ClaimRow.state).where(ClaimRow.id == claim.id)).scalar_one()
    if reason in _REACH and state in _LIVE:
        hold_claim(session, claim.id, reason, who=OPERATOR, at=at)
