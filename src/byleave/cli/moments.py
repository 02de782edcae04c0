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
        moment = _read(text)
    except ValueError as error:
        raise InputError(f"{option} cannot be {text[:50]!r}", remedy=_REMEDY) from error
    if isinstance(moment, date) and not isinstance(moment, datetime):
        begins = datetime.combine(moment, time(), UTC)
        ends = min(begins + timedelta(days=1) - timedelta(microseconds=1), now)
    elif moment.tzinfo is None:
        raise InputError(f"{option} has no time zone", remedy=_REMEDY)
    else:
        begins = ends = moment
    if begins > now:
        raise InputError(f"{option} is in the future", remedy="give a day or a moment that has been")
    return ends


def _read(text: str) -> date | datetime:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)
