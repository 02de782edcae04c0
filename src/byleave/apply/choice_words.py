"""Written choices as a program gives them: the words of the command, or values of Python that say the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from byleave.consent import Evidence
from byleave.errors import InputError
from byleave.release.age import AgeLimit

Word = TypeVar("Word", bound=StrEnum)

_DAY = "write a day such as '2026-06-01', which counts to its end in UTC, or a moment such as '2026-06-01T12:00:00+00:00'"
_MOMENT = "write a moment with its time zone, such as '2026-06-01T12:00:00+00:00', or give such a datetime"
_MINIMUM = "write it like 'deny=E1,allow=E3', or {'deny': 'E1', 'allow': 'E3'}"
_SHOWN = 50


def word_of(kind: type[Word], given: object, name: str) -> Word:
    """Read one of some known words.

    Raises
    ------
    InputError
        If it is another.
    """
    known = [str(word) for word in kind]
    if not isinstance(given, str) or given not in known:
        raise _refused(name, given, "use one of: " + ", ".join(known))
    return kind(given)


def moment_of(given: object, name: str) -> datetime:
    """Read a moment: text in ISO 8601 or a ``datetime``, each with a time zone.

    Raises
    ------
    InputError
        If it is something else, or without a zone.
    """
    moment = _read(datetime, given)
    if not isinstance(moment, datetime):
        raise _refused(name, given, _MOMENT)
    if moment.utcoffset() is None:
        raise InputError(f"{name} has no time zone", remedy=_MOMENT)
    return moment


def cut_off_of(given: object, name: str, now: datetime) -> datetime:
    """Read a day, which counts to its end in UTC, or a moment; neither may begin behind ``now``.

    Raises
    ------
    InputError
        If it is neither, or in the future.
    """
    day = given if isinstance(given, datetime) else _read(date, given)
    if isinstance(day, date) and not isinstance(day, datetime):
        begins = datetime.combine(day, time(), UTC)
        ends = begins + timedelta(days=1) - timedelta(microseconds=1)
    else:
        try:
            begins = ends = moment_of(given, name)
        except InputError as error:
            raise InputError(error.problem, remedy=_DAY) from error
    if begins > now:
        raise InputError(f"{name} is in the future", remedy="give a day or a moment that has been")
    return ends


def age_of(given: object, name: str) -> AgeLimit:
    """Read a span such as ``3d``, ``12h`` or ``30m``, or a ``timedelta``.

    Raises
    ------
    InputError
        If it is neither, or less than nothing.
    """
    if isinstance(given, timedelta) and given >= timedelta(0):
        return AgeLimit(given)
    if not isinstance(given, str):
        raise _refused(name, given, "write it like '3d', '12h' or '30m', or give a timedelta of 0 or more")
    return AgeLimit.parse(given)


def minimum_of(given: object, name: str) -> str:
    """Return ``deny=E1,allow=E3`` for that text, or for a mapping of answers to levels, which are texts or :class:`Evidence`.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(given, str):
        return given
    if not isinstance(given, Mapping) or not given:
        raise _refused(name, given, _MINIMUM)
    levels = [(key, one.name if isinstance(one, Evidence) else one) for key, one in given.items()]
    return ",".join(f"{key}={level}" for key, level in levels)


def paths_of(given: object, name: str) -> tuple[Path, ...]:
    """Return one path or several; none for ``None``.

    Raises
    ------
    InputError
        If it is something else.
    """
    if given is None:
        return ()
    several = given if isinstance(given, list | tuple) else [given]
    paths = tuple(Path(one) for one in several if isinstance(one, Path | str))
    if len(paths) < len(several):
        raise _refused(name, given, "give a path, or a list of paths")
    return paths


def texts_of(given: object, name: str) -> tuple[object, ...]:
    """Return one text, or the members of a list or another row of them.

    Raises
    ------
    InputError
        If it is something else.
    """
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, list | tuple | set | frozenset):
        raise _refused(name, given, "give a list of texts such as ['train_gen']")
    return tuple(given)


def truth_of(given: object, name: str) -> bool:
    """Return what is true or false, and no word for it.

    Raises
    ------
    InputError
        If it is something else: the text ``no`` would count as yes.
    """
    if not isinstance(given, bool):
        raise _refused(name, given, "give True or False")
    return given


def _read(kind: type[date], given: object) -> object:
    """Read text as a day or as a moment; return all else, and what is none, as it is."""
    if not isinstance(given, str):
        return given
    try:
        if kind is datetime and len(given) <= len("2026-06-01"):
            return given  # a day alone, at whose beginning or end nobody said that they meant
        return kind.fromisoformat(given)
    except ValueError:
        return given


def _refused(name: str, given: object, remedy: str) -> InputError:
    return InputError(f"{name} cannot be {repr(given)[:_SHOWN]}", remedy=remedy)
