"""How much evidence an answer needs: what the rules ask for everywhere, and what one trainer asks for beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

from byleave.consent.words import Evidence, Preference, TargetKind
from byleave.errors import InputError

DENY_FROM: Mapping[TargetKind, Evidence] = {
    TargetKind.URL: Evidence.E0,
    TargetKind.DIGEST: Evidence.E0,
    TargetKind.PICTURE: Evidence.E0,
    TargetKind.TEXT: Evidence.E0,
    TargetKind.SOUND: Evidence.E0,
    TargetKind.PREFIX: Evidence.E2,
    TargetKind.HOST: Evidence.E3,
    TargetKind.DOMAIN: Evidence.E3,
}
"""The least evidence at which a refusal (deny or conditional) acts: the wider the target, the more is asked."""

ALLOW_FROM = Evidence.E2
"""The least evidence at which a yes counts: a wrong no costs a trainer one item, a wrong yes takes someone's work."""

_REMEDY = "write it like deny=E1,allow=E3: deny, conditional or allow, each with one of E0 to E5"


@dataclass(frozen=True, slots=True)
class Standard:
    """What one trainer asks for beyond the rules. The default is the rules alone; nothing here asks for less than they do.

    deny, conditional, allow
        The least evidence at which such an answer counts. For a refusal above E0 it lets rows stay that the rules would take out.
    as_of
        The cut-off: what began to act after it does not count. A claim that waits has not begun, and is not touched by it.
    """

    deny: Evidence = Evidence.E0
    conditional: Evidence = Evidence.E0
    allow: Evidence = ALLOW_FROM
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        if self.allow < ALLOW_FROM:
            raise InputError(
                f"a yes of {self.allow.name} would count, where the rules ask for {ALLOW_FROM.name}",
                remedy=f"ask for allow={ALLOW_FROM.name} or more, or leave it out",
            )
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise InputError(
                "the cut-off has no time zone", remedy="write it with one, such as 2026-06-01T00:00:00+00:00"
            )

    @classmethod
    def parse(cls, minimum: str | None, as_of: datetime | None = None) -> Self:
        """Read minima such as ``deny=E1,allow=E3``; what is not named is as the rules have it.

        Raises
        ------
        InputError
            If it is not of that form, names one twice, or asks for less than the rules.
        """
        named: dict[str, Evidence] = {}
        for part in minimum.split(",") if minimum is not None else ():
            name, _, level = (text.strip() for text in part.partition("="))
            if name not in LEAST or name in named or level not in Evidence.__members__:
                raise InputError(f"{part.strip()[:50]!r} is no minimum of evidence", remedy=_REMEDY)
            named[name] = Evidence[level]
        return cls(**named, as_of=as_of)

    def least(self, preference: Preference) -> Evidence:
        """Return the least evidence at which an answer counts here."""
        if preference is Preference.UNKNOWN:
            return Evidence.E0
        found: Evidence = getattr(self, preference.word)
        return found

    def heeds(self, preference: Preference, evidence: Evidence, begins: datetime | None) -> bool:
        """Whether an answer with this evidence, which began to act then, counts here."""
        late = self.as_of is not None and begins is not None and begins > self.as_of
        return evidence >= self.least(preference) and not late

    @property
    def minimum(self) -> dict[str, str]:
        """What is asked for beyond the rules, such as ``{"deny": "E1"}``."""
        asked = {name: self.least(Preference.parse(name)) for name in LEAST}
        return {name: level.name for name, level in asked.items() if level > getattr(RULES_ALONE, name)}


LEAST = tuple(field.name for field in fields(Standard) if field.name != "as_of")
RULES_ALONE = Standard()
