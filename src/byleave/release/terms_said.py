"""What signed statements and their proofs are written in alike: regime, uses, the minimum of evidence, counts and moments. Light."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from byleave.consent import Preference, Regime, Standard, Use
from byleave.log import JSON, read_json

MAX_WORD_CHARS: Final = 200
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
    uses = tuple(Use(use) for use in members["uses"])
    if not uses or len(set(uses)) != len(uses):
        raise ValueError("one or more different uses")
    return Regime(members["regime"]), uses


def of_format(data: bytes, name: str) -> Mapping[str, Any]:
    """Read a JSON object that says of which format it is; raises ValueError, KeyError or TypeError where it is of another."""
    members: Mapping[str, Any] = read_json(data)
    if members["format"] != name:
        raise ValueError("it is of another format")
    return members


def word(members: Mapping[str, Any], name: str) -> str:
    """Read a short text of one line; raises KeyError or ValueError where it is none."""
    text = members[name]
    if not isinstance(text, str) or not 0 < len(text) <= MAX_WORD_CHARS or not text.isprintable():
        raise ValueError(f"{name} is a short text")
    return text


def count(members: Mapping[str, Any], name: str) -> int:
    """Read a whole number of at least 0; raises KeyError or ValueError where it is none."""
    value = members[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError(f"{name} is a count")
    return value


def moment(members: Mapping[str, Any], name: str) -> datetime:
    """Read a time with its zone, as UTC; raises KeyError, ValueError or TypeError where it is none."""
    at = datetime.fromisoformat(members[name])
    if at.tzinfo is None:
        raise ValueError(f"{name} has no zone")
    return at.astimezone(UTC)


def written(at: datetime) -> str:
    """Write a time as statements carry it: UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
