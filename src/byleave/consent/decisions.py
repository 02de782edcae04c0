"""Keep or drop one sample, and name why. No input or output, no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import assert_never

from byleave.consent.standards import RULES_ALONE, Standard
from byleave.consent.statements import Statement, acting
from byleave.consent.words import Preference, Regime, Use, combine
from byleave.errors import InputError


class CauseKind(StrEnum):
    """What sort of thing caused a decision."""

    CLAIM = "claim"
    SIGNAL = "signal"
    LICENCE = "licence"
    UNREADABLE = "unreadable"
    REGIME = "regime"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason of a decision: a claim by its id (hex), a signal by its name, a fault by what could not be read."""

    kind: CauseKind
    reference: str
    preference: Preference
    use: Use | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """A machine-readable preference found in the wild, reduced to what decides."""

    name: str
    use: Use
    preference: Preference


@dataclass(frozen=True, slots=True)
class Decision:
    """Keep or drop for one sample. ``causes`` is never empty for a drop."""

    keep: bool
    preference: Preference
    causes: tuple[Cause, ...]


def decide(
    statements: Sequence[Statement],
    signals: Iterable[Signal] = (),
    *,
    uses: Sequence[Use],
    regime: Regime,
    at: datetime,
    faults: Sequence[str] = (),
    licences: Collection[bytes] = (),
    with_pending_refusals: bool = False,
    standard: Standard = RULES_ALONE,
) -> Decision:
    """Decide about one sample from everything that was said about it.

    Parameters
    ----------
    statements
        Every statement whose target covers the sample, in any order, from any party.
    signals
        Preferences read at the sample's own place.
    uses
        What the trainer means to do; the sample stays only if it may stay for each of them.
    faults
        Names of what could not be read (its URL, a signal, its pixels): decides as deny.
    licences
        Ids of claims for which this trainer holds a licence it was granted: those claims do not bind it, and are named as cause.
    standard
        What this trainer asks for beyond the rules before an answer counts.

    Raises
    ------
    InputError
        If no use is named: then nobody could refuse.
    """
    if not uses:
        raise InputError("no use is named, so nothing can be decided", remedy="say what the dataset is for")
    found = list(signals)
    acts = partial(acting, statements, at=at, with_pending_refusals=with_pending_refusals, standard=standard)
    answers = [_answer(acts(use=use), found, use, licences) for use in uses]
    preference = combine([answer for answer, _ in answers] + [Preference.DENY] * bool(faults))
    unreadable = [Cause(CauseKind.UNREADABLE, fault, Preference.DENY) for fault in sorted(set(faults))]
    stays = all(keeps(answer, regime) for answer, _ in answers)
    if regime is Regime.RESEARCH or (stays and not faults):
        causes = [cause for _, named in answers for cause in named]
        return Decision(True, preference, (*causes, *unreadable))
    return Decision(False, preference, (*_against(uses, answers, regime), *unreadable))


def _against(
    uses: Sequence[Use], answers: Sequence[tuple[Preference, Sequence[Cause]]], regime: Regime
) -> list[Cause]:
    """Return what takes a sample out; what lets it stay for one use is no cause of its going for another."""
    return [
        cause
        for use, (answer, named) in zip(uses, answers, strict=True)
        if not keeps(answer, regime)
        for cause in named or [Cause(CauseKind.REGIME, regime.value, Preference.UNKNOWN, use)]
    ]


def keeps(preference: Preference, regime: Regime) -> bool:
    """Whether one answer for one use lets a sample stay under a regime."""
    match regime:
        case Regime.OPT_OUT:
            return preference in {Preference.UNKNOWN, Preference.ALLOW}
        case Regime.OPT_IN:
            return preference is Preference.ALLOW
        case Regime.RESEARCH:
            return True
        case _:
            assert_never(regime)


def _answer(
    acts: Sequence[Statement], signals: Sequence[Signal], use: Use, licences: Collection[bytes]
) -> tuple[Preference, list[Cause]]:
    causes = [
        Cause(CauseKind.SIGNAL, signal.name, signal.preference, use)
        for signal in signals
        if signal.use is use
    ]
    for statement in acts:
        if statement.claim in licences:
            causes.append(Cause(CauseKind.LICENCE, statement.claim.hex(), Preference.ALLOW, use))
        else:
            causes.append(
                Cause(CauseKind.CLAIM, statement.claim.hex(), statement.preferences.for_use(use), use)
            )
    strongest = combine(cause.preference for cause in causes)
    if strongest is Preference.UNKNOWN:
        return strongest, []
    # One claim may reach a sample by several targets, such as a picture and its exact bytes; it is one cause.
    named = {cause for cause in causes if cause.preference is strongest}
    return strongest, sorted(named, key=lambda cause: (cause.kind, cause.reference))
