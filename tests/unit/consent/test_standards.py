"""What a trainer asks for beyond the rules: never less than they do, and a no always takes back the same person's yes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.consent.strategies import NOW, PENDING, USES, said, statements

from byleave.consent import (
    ALLOW_FROM,
    RULES_ALONE,
    Evidence,
    Preference,
    Regime,
    Standard,
    Statement,
    TargetKind,
    Use,
    acting,
    decide,
)
from byleave.errors import InputError

MOMENTS = st.sampled_from([NOW + timedelta(days=days) for days in (-401, -2, 0, 2)])
LEVELS = st.sampled_from(Evidence)
YES_LEVELS = st.sampled_from([level for level in Evidence if level >= ALLOW_FROM])
STANDARDS = st.builds(Standard, LEVELS, LEVELS, YES_LEVELS, st.none() | MOMENTS)
SAID = st.lists(statements(), max_size=6)
DENY, ALLOW = Preference.DENY, Preference.ALLOW


def keep(found: list[Statement], uses: list[Use], regime: Regime, standard: Standard) -> bool:
    return decide(found, uses=uses, regime=regime, at=NOW, standard=standard).keep


@given(SAID, USES, LEVELS)
def test_a_yes_of_which_more_is_asked_never_keeps_more(
    found: list[Statement], uses: list[Use], level: Evidence
) -> None:
    asked = Standard(allow=max(level, ALLOW_FROM))
    for regime in (Regime.OPT_OUT, Regime.OPT_IN):
        assert keep(found, uses, regime, asked) <= keep(found, uses, regime, RULES_ALONE)


@given(SAID, USES, STANDARDS)
def test_setting_a_no_aside_gives_no_yes(found: list[Statement], uses: list[Use], standard: Standard) -> None:
    """Of one party about one target, no standard lets in under opt_in what the rules keep out."""
    own = [one for one in found if _place(one) == _place(found[0])]
    assert keep(own, uses, Regime.OPT_IN, standard) <= keep(own, uses, Regime.OPT_IN, RULES_ALONE)


def _place(one: Statement) -> tuple[bytes, TargetKind, bytes]:
    return one.claimant, one.kind, one.digest


@given(SAID, st.sampled_from(Use), STANDARDS, PENDING)
def test_what_is_heeded_is_strong_and_early_enough(
    found: list[Statement], use: Use, standard: Standard, pending: dict[str, bool]
) -> None:
    for one in acting(found, use, NOW, standard=standard, **pending):
        assert one.evidence >= standard.least(one.preferences.for_use(use))
        begins = one.effective_at
        assert standard.as_of is None or begins is None or begins <= standard.as_of


@given(SAID, USES, st.sampled_from(Regime))
def test_the_rules_alone_are_a_standard_that_changes_nothing(
    found: list[Statement], uses: list[Use], regime: Regime
) -> None:
    spelled = Standard(Evidence.E0, Evidence.E0, ALLOW_FROM, NOW + timedelta(days=4000))
    plain = decide(found, uses=uses, regime=regime, at=NOW)
    assert decide(found, uses=uses, regime=regime, at=NOW, standard=spelled) == plain


@given(SAID, USES, st.sets(MOMENTS, min_size=2, max_size=2))
def test_where_nobody_says_yes_a_later_cut_off_never_keeps_more(
    found: list[Statement], uses: list[Use], moments: set[datetime]
) -> None:
    refusals = [said for said in found if all(said.preferences.for_use(use) is not ALLOW for use in uses)]
    earlier, later = (Standard(as_of=moment) for moment in sorted(moments))
    kept = [keep(refusals, uses, Regime.OPT_OUT, standard) for standard in (earlier, later)]
    assert kept[1] <= kept[0]


def test_a_no_set_aside_takes_back_the_same_persons_yes_and_nobody_elses() -> None:
    yes = said(ALLOW, number=1, evidence=Evidence.E3)
    no = said(DENY, number=2, evidence=Evidence.E0)
    strict = Standard(deny=Evidence.E1)
    assert not keep([yes, no], [Use.TRAIN_GEN], Regime.OPT_IN, strict)
    assert keep([yes, no], [Use.TRAIN_GEN], Regime.OPT_OUT, strict)
    of_another = said(DENY, number=2, claimant=2, evidence=Evidence.E0)
    assert keep([yes, of_another], [Use.TRAIN_GEN], Regime.OPT_IN, strict)


def test_a_yes_set_aside_takes_nothing_back() -> None:
    no = said(DENY, number=1, evidence=Evidence.E3)
    yes = said(ALLOW, number=2, evidence=Evidence.E2)
    assert keep([no, yes], [Use.TRAIN_GEN], Regime.OPT_OUT, RULES_ALONE)
    assert not keep([no, yes], [Use.TRAIN_GEN], Regime.OPT_OUT, Standard(allow=Evidence.E3))


def test_a_strong_no_stands_where_the_same_persons_later_weak_no_is_set_aside() -> None:
    answers = [
        said(DENY, number=1, evidence=Evidence.E3),
        said(ALLOW, number=2, evidence=Evidence.E3),
        said(DENY, number=3, evidence=Evidence.E0),
    ]
    assert not keep(answers, [Use.TRAIN_GEN], Regime.OPT_OUT, Standard(deny=Evidence.E1))


def test_a_minimum_is_of_one_preference() -> None:
    wait = said(Preference.CONDITIONAL, evidence=Evidence.E0)
    assert not keep([wait], [Use.TRAIN_GEN], Regime.OPT_OUT, Standard(deny=Evidence.E5))
    assert keep([wait], [Use.TRAIN_GEN], Regime.OPT_OUT, Standard(conditional=Evidence.E1))


def test_minima_are_read_as_they_are_written() -> None:
    read = Standard.parse(" deny = E1, allow=E3 ", NOW)
    assert read == Standard(deny=Evidence.E1, allow=Evidence.E3, as_of=NOW)
    assert read.minimum == {"deny": "E1", "allow": "E3"}
    assert Standard.parse(None) == RULES_ALONE
    assert RULES_ALONE.minimum == {}


@pytest.mark.parametrize(
    "text", ["", "deny", "deny=E6", "deny=e1", "no=E1", "deny=E1,deny=E2", "unknown=E1", "as_of=E1"]
)
def test_anything_else_is_refused_with_the_form_that_is_right(text: str) -> None:
    with pytest.raises(InputError, match="no minimum of evidence") as caught:
        Standard.parse(text)
    assert "deny=E1,allow=E3" in caught.value.remedy


def test_nobody_may_ask_for_less_than_the_rules() -> None:
    with pytest.raises(InputError, match="E2"):
        Standard.parse("allow=E1")
