"""What signed statements and their proofs are written in alike: regime, uses, the minimum of evidence, counts and moments. Light."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from byleave.consent import Preference, Regime, Standard, Use
from byleave.errors import UnfitError
from byleave.log import JSON, read_json

MAX_WORD_CHARS: Final = 200
Word = TypeVar("Word", bound=StrEnum)
_ANSWERS: Final = frozenset({"allow", "conditional", "deny"})


def minimum_members(standard: Standard) -> dict[str, JSON]:
    """Write from which evidence on an answer counts: ``{"allow": "E2", "conditional": "E0", "deny": "E0"}``."""
    return {name: standard.least(Preference.parse(name)).name for name in _ANSWERS}


def minimum_of(members: Mapping[str, Any] | None) -> Standard:
    """Read what :func:`minimum_members` wrote, or a part of it; raises AttributeError or InputError for anything else."""
    return Standard.parse(
        ",".join(f"{name}={level}" for name, level in ({} if members is None else members).items()) or None
    )


def cut_off_of(request: Mapping[str, Any]) -> datetime | None:
    """Read the cut-off among the choices of a run; raises ValueError or TypeError where it is none."""
    return moment(request, "as_of") if request.get("as_of") is not None else None


def is_as_careful(one: Standard, other: Standard) -> bool:
    """Whether every no that counts under ``other`` counts under ``one``, and every yes the other way round."""
    return one.deny <= other.deny and one.conditional <= other.conditional and one.allow >= other.allow


def regime_and_uses(members: Mapping[str, Any]) -> tuple[Regime, tuple[Use, ...]]:
    """Read members ``regime`` and ``uses``; raises ValueError, KeyError or TypeError where they are none."""
    uses = tuple(one_of(Use, use, "uses") for use in members["uses"])
    if not uses or len(set(uses)) != len(uses):
        raise UnfitError("one or more different uses")
    return one_of(Regime, members["regime"], "regime"), uses


def one_of(kind: type[Word], text: Any, name: str) -> Word:
    """Read a word of a closed vocabulary; raises ValueError, with the words there are, where it is none of it."""
    found = next((one for one in kind if one.value == text), None)
    if found is None:
        said = repr(text[:50]) if isinstance(text, str) else "something else"
        raise UnfitError(f"{name} holds {said}; it may hold {', '.join(one.value for one in kind)}")
    return found


def of_format(data: bytes, name: str) -> Mapping[str, Any]:
    """Read a JSON object that says of which format it is; raises ValueError, KeyError, TypeError or FormatError where it is of another."""
    members: Mapping[str, Any] = read_json(data)
    if members["format"] != name:
        raise UnfitError("it is of another format")
    return members


def word(members: Mapping[str, Any], name: str) -> str:
    """Read a short text of one line; raises KeyError or ValueError where it is none."""
    text = members[name]
    if not isinstance(text, str) or not 0 < len(text) <= MAX_WORD_CHARS or not text.isprintable():
        raise UnfitError(f"{name} is a short text")
    return text


def count(members: Mapping[str, Any], name: str) -> int:
    """Read a whole number of at least 0; raises KeyError or ValueError where it is none."""
    value = members[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise UnfitError(f"{name} is a count")
    return value


def moment(members: Mapping[str, Any], name: str) -> datetime:
    """Read a time with its zone, as UTC; raises KeyError or ValueError where it is none."""
    text = members[name]
    try:
        at = datetime.fromisoformat(text)
        moved = at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError) as error:
        raise UnfitError(f"{name} is a time such as 2026-06-01T00:00:00+00:00") from error
    if at.tzinfo is None:
        raise UnfitError(f"{name} has no zone")
    return moved


def written(at: datetime) -> str:
    """Write a time as statements carry it: UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
