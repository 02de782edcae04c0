"""Everything that can be said about a sample, for the laws of consent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from byleave.consent import (
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Signal,
    Statement,
    TargetKind,
    Use,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MOMENTS = st.none() | st.sampled_from([NOW + timedelta(days=days) for days in (-400, -1, 0, 1, 400)])
PREFERENCES = st.builds(Preferences, *[st.sampled_from(Preference)] * len(Use))


PENDING: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"with_pending_refusals": True}])
PARTIES = st.integers(1, 3)


def name(size: int, number: int) -> bytes:
    return number.to_bytes(size)


def statements(claimants: st.SearchStrategy[int] = PARTIES) -> st.SearchStrategy[Statement]:
    """Draw statements of few parties on few targets, so that they meet. A number belongs to one claim."""
    return st.builds(
        lambda number, claimant, kind, digest, preferences, evidence, state, begins, ends, flags: Statement(
            claim=name(16, 1000 * claimant + number),
            claimant=name(16, claimant),
            kind=kind,
            digest=name(32, digest),
            preferences=preferences,
            evidence=evidence,
            state=state,
            number=number,
            effective_at=begins,
            expires_at=ends,
            disputed=flags[0],
            stale=flags[1],
        ),
        st.integers(1, 6),
        claimants,
        st.sampled_from([TargetKind.URL, TargetKind.PREFIX, TargetKind.DOMAIN, TargetKind.PICTURE]),
        st.integers(1, 2),
        PREFERENCES,
        st.sampled_from(Evidence),
        st.sampled_from([ClaimState.EFFECTIVE] * 4 + list(ClaimState)),
        st.just(NOW) | MOMENTS,
        st.none() | MOMENTS,
        st.tuples(st.booleans(), st.booleans()),
    )


SIGNALS = st.builds(
    Signal, st.sampled_from(["robots.txt", "noai"]), st.sampled_from(Use), st.sampled_from(Preference)
)
USES = st.lists(st.sampled_from(Use), min_size=1, max_size=3, unique=True)
FAULTS = st.lists(st.sampled_from(["url", "signal", "picture"]), max_size=2)


def said(
    preference: Preference = Preference.DENY,
    *,
    kind: TargetKind = TargetKind.URL,
    claimant: int = 1,
    number: int = 1,
    evidence: Evidence = Evidence.E0,
    state: ClaimState = ClaimState.EFFECTIVE,
    effective_at: datetime | None = NOW,
    expires_at: datetime | None = None,
    disputed: bool = False,
    stale: bool = False,
    digest: int = 1,
    uses: tuple[Use, ...] = (Use.TRAIN_GEN,),
) -> Statement:
    """Make one statement; by default an effective refusal of training on one link, by somebody unconfirmed."""
    return Statement(
        claim=name(16, 1000 * claimant + number),
        claimant=name(16, claimant),
        kind=kind,
        digest=name(32, digest),
        preferences=Preferences.same(preference, uses),
        evidence=evidence,
        state=state,
        number=number,
        effective_at=effective_at,
        expires_at=expires_at,
        disputed=disputed,
        stale=stale,
    )
