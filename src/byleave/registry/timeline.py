"""What became of one claim, from everything the registry knows: one timeline, told by pages, the API, the export and the mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from byleave.registry.account_tables import Account
from byleave.registry.claims import claim_by_id
from byleave.registry.following_tables import Applied, CopiesFound, Fetched
from byleave.registry.permissions import Who
from byleave.registry.spans import Span, spans_of
from byleave.registry.statement_tables import FeedbackRow
from byleave.registry.tables import ClaimEventRow, ReleaseRow
from byleave.registry.thresholds import HoldReason
from byleave.release.feedback import Outcome

MOST_MOMENTS: Final = 200
"""Reports of organisations, and counts of copies, that one timeline tells; the newest ones."""


class What(StrEnum):
    """What happened."""

    FILED = "filed"
    CONFIRMED = "confirmed"
    CHANGED = "changed"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    RAN_OUT = "ran_out"
    DISPUTED = "disputed"
    RESOLVED = "resolved"
    ERASED = "erased"
    LISTED = "listed"
    UNLISTED = "unlisted"
    FETCHED = "fetched"
    APPLIED = "applied"
    SIGNED = "signed"
    FEEDBACK = "feedback"
    COPIES = "copies"


_OF_OPERATION: Final = {
    "register": What.FILED,
    "update": What.CHANGED,
    "confirm": What.CONFIRMED,
    "withdraw": What.WITHDRAWN,
    "hold": What.HELD,
    "release": What.RELEASED,
    "expire": What.RAN_OUT,
    "dispute": What.DISPUTED,
    "resolve": What.RESOLVED,
    "erase": What.ERASED,
    "reject": What.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to a claim.

    number
        Of the claim event or of the published list.
    reason
        Why it was held, released or rejected, or why an organisation says something of it.
    by
        Name of the organisation that applied a list or says something of the claim; or who filed it, where that was not its owner herself.
    dataset, entries, removed
        Where copies were found, and how many entries; or to what a list was applied, how many entries that had, and how many were
        taken out, whoever’s they were.
    count
        How many organisations fetched a list with the claim in it.
    entry
        Of the public log, which holds what was said and what an organisation signed.
    outcome
        What an organisation says came of the claim.
    """

    what: What
    at: datetime
    number: int | None = None
    reason: str | None = None
    by: str | None = None
    dataset: str | None = None
    entries: int | None = None
    removed: int | None = None
    count: int | None = None
    entry: int | None = None
    outcome: str | None = None

    @property
    def sentence(self) -> str:
        """Say it in words."""
        if self.what is What.HELD and self.reason == HoldReason.COMPARING:
            return _COMPARING
        return _SENTENCES[self.what].format(
            number=self.number,
            reason=f": {self.reason}" if self.reason else "",
            by=self.by,
            dataset=self.dataset,
            entries=f"{self.entries or 0:,}",
            covered=f"1 entry of {self.dataset} is"
            if self.entries == 1
            else f"{self.entries or 0:,} entries of {self.dataset} are",
            removed=f"{self.removed or 0:,}",
            entry=self.entry,
            outcome=_OUTCOMES.get(self.outcome or "", ""),
            organisations="1 organisation" if self.count == 1 else f"{self.count} organisations",
        )

    def members(self) -> dict[str, Any]:
        """Return it as plain data, without what does not apply."""
        told = {"what": self.what.value, "at": self.at, "words": self.sentence}
        more = {
            name: getattr(self, name)
            for name in (
                "number",
                "reason",
                "by",
                "dataset",
                "entries",
                "removed",
                "count",
                "entry",
                "outcome",
            )
        }
        return told | {name: value for name, value in more.items() if value is not None}


_OUTCOMES: Final[dict[str, str]] = {
    Outcome.APPLIED.value: "entries were taken out for it",
    Outcome.NOT_APPLICABLE.value: "nothing it covers was there",
    Outcome.SUSPECTED_FALSE.value: "it may be false, which changes nothing by itself",
}
_HERSELF: Final = "You"
_FOR_HER: Final = "Somebody who acts for you"
_COMPARING: Final = "Held until its pictures are compared, which goes on by itself"
_SENTENCES: Final = {
    What.FILED: "{by} said it: entry {entry} of the public log",
    What.CONFIRMED: "Confirmed by a proof",
    What.CHANGED: "You changed your answer",
    What.HELD: "Held until a person has looked at it",
    What.RELEASED: "Looked at, and let go{reason}",
    What.REJECTED: "Looked at, and turned down{reason}",
    What.WITHDRAWN: "You took it back",
    What.RAN_OUT: "Its end date came",
    What.DISPUTED: "Somebody disagrees",
    What.RESOLVED: "The disagreement is settled",
    What.ERASED: "Erased",
    What.LISTED: "In the published lists from no. {number} on",
    What.UNLISTED: "Gone from the published lists from no. {number} on",
    What.FETCHED: "Lists with it were fetched by {organisations} with a key; who fetches without one is not counted",
    What.APPLIED: "{by} says it applied list no. {number} to {dataset}: {removed} of {entries} entries taken out, this and other choices together",
    What.SIGNED: "{by} signed that it applied list no. {number} to {dataset}: {removed} of {entries} entries taken out, this and other choices together; "
    "entry {entry} of the public log",
    What.FEEDBACK: "{by} says of it: {outcome}{reason}",
    What.COPIES: "{covered} covered by it",
}


