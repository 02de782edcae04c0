"""How old a list may be before it is no longer acted on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from byleave.errors import InputError, VerificationError
from byleave.release.reading import Release

_SPAN = re.compile(r"([0-9]{1,5})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class AgeLimit:
    """The age at which a list is too old, and for how much longer it may still be used, with a warning."""

    limit: timedelta
    grace: timedelta = timedelta(0)

    @classmethod
    def parse(cls, limit: str, grace: str | None = None) -> AgeLimit:
        """Read two spans such as ``3d``, ``12h`` or ``30m``.

        Raises
        ------
        InputError
            If one is none.
        """
        return cls(_span(limit), _span(grace) if grace is not None else timedelta(0))


def check_age(release: Release, limit: AgeLimit, now: datetime) -> str | None:
    """Return ``None`` for a list that is young enough, and words of warning for one in its days of grace.

    Raises
    ------
    VerificationError
        If it is older than limit and grace together: people may have said something since that it does not know.
    """
    age = now - release.published_at
    if age <= limit.limit:
        return None
    said = f"published list no. {release.number} is {words_of(age)} old"
    if age > limit.limit + limit.grace:
        raise VerificationError(
            f"{said}; at most {words_of(limit.limit + limit.grace)} are allowed",
            remedy="run `byleave sync`; if the registry has no newer list, ask its operator",
        )
    return f"{said}, within its grace of {words_of(limit.grace)}: sync again soon"


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if not found:
        raise InputError(f"{text!r} is no span of time", remedy="write it like 3d, 12h or 30m")
    return int(found[1]) * _UNITS[found[2]]


def words_of(span: timedelta) -> str:
    """Say a span of time in days and hours, one under an hour in minutes."""
    minutes = span // timedelta(minutes=1)
    days, hours = divmod(minutes // 60, 24)
    said = [
        f"{count} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((days, "day"), (hours, "hour"))
        if count
    ]
    return " ".join(said) or f"{minutes} minute{'' if minutes == 1 else 's'}"
