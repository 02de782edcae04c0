"""The laws of consent: what one may rely on whatever was said, by whom and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.unit.consent.strategies import FAULTS, NOW, PENDING, SIGNALS, USES, name, said, statements

from byleave.consent import (
    CauseKind,
    Decision,
    Evidence,
    Preference,
    Regime,
    Signal,
    Statement,
    TargetKind,
    Use,
    combine,
    decide,
    keeps,
)
from byleave.errors import InputError

MANY = st.lists(statements(), max_size=6)
ENFORCED = st.sampled_from([Regime.OPT_OUT, Regime.OPT_IN])


def decided(all_said: list[Statement], signals: Any = (), **options: Any) -> Decision:
    asked: dict[str, Any] = {"uses": [Use.TRAIN_GEN], "regime": Regime.OPT_OUT, "at": NOW} | options
    return decide(all_said, signals, **asked)


@given(MANY, st.lists(SIGNALS, max_size=3), USES, st.sampled_from(Regime), FAULTS, PENDING, st.randoms())
def test_the_order_of_what_was_said_does_not_count(
    everything: list[Statement],
    signals: list[Signal],
    uses: list[Use],
    regime: Regime,
    faults: list[str],
    pending: dict[str, Any],
    random: Any,
) -> None:
    options: dict[str, Any] = {
        "uses": uses,
        "regime": regime,
        "faults": faults,
        **pending,
    }
    before = decided(everything, signals, **options)
    shuffled: list[list[Any]] = [list(everything), list(signals), list(faults)]
    for part in shuffled:
        random.shuffle(part)
    assert decided(shuffled[0], shuffled[1], **options | {"faults": shuffled[2]}) == before


@given(MANY, st.lists(SIGNALS, max_size=3), USES, st.sampled_from(Regime), FAULTS)
def test_saying_it_twice_changes_nothing(
    everything: list[Statement], signals: list[Signal], uses: list[Use], regime: Regime, faults: list[str]
) -> None:
    once = decided(everything, signals, uses=uses, regime=regime, faults=faults)
    assert decided(everything * 2, signals * 2, uses=uses, regime=regime, faults=faults * 2) == once


@given(MANY, st.lists(SIGNALS, max_size=2), statements(st.just(9)), SIGNALS, USES, PENDING)
def test_in_opt_out_nothing_another_party_adds_turns_a_drop_into_a_keep(
    everything: list[Statement],
    signals: list[Signal],
    other: Statement,
    signal: Signal,
    uses: list[Use],
    pending: dict[str, Any],
) -> None:
    before = decided(everything, signals, uses=uses, **pending)
    assume(not before.keep)
    assert not decided([*everything, other], signals, uses=uses, **pending).keep
    assert not decided(everything, [*signals, signal], uses=uses, **pending).keep


@given(MANY, st.lists(SIGNALS, max_size=2), statements(st.just(9)), SIGNALS, USES)
def test_in_opt_in_a_refusal_stands_whatever_another_party_adds(
    everything: list[Statement], signals: list[Signal], other: Statement, signal: Signal, uses: list[Use]
) -> None:
    before = decided(everything, signals, uses=uses, regime=Regime.OPT_IN)
    assume(before.preference in {Preference.CONDITIONAL, Preference.DENY})
    assert not before.keep
    assert not decided([*everything, other], [*signals, signal], uses=uses, regime=Regime.OPT_IN).keep


@given(MANY, st.lists(SIGNALS, max_size=3), USES, FAULTS, PENDING)
def test_opt_in_keeps_no_more_than_opt_out_and_research_keeps_all(
    everything: list[Statement],
    signals: list[Signal],
    uses: list[Use],
    faults: list[str],
    pending: dict[str, Any],
) -> None:
    kept = {
        regime: decided(everything, signals, uses=uses, regime=regime, faults=faults, **pending).keep
        for regime in Regime
    }
    assert kept[Regime.OPT_IN] <= kept[Regime.OPT_OUT] <= kept[Regime.RESEARCH]
    assert kept[Regime.RESEARCH]


@given(MANY, st.lists(SIGNALS, max_size=3), USES, ENFORCED, FAULTS)
def test_every_drop_names_causes_and_none_of_them_would_have_let_it_stay(
    everything: list[Statement], signals: list[Signal], uses: list[Use], regime: Regime, faults: list[str]
) -> None:
    decision = decided(everything, signals, uses=uses, regime=regime, faults=faults)
    assume(not decision.keep)
    assert decision.causes
    assert len(set(decision.causes)) == len(decision.causes)
    assert not any(keeps(cause.preference, regime) for cause in decision.causes)


@given(MANY, USES, st.sampled_from(Regime), st.sampled_from(["url", "signal", "picture"]))
def test_what_cannot_be_read_goes_but_in_research(
    everything: list[Statement], uses: list[Use], regime: Regime, fault: str
) -> None:
    decision = decided(everything, uses=uses, regime=regime, faults=[fault])
    assert decision.keep == (regime is Regime.RESEARCH)
    assert decision.preference is Preference.DENY
    assert [cause.reference for cause in decision.causes if cause.kind is CauseKind.UNREADABLE] == [fault]


@given(MANY, USES)
def test_acting_on_pending_refusals_never_keeps_more_than_the_parties_own_later_words_do(
    everything: list[Statement], uses: list[Use]
) -> None:
    # Between different parties and targets, waiting refusals only add; so one statement a party suffices to see the law.
    alone = {(said.claimant, said.kind, said.digest): said for said in everything}
    without = decided(list(alone.values()), uses=uses)
    assert without.keep >= decided(list(alone.values()), uses=uses, with_pending_refusals=True).keep


@given(st.lists(st.sampled_from(Preference), max_size=6), st.sampled_from(Preference))
def test_the_more_restrictive_answer_wins(answers: list[Preference], one: Preference) -> None:
    assert combine([*answers, one]) >= one
    assert combine(answers) == combine(sorted(answers)) == combine([*answers, *answers])
    assert combine([]) is Preference.UNKNOWN


def test_the_answers_are_ordered_deny_conditional_allow_unknown() -> None:
    assert sorted(Preference, reverse=True) == [
        Preference.DENY,
        Preference.CONDITIONAL,
        Preference.ALLOW,
        Preference.UNKNOWN,
    ]


@pytest.mark.parametrize("preference", [Preference.DENY, Preference.CONDITIONAL])
def test_a_strangers_yes_of_any_strength_lifts_no_refusal(preference: Preference) -> None:
    no = said(preference)
    yes = said(Preference.ALLOW, claimant=2, number=5, evidence=Evidence.E5)
    assert not decided([no, yes]).keep
    assert not decided([no, yes], regime=Regime.OPT_IN).keep


def test_a_later_answer_replaces_the_same_partys_earlier_one_for_that_target_and_use() -> None:
    no = said(Preference.DENY, number=1)
    yes = said(Preference.ALLOW, number=2, evidence=Evidence.E2)
    assert decided([no, yes]).keep
    assert not decided([replace(no, number=3), yes]).keep


def test_a_later_answer_replaces_nothing_for_another_target_or_another_use() -> None:
    no = said(Preference.DENY, number=1)
    yes = said(Preference.ALLOW, number=2, evidence=Evidence.E2)
    assert not decided([no, replace(yes, digest=name(32, 2))]).keep
    assert not decided([no, replace(yes, kind=TargetKind.PICTURE)]).keep
    assert not decided([no, said(Preference.ALLOW, number=2, evidence=Evidence.E2, uses=(Use.SEARCH,))]).keep


@pytest.mark.parametrize(
    "weak", [{"evidence": Evidence.E0}, {"disputed": True}, {"stale": True}, {"expires_at": NOW}]
)
def test_a_yes_that_does_not_count_never_lifts_ones_own_no(weak: dict[str, Any]) -> None:
    no = said(Preference.DENY, number=1)
    yes = said(Preference.ALLOW, number=2, **{"evidence": Evidence.E5, **weak})
    assert not decided([no, yes]).keep
    assert not decided([no, yes], with_pending_refusals=True).keep


@given(st.lists(statements(st.just(1)), min_size=1, max_size=5), USES)
def test_an_unconfirmed_yes_changes_no_decision(own: list[Statement], uses: list[Use]) -> None:
    yes = said(Preference.ALLOW, number=99, evidence=Evidence.E0, uses=tuple(Use))
    for regime in Regime:
        assert decided([*own, yes], uses=uses, regime=regime) == decided(own, uses=uses, regime=regime)


def test_a_licence_frees_from_its_own_claim_and_names_itself() -> None:
    no = said(Preference.CONDITIONAL)
    decision = decided([no], licences=[no.claim])
    assert decision.keep
    assert [(cause.kind, cause.reference) for cause in decision.causes] == [
        (CauseKind.LICENCE, no.claim.hex())
    ]
    assert decided([no], licences=[no.claim], regime=Regime.OPT_IN).keep


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # few lists of statements refuse every use
@given(MANY, statements(st.just(9)), USES, ENFORCED)
def test_a_licence_frees_from_no_other_claim(
    everything: list[Statement], other: Statement, uses: list[Use], regime: Regime
) -> None:
    without = decided(everything, uses=uses)
    assume(without.preference in {Preference.CONDITIONAL, Preference.DENY})
    assert not decided([*everything, other], uses=uses, regime=regime, licences=[other.claim]).keep


def test_a_licence_does_not_free_from_what_its_giver_said_later() -> None:
    first, later = said(Preference.CONDITIONAL, number=1), said(Preference.DENY, number=2)
    assert not decided([first, later], licences=[first.claim]).keep


def test_a_drop_names_only_what_speaks_against_the_use() -> None:
    yes = said(Preference.ALLOW, evidence=Evidence.E2, uses=(Use.TRAIN_GEN,))
    no = said(Preference.DENY, claimant=2, uses=(Use.TDM,))
    decision = decided([yes, no], uses=[Use.TRAIN_GEN, Use.TDM])
    assert [(cause.reference, cause.use) for cause in decision.causes] == [(no.claim.hex(), Use.TDM)]


def test_in_opt_in_silence_on_one_use_names_the_regime_for_that_use() -> None:
    yes = said(Preference.ALLOW, evidence=Evidence.E2, uses=(Use.TRAIN_GEN,))
    decision = decided([yes], uses=[Use.TRAIN_GEN, Use.TDM], regime=Regime.OPT_IN)
    assert not decision.keep
    assert [(cause.kind, cause.reference, cause.use) for cause in decision.causes] == [
        (CauseKind.REGIME, "opt_in", Use.TDM)
    ]


def test_a_claim_that_reaches_a_sample_twice_is_one_cause() -> None:
    link = said(Preference.DENY)
    picture = replace(link, kind=TargetKind.PICTURE, digest=name(32, 7))
    assert len(decided([link, picture]).causes) == 1


def test_a_signal_refuses_only_the_use_it_speaks_of() -> None:
    signal = Signal("robots.txt", Use.TRAIN_GEN, Preference.DENY)
    assert not decided([], [signal]).keep
    assert decided([], [signal], uses=[Use.SEARCH]).keep
    assert decided([], [signal]).causes[0].reference == "robots.txt"


def test_no_use_at_all_is_refused_for_then_nobody_could_say_no() -> None:
    with pytest.raises(InputError):
        decided([said()], uses=[])


def test_silence_stays_under_opt_out_and_goes_under_opt_in() -> None:
    assert decided([]).keep
    assert decided([]).causes == ()
    assert not decided([], regime=Regime.OPT_IN).keep
