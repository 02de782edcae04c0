"""Moments as they are written on a command line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from byleave.errors import InputError

_REMEDY = "write a day such as 2026-06-01, which counts to its end in UTC, or a moment such as 2026-06-01T12:00:00+00:00"


def past_moment(text: str, option: str, now: datetime) -> datetime:
    """Read a day, which counts to its end in UTC, or a moment with its zone; neither may begin in the future.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        begins, ends = _read(text)
    except ValueError as error:
        raise InputError(f"{option} cannot be {text[:50]!r}", remedy=_REMEDY) from error
    if begins.tzinfo is None:
        raise InputError(f"{option} has no time zone", remedy=_REMEDY)
    if begins > now:
        raise InputError(f"{option} is in the future", remedy="give a day or a moment that has been")
    return min(ends, now)


def _read(text: str) -> tuple[datetime, datetime]:
    """Return when a day begins and ends, or a moment twice; raises ValueError where it is neither."""
    try:
        begins = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment, moment
    return begins, begins + timedelta(days=1) - timedelta(microseconds=1)
