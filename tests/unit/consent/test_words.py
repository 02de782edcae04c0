"""The closed vocabularies."""

from __future__ import annotations

import pytest

from byleave.consent import AI_USES, PRESETS, Preference, Preferences, Use
from byleave.errors import FormatError


@pytest.mark.parametrize("preference", Preference)
def test_a_preference_is_read_as_it_is_written(preference: Preference) -> None:
    assert Preference.parse(preference.word) is preference


@pytest.mark.parametrize("text", ["", "no", "deny ", "0", "denied", "__class__"])
def test_another_word_is_refused_and_the_remedy_lists_the_words(text: str) -> None:
    with pytest.raises(FormatError) as refused:
        Preference.parse(text)
    assert "deny" in refused.value.remedy


def test_no_preset_touches_ordinary_search() -> None:
    assert all(preset.search is Preference.UNKNOWN for preset in PRESETS.values())


def test_the_presets_answer_for_the_uses_their_names_say() -> None:
    assert {use for use in Use if PRESETS["no_ai"].for_use(use) is Preference.DENY} == set(AI_USES)
    assert PRESETS["ask_first"].strongest is Preference.CONDITIONAL
    assert PRESETS["yes"].strongest is Preference.ALLOW
    assert PRESETS["no_training"].tdm is Preference.UNKNOWN


def test_preferences_left_out_are_unknown() -> None:
    assert Preferences.same(Preference.DENY, [Use.TDM]) == Preferences(tdm=Preference.DENY)
    assert Preferences().strongest is Preference.UNKNOWN