def timeline(session: Session, claim_id: bytes, *, who: Who) -> tuple[Moment, ...]:
    """Return what became of a claim, oldest first.

    Raises
    ------
    NotFoundError
        If ``who`` sees no such claim.
    """
    claim = claim_by_id(session, claim_id, who=who, most=0)
    row = ClaimEventRow
    chosen = sa.select(row.number, row.operation, row.recorded_at, row.record).where(row.claim_id == claim_id)
    events = session.execute(chosen.order_by(row.number)).all()
    spans = spans_of(events)
    moments = [
        Moment(_OF_OPERATION[one.operation], one.recorded_at, one.number, (one.record or {}).get("reason"))
        for one in events
    ]
    if moments:
        first = moments[0]
        moments[0] = replace(
            first, by=_HERSELF if claim.filed_by is None else _FOR_HER, entry=(first.number or 1) - 1
        )
    moments += _lists(session, spans)
    if spans:
        moments += _fetched(session, spans)
        moments += _applied(session, spans)
    moments += _feedback(session, claim_id)
    moments += _copies(session, claim_id)
    # Lists are dated in whole seconds: within one, what was said comes before the list that says so.
    return tuple(sorted(moments, key=lambda moment: moment.at.replace(microsecond=0)))


def _lists(session: Session, spans: Sequence[Span]) -> Iterator[Moment]:
    row = ReleaseRow
    for span in spans:
        chosen = sa.select(row.number, row.published_at).order_by(row.number).limit(1)
        came = session.execute(chosen.where(span.holds(row.number))).one_or_none()
        if came is None:
            continue
        yield Moment(What.LISTED, came.published_at, came.number)
        went = session.execute(chosen.where(row.number >= span.end)).one_or_none()
        if went is not None:
            yield Moment(What.UNLISTED, went.published_at, went.number)


def _fetched(session: Session, spans: Sequence[Span]) -> Iterator[Moment]:
    in_one = sa.or_(*(span.holds(Fetched.number) for span in spans))
    first = sa.select(sa.func.min(Fetched.at).label("at")).where(in_one).group_by(Fetched.organisation_id)
    each = first.subquery()
    count, newest = session.execute(
        sa.select(sa.func.count(), sa.func.max(each.c.at)).select_from(each)
    ).one()
    if count:
        yield Moment(What.FETCHED, newest, count=count)


def _applied(session: Session, spans: Sequence[Span]) -> Iterator[Moment]:
    row = Applied
    chosen = (
        sa.select(Account.name, row.number, row.dataset, row.entries, row.removed, row.at, row.event)
        .join(Account, Account.id == row.organisation_id)
        .where(sa.or_(*(span.holds(row.number) for span in spans)))
        .ext(distinct_on(row.organisation_id, row.dataset))
        .order_by(row.organisation_id, row.dataset, row.number.desc())
    )
    newest = sorted(session.execute(chosen).all(), key=lambda one: one.at, reverse=True)[:MOST_MOMENTS]
    for one in newest:
        yield Moment(
            What.SIGNED if one.event is not None else What.APPLIED,
            one.at,
            one.number,
            by=one.name or "An organisation",
            dataset=one.dataset,
            entries=one.entries,
            removed=one.removed,
            entry=one.event - 1 if one.event is not None else None,
        )


def _feedback(session: Session, claim_id: bytes) -> Iterator[Moment]:
    row = FeedbackRow
    chosen = (
        sa.select(Account.name, row.outcome, row.why, row.at)
        .join(Account, Account.id == row.organisation_id)
        .where(row.claim_id == claim_id)
        .order_by(row.at.desc())
        .limit(MOST_MOMENTS)
    )
    for one in session.execute(chosen):
        yield Moment(
            What.FEEDBACK, one.at, reason=one.why, by=one.name or "An organisation", outcome=one.outcome
        )


def _copies(session: Session, claim_id: bytes) -> Iterator[Moment]:
    row = CopiesFound
    chosen = sa.select(row).where(row.claim_id == claim_id).order_by(row.id.desc()).limit(MOST_MOMENTS)
    known: dict[str, int] = {}
    for one in reversed(session.execute(chosen).scalars().all()):
        if one.copies != known.get(one.dataset, 0):
            yield Moment(What.COPIES, one.at, dataset=one.dataset, entries=one.copies)
        known[one.dataset] = one.copies
