"""How often anybody may do what: one table of allowances, and the count against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from byleave.errors import RefusedError
from byleave.registry.guard_tables import RateUseRow


class Rate(StrEnum):
    """What is counted."""

    LOOK_UPS = "look_ups"
    SIGN_IN_LINKS = "sign_in_links"
    INVITATIONS = "invitations"
    FILINGS = "filings"
    TARGETS = "targets"
    PROOF_CHECKS = "proof_checks"
    FETCHED_PAGES = "fetched_pages"
    EXPORTS = "exports"


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much of something in each window of time, windows counted from midnight UTC of 1970-01-01."""

    amount: int
    window: timedelta


RATES: Final[Mapping[Rate, Allowance]] = {
    Rate.LOOK_UPS: Allowance(1_000_000, timedelta(minutes=1)),
    Rate.SIGN_IN_LINKS: Allowance(5, timedelta(minutes=15)),
    Rate.INVITATIONS: Allowance(50, timedelta(days=1)),
    Rate.FILINGS: Allowance(10_000, timedelta(hours=1)),
    Rate.TARGETS: Allowance(5_000_000, timedelta(days=1)),
    Rate.PROOF_CHECKS: Allowance(60, timedelta(hours=1)),
    Rate.FETCHED_PAGES: Allowance(300, timedelta(hours=1)),
    Rate.EXPORTS: Allowance(10, timedelta(days=1)),
}
"""Look-ups: a hundred full bulk calls. Filings and targets: several large lists a day. Checks and pages: what a person does by hand."""

_UNITS: Final = ((1440, "a day", "days"), (60, "an hour", "hours"), (1, "a minute", "minutes"))

_WORDS: Final[Mapping[Rate, str]] = {
    Rate.LOOK_UPS: "things asked for by this key",
    Rate.SIGN_IN_LINKS: "links to sign in",
    Rate.INVITATIONS: "invitations by this organisation",
    Rate.FILINGS: "choices made by this account",
    Rate.TARGETS: "links and pictures named by this account",
    Rate.PROOF_CHECKS: "checks asked for by this account",
    Rate.FETCHED_PAGES: "pages fetched for this account",
    Rate.EXPORTS: "exports of this account",
}


class TooOftenError(RefusedError):
    """Somebody did something more often than the table of rates allows, and may go on ``until`` then."""

    http_status = 429

    def __init__(self, problem: str, *, until: datetime) -> None:
        super().__init__(problem, remedy=f"go on after {until:%Y-%m-%d %H:%M} UTC")
        self.until = until


def spend(session: Session, rate: Rate, subject: bytes, amount: int, *, at: datetime) -> None:
    """Count ``amount`` against an allowance; in a transaction of its own where others must not wait for the count.

    Parameters
    ----------
    subject
        Who it is counted for: an account's id, a key's hash, or a keyed digest of anything that would name a person.

    Raises
    ------
    TooOftenError
        If the allowance of this window is used up; then nothing is counted.
    """
    allowed = RATES[rate]
    began = _window(allowed.window, at)
    row = RateUseRow
    session.execute(
        sa.delete(row).where(row.subject == subject, row.rate == rate.value, row.began_at < began)
    )
    spent: int = session.execute(
        insert(row)
        .values(subject=subject, rate=rate.value, began_at=began, spent=amount)
        .on_conflict_do_update(
            index_elements=["subject", "rate", "began_at"], set_={"spent": row.spent + amount}
        )
        .returning(row.spent)
    ).scalar_one()
    if spent > allowed.amount:
        raise TooOftenError(
            f"more than {allowed.amount:,} {_WORDS[rate]} in {_in_words(allowed.window)}",
            until=began + allowed.window,
        )


def count_without_waiting(session: Session) -> None:
    """Let the transaction, one that only counts, end before the disk has it: a count lost with the machine harms nobody."""
    session.execute(sa.text("SET LOCAL synchronous_commit = off"))


def _window(length: timedelta, at: datetime) -> datetime:
    seconds = int(length.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _in_words(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    unit, one, many = next(unit for unit in _UNITS if minutes % unit[0] == 0)
    return one if minutes == unit else f"{minutes // unit} {many}"
