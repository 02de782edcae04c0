"""Whether a statement acts, waits or says nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.consent.strategies import NOW, PENDING, said, statements

from byleave.consent import (
    DENY_FROM,
    STEPS,
    ClaimState,
    Evidence,
    Preference,
    Standing,
    Statement,
    TargetKind,
    Use,
    acting,
    is_effective,
    standing,
)

ASKED = {
    TargetKind.URL: 0,
    TargetKind.DIGEST: 0,
    TargetKind.PICTURE: 0,
    TargetKind.TEXT: 0,
    TargetKind.SOUND: 0,
    TargetKind.PREFIX: 2,
    TargetKind.HOST: 3,
    TargetKind.DOMAIN: 3,
}


def test_every_kind_of_target_says_what_evidence_a_refusal_needs() -> None:
    assert {kind: int(level) for kind, level in DENY_FROM.items()} == ASKED
    assert set(ASKED) == set(TargetKind)


@pytest.mark.parametrize("preference", [Preference.DENY, Preference.CONDITIONAL])
@pytest.mark.parametrize("kind", TargetKind)
@pytest.mark.parametrize("evidence", Evidence)
def test_a_refusal_acts_from_the_evidence_its_target_asks_for(
    kind: TargetKind, evidence: Evidence, preference: Preference
) -> None:
    expected = Standing.ACTS if evidence >= ASKED[kind] else Standing.PENDING
    assert standing(said(preference, kind=kind, evidence=evidence), Use.TRAIN_GEN, NOW) is expected


@pytest.mark.parametrize("kind", TargetKind)
@pytest.mark.parametrize("evidence", Evidence)
def test_a_yes_acts_only_from_a_confirmed_path_on(kind: TargetKind, evidence: Evidence) -> None:
    expected = Standing.ACTS if evidence >= Evidence.E2 else Standing.PENDING
    assert standing(said(Preference.ALLOW, kind=kind, evidence=evidence), Use.TRAIN_GEN, NOW) is expected


@pytest.mark.parametrize("flag", ["disputed", "stale"])
def test_a_disputed_or_stale_refusal_acts_and_such_a_yes_does_not(flag: str) -> None:
    flags: dict[str, Any] = {flag: True}
    no = replace(said(Preference.DENY), **flags)
    yes = replace(said(Preference.ALLOW, evidence=Evidence.E5), **flags)
    assert standing(no, Use.TRAIN_GEN, NOW) is Standing.ACTS
    assert standing(yes, Use.TRAIN_GEN, NOW) is Standing.PENDING


@pytest.mark.parametrize(
    "state", [ClaimState.HELD, ClaimState.WITHDRAWN, ClaimState.ERASED, ClaimState.REJECTED]
)
@pytest.mark.parametrize("evidence", [Evidence.E0, Evidence.E5])
def test_a_claim_held_withdrawn_erased_or_rejected_says_nothing(
    state: ClaimState, evidence: Evidence
) -> None:
    assert standing(said(state=state, evidence=evidence), Use.TRAIN_GEN, NOW) is Standing.SILENT
    assert acting([said(state=state)], Use.TRAIN_GEN, NOW, with_pending_refusals=True) == ()


def test_a_filed_claim_waits_and_acts_only_where_a_trainer_asks() -> None:
    filed = said(state=ClaimState.FILED, effective_at=None)
    assert standing(filed, Use.TRAIN_GEN, NOW) is Standing.PENDING
    assert acting([filed], Use.TRAIN_GEN, NOW) == ()
    assert acting([filed], Use.TRAIN_GEN, NOW, with_pending_refusals=True) == (filed,)


def test_a_waiting_yes_never_acts() -> None:
    yes = said(Preference.ALLOW, state=ClaimState.FILED, effective_at=None, evidence=Evidence.E5)
    assert acting([yes], Use.TRAIN_GEN, NOW, with_pending_refusals=True) == ()


@pytest.mark.parametrize(
    ("begins", "ends", "counts"),
    [(None, None, False), (0, None, True), (1, None, False), (-1, 1, True), (-1, 0, False), (-2, -1, False)],
)
def test_a_claim_counts_from_its_beginning_until_just_before_its_end(
    begins: int | None, ends: int | None, *, counts: bool
) -> None:
    def moment(days: int | None) -> datetime | None:
        return None if days is None else NOW + timedelta(days=days)

    claim = replace(said(), effective_at=moment(begins), expires_at=moment(ends))
    assert is_effective(claim, NOW) is counts
    assert (standing(claim, Use.TRAIN_GEN, NOW) is Standing.ACTS) is counts


def test_a_filed_claim_that_has_run_out_says_nothing() -> None:
    filed = said(state=ClaimState.FILED, effective_at=None, expires_at=NOW)
    assert standing(filed, Use.TRAIN_GEN, NOW) is Standing.SILENT


def test_a_claim_says_nothing_on_a_use_it_left_out() -> None:
    assert standing(said(uses=(Use.TRAIN_GEN,)), Use.SEARCH, NOW) is Standing.SILENT


@given(st.lists(statements(), max_size=8), st.sampled_from(Use), PENDING)
def test_one_party_acts_at_most_once_on_one_target_and_use(
    everything: list[Statement], use: Use, pending: dict[str, Any]
) -> None:
    acts = acting(everything, use, NOW, **pending)
    places = [(one.claimant, one.kind, one.digest) for one in acts]
    assert len(set(places)) == len(places)
    for one in acts:
        assert one in everything
        assert one.preferences.for_use(use) is not Preference.UNKNOWN


def test_no_state_follows_an_end_but_erasure_and_nothing_follows_that() -> None:
    assert set(STEPS) == set(ClaimState)
    assert STEPS[ClaimState.ERASED] == frozenset()
    for end in (ClaimState.WITHDRAWN, ClaimState.REJECTED):
        assert STEPS[end] == {ClaimState.ERASED}
    for state, following in STEPS.items():
        assert state not in following


def test_every_living_claim_can_be_withdrawn_and_erased() -> None:
    for state in (ClaimState.FILED, ClaimState.EFFECTIVE, ClaimState.HELD):
        assert {ClaimState.WITHDRAWN, ClaimState.ERASED} <= STEPS[state]
