"""The guard: what a claim would touch is looked at before it touches it, and what looks wrong waits for a person.

A picture acts by its bits, so a claim on one that is flat, that everybody uses, or whose bits lie near many works reaches samples of
strangers. Links, paths and domains reach what they name and need no such look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog import Catalog
from byleave.consent import Evidence, TargetKind
from byleave.fingerprints import PICTURE_VERSION, SAME_WORK_RADIUS, ClaimedPicture
from byleave.registry.filing import Filing
from byleave.registry.jobs import defer
from byleave.registry.negative import add_built_in, commons
from byleave.registry.permissions import Role, Who
from byleave.registry.rates import Rate, spend
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import Target
from byleave.registry.thresholds import THRESHOLDS, HoldReason, Thresholds

JUDGE: Final = "judge"
"""Name of the job that compares what filing had no time for."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(slots=True)
class Stopwatch:
    """Counts down the seconds that comparing may take; shared by all claims that are filed together."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self.clock() - self._began > self.seconds


def guarded(
    catalog: Catalog,
    session: Session,
    filings: Sequence[Filing],
    *,
    who: Who,
    at: datetime,
    thresholds: Thresholds = THRESHOLDS,
) -> list[Filing]:
    """Return the filings with a reason to hold on each that a person should see first. Every way of filing asks this; it takes bounded time.

    What the operator files is neither counted against an allowance nor as a burst.

    Raises
    ------
    TooOftenError
        If an account files more than the table of rates allows.
    """
    if who.role is not Role.OPERATOR:
        _spend(session, filings, at)
    bursts = set() if who.role is Role.OPERATOR else _bursts(session, filings, at, thresholds)
    if any(target.kind is TargetKind.PICTURE for filing in filings for target in filing.new.targets):
        add_built_in(session, at)  # the first time it is drawn, which is no comparison
    watch = Stopwatch(thresholds.comparing_seconds)
    found = []
    for filing in filings:
        reason = filing.hold or (HoldReason.BURST.value if filing.account in bursts else None)
        if reason is None:
            least = filing.evidence
            targets = [replace(one, evidence=max(one.evidence, least)) for one in filing.new.targets]
            reason = reason_to_hold(catalog, session, targets, at=at, watch=watch, thresholds=thresholds)
        found.append(replace(filing, hold=reason))
    if any(filing.hold == HoldReason.COMPARING for filing in found):
        defer(session, JUDGE, queueing_lock=JUDGE)
    return found


def reason_to_hold(
    catalog: Catalog,
    session: Session,
    targets: Sequence[Target],
    *,
    at: datetime,
    watch: Stopwatch | None = None,
    thresholds: Thresholds = THRESHOLDS,
) -> str | None:
    """Say why a claim on ``targets`` has to wait, or ``None``. Without a watch every picture is compared, however long it takes."""
    pictures, evidence = claimed_pictures(targets)
    if not pictures:
        return None
    if any(picture.is_flat for picture in pictures):
        return HoldReason.FLAT.value
    add_built_in(session, at)
    if commons(session, pictures):
        return HoldReason.COMMON.value
    for info in catalog.datasets():
        if info.with_pictures == 0 or info.models.get("fingerprint") != PICTURE_VERSION:
            continue  # nothing there can be compared, and coverage refuses it for the same reason
        reason = _reach(catalog, info.name, pictures, evidence, watch, thresholds)
        if reason is not None:
            return reason.value
    return None


def claimed_pictures(targets: Sequence[Target]) -> tuple[list[ClaimedPicture], list[Evidence]]:
    """Return the pictures among targets, and what is shown for each."""
    chosen = [(t.value, t.evidence) for t in targets if t.kind is TargetKind.PICTURE and t.value is not None]
    return [ClaimedPicture.parse(value) for value, _ in chosen], [evidence for _, evidence in chosen]


def _reach(
    catalog: Catalog,
    dataset: str,
    pictures: Sequence[ClaimedPicture],
    evidence: Sequence[Evidence],
    watch: Stopwatch | None,
    thresholds: Thresholds,
) -> HoldReason | None:
    comparable = [
        (picture, level)
        for picture, level in zip(pictures, evidence, strict=True)
        if picture.version == PICTURE_VERSION
    ]
    found = catalog.works_of((picture for picture, _ in comparable), dataset, SAME_WORK_RADIUS)
    for picture, level in comparable:
        if watch is not None and watch.is_over:
            return HoldReason.COMPARING
        works = next(found)
        if len(works) > thresholds.works:
            return HoldReason.CROWDED
        copies = sum(work.copies for work in works)
        if level < Evidence.E2 and copies > thresholds.hosts:
            among = 20 * thresholds.hosts
            if catalog.hosts_of(picture, dataset, SAME_WORK_RADIUS, among=among) > thresholds.hosts:
                return HoldReason.HOSTS
    return None


def _spend(session: Session, filings: Sequence[Filing], at: datetime) -> None:
    for account in {filing.account for filing in filings}:
        own = [filing for filing in filings if filing.account == account]
        spend(session, Rate.FILINGS, account.bytes, len(own), at=at)
        spend(session, Rate.TARGETS, account.bytes, sum(len(one.new.targets) for one in own), at=at)


def _bursts(session: Session, filings: Sequence[Filing], at: datetime, thresholds: Thresholds) -> set[UUID]:
    """Return the accounts that file more than they may unseen, what they file now included."""
    found = set()
    for account in {filing.account for filing in filings}:
        own = [filing for filing in filings if filing.account == account]
        pictures = sum(target.kind is TargetKind.PICTURE for filing in own for target in filing.new.targets)
        claims_before, pictures_before = _filed_lately(session, account, at)
        if (
            claims_before + len(own) > thresholds.claims_an_hour
            or pictures_before + pictures > thresholds.pictures_a_day
        ):
            found.add(account)
    return found


def _filed_lately(session: Session, account: UUID, at: datetime) -> tuple[int, int]:
    claims = sa.select(sa.func.count()).where(ClaimRow.account_id == account, ClaimRow.filed_at > at - _HOUR)
    pictures = (
        sa.select(sa.func.count())
        .select_from(TargetRow)
        .join(ClaimRow, ClaimRow.id == TargetRow.claim_id)
        .where(
            ClaimRow.account_id == account,
            ClaimRow.filed_at > at - _DAY,
            TargetRow.kind == TargetKind.PICTURE.value,
        )
    )
    return session.execute(claims).scalar_one(), session.execute(pictures).scalar_one()
