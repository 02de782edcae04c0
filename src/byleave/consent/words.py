"""The closed vocabularies of consent: uses, preferences, evidence, targets, states and regimes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Self

from byleave.errors import FormatError


class Use(StrEnum):
    """What somebody may want to do with a work."""

    TRAIN_GEN = "train_gen"
    TRAIN_OTHER = "train_other"
    TDM = "tdm"
    AI_INPUT = "ai_input"
    AI_INDEX = "ai_index"
    SEARCH = "search"


class Preference(IntEnum):
    """What was answered; the number is its strength when several answers meet. Silence is ``UNKNOWN``, never consent."""

    UNKNOWN = 0
    ALLOW = 1
    CONDITIONAL = 2
    DENY = 3

    @property
    def word(self) -> str:
        """The word used in files and in the API."""
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a word such as ``deny``."""
        try:
            return cls[text.upper()]
        except KeyError as error:
            words = ", ".join(member.word for member in cls)
            raise FormatError(f"{text!r} is not a preference", remedy=f"use one of: {words}") from error


def combine(preferences: Iterable[Preference]) -> Preference:
    """Let the most restrictive answer win: deny > conditional > allow > unknown."""
    return max(preferences, default=Preference.UNKNOWN)


class Evidence(IntEnum):
    """How strongly a claimant is tied to the place she speaks for. It says who controls a place, never who made a work."""

    E0 = 0
    """not confirmed"""
    E1 = 1
    """profile"""
    E2 = 2
    """page or path"""
    E3 = 3
    """site"""
    E4 = 4
    """signed file"""
    E5 = 5
    """vouched for"""


class TargetKind(StrEnum):
    """What a claim points at."""

    URL = "url"
    PREFIX = "prefix"
    HOST = "host"
    DOMAIN = "domain"
    PICTURE = "picture"
    DIGEST = "digest"
    TEXT = "text"
    SOUND = "sound"


class LegalAct(StrEnum):
    """What a claim is in law. The four are never mixed, and each asks for something else."""

    RESERVATION = "reservation"
    """A holder of rights keeps text and data mining to herself."""
    LICENCE = "licence"
    """A holder of rights permits a use, under terms."""
    OBJECTION = "objection"
    """A person objects to the use of data about her."""
    CONSENT = "consent"
    """A person agrees to the use of data about her."""


class ClaimState(StrEnum):
    """Where a claim stands in its life."""

    FILED = "filed"
    EFFECTIVE = "effective"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"
    REJECTED = "rejected"
    EXPIRED = "expired"


_LIVING = frozenset({ClaimState.FILED, ClaimState.EFFECTIVE, ClaimState.HELD})
_ENDED = frozenset({ClaimState.WITHDRAWN, ClaimState.REJECTED, ClaimState.EXPIRED})

STEPS: Mapping[ClaimState, frozenset[ClaimState]] = {
    **{state: (_LIVING | _ENDED | {ClaimState.ERASED}) - {state} for state in _LIVING},
    **{state: frozenset({ClaimState.ERASED}) for state in _ENDED},
    ClaimState.ERASED: frozenset(),
}
"""Which state may follow which."""


class Regime(StrEnum):
    """What a trainer does when nobody has answered. A written choice, never a default."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    RESEARCH = "research"


@dataclass(frozen=True, slots=True)
class Preferences:
    """One answer for each of the six uses."""

    train_gen: Preference = Preference.UNKNOWN
    train_other: Preference = Preference.UNKNOWN
    tdm: Preference = Preference.UNKNOWN
    ai_input: Preference = Preference.UNKNOWN
    ai_index: Preference = Preference.UNKNOWN
    search: Preference = Preference.UNKNOWN

    def for_use(self, use: Use) -> Preference:
        """Return the answer for one use."""
        answer: Preference = getattr(
            self, use
        )  # a use is the name of its member, and ``use.value`` would cost more than all the rest
        return answer

    @classmethod
    def same(cls, preference: Preference, uses: Iterable[Use]) -> Self:
        """Give one answer for several uses and none for the others."""
        return cls(**{use.value: preference for use in uses})

    @property
    def strongest(self) -> Preference:
        """The most restrictive of the six answers."""
        return combine(self.for_use(use) for use in Use)


TRAINING_USES = (Use.TRAIN_GEN, Use.TRAIN_OTHER)
AI_USES = (Use.TRAIN_GEN, Use.TRAIN_OTHER, Use.TDM, Use.AI_INPUT, Use.AI_INDEX)

PRESETS: Mapping[str, Preferences] = {
    "no_training": Preferences.same(Preference.DENY, TRAINING_USES),
    "no_ai": Preferences.same(Preference.DENY, AI_USES),
    "ask_first": Preferences.same(Preference.CONDITIONAL, AI_USES),
    "yes": Preferences.same(Preference.ALLOW, TRAINING_USES),
}
"""The choices a page offers first. None of them touches ordinary search, so that people still find the artist."""
