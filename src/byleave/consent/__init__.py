"""The rules of consent: who said what, whether it counts, and what follows for one sample. Pure, standard library only."""

from byleave.consent.decisions import Cause, CauseKind, Decision, Signal, decide, keeps
from byleave.consent.standards import ALLOW_FROM, DENY_FROM, RULES_ALONE, Standard
from byleave.consent.statements import (
    Claim,
    Standing,
    Statement,
    acting,
    is_effective,
    standing,
)
from byleave.consent.words import (
    AI_USES,
    PRESETS,
    STEPS,
    TRAINING_USES,
    ClaimState,
    Evidence,
    LegalAct,
    Preference,
    Preferences,
    Regime,
    TargetKind,
    Use,
    combine,
)

__all__ = [
    "AI_USES",
    "ALLOW_FROM",
    "DENY_FROM",
    "PRESETS",
    "RULES_ALONE",
    "STEPS",
    "TRAINING_USES",
    "Cause",
    "CauseKind",
    "Claim",
    "ClaimState",
    "Decision",
    "Evidence",
    "LegalAct",
    "Preference",
    "Preferences",
    "Regime",
    "Signal",
    "Standard",
    "Standing",
    "Statement",
    "TargetKind",
    "Use",
    "acting",
    "combine",
    "decide",
    "is_effective",
    "keeps",
    "standing",
]
