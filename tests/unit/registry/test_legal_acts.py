"""Four acts in law, never mixed; consent is exactly what was ticked, to words that are known by their digest."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checks import accepts

from byleave.consent import LegalAct, Preference, Preferences, Use, combine
from byleave.errors import InputError
from byleave.registry.legal_acts import Recipients, consent_text, consented, refuse_other_act, split_by_act
from byleave.registry.looking import place_named

MIXES = st.builds(Preferences, **{use.value: st.sampled_from(list(Preference)) for use in Use}).filter(
    lambda mix: mix.strongest is not Preference.UNKNOWN
)


@given(MIXES)
def test_a_mix_is_parted_into_acts_that_say_the_same_together(mix: Preferences) -> None:
    parts = split_by_act(mix)
    for act, said in parts:
        wrong = {LegalAct.RESERVATION: {Preference.ALLOW}}.get(act, {Preference.DENY, Preference.CONDITIONAL})
        assert not {said.for_use(use) for use in Use} & wrong
    for use in Use:
        assert combine(said.for_use(use) for _, said in parts) is mix.for_use(use)


def test_no_answer_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="needs an answer"):
        split_by_act(Preferences())


def test_an_objection_is_never_a_yes() -> None:
    with pytest.raises(InputError):
        split_by_act(Preferences(search=Preference.ALLOW), objects=True)
    ((act, _),) = split_by_act(Preferences(tdm=Preference.DENY), objects=True)
    assert act is LegalAct.OBJECTION


@pytest.mark.parametrize(
    ("act", "said"),
    [(LegalAct.RESERVATION, Preference.CONDITIONAL), (LegalAct.OBJECTION, Preference.DENY)],
)
def test_a_change_within_an_act_is_let_through(act: LegalAct, said: Preference) -> None:
    assert accepts(refuse_other_act, act, Preferences(tdm=said))


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (LegalAct.RESERVATION, Preference.ALLOW),
        (LegalAct.LICENCE, Preference.DENY),
        (LegalAct.CONSENT, Preference.ALLOW),
    ],
)
def test_a_change_makes_no_other_act(act: LegalAct, said: Preference) -> None:
    with pytest.raises(InputError):
        refuse_other_act(act, Preferences(tdm=said))


def test_consent_needs_a_use_and_recipients_and_its_words_never_change() -> None:
    preferences, terms = consented([Use.TDM], [Recipients.RESEARCH])
    assert preferences == Preferences(tdm=Preference.ALLOW)
    assert terms == "recipients: research"
    for uses, recipients in (([], [Recipients.RESEARCH]), ([Use.TDM], [])):
        with pytest.raises(InputError):
            consented(uses, recipients)
    text = consent_text()
    assert text.digest == hashlib.sha256(text.words.encode()).digest()
    assert text.digest.hex() == "93753609fabd4737dfbc6238f7f78010af8ebe26fdd0ec9985d72d748d4d5ef5", (
        "a published text is never edited: add consent-2.txt"
    )


@pytest.mark.parametrize(
    ("link", "source", "values"),
    [
        ("https://www.artstation.com/jane", "profile", ["artstation.com/jane/", "jane.artstation.com/"]),
        ("jane.artstation.com", "profile", ["artstation.com/jane/", "jane.artstation.com/"]),
        ("instagram.com/jane/?hl=en", "profile", ["instagram.com/jane/", "instagr.am/jane/"]),
        ("https://www.artstation.com/artwork/abc", "gallery", []),
        ("cdna.artstation.com/p/1", "gallery", []),
        ("https://studio.example", "site", ["studio.example"]),
        ("studio.example/work", "gallery", []),
        ("studio.example/sitemap.xml.gz", "sitemap", []),
        ("studio.example/x.JPG?w=3", "link", ["studio.example/x.JPG?w=3"]),
    ],
)
def test_a_place_is_known_by_its_link(link: str, source: str, values: list[str]) -> None:
    found, targets = place_named(link)
    assert (found.value, [target.value for target in targets]) == (source, values)


@pytest.mark.parametrize("raw", ["jane", "", "ftp://a.example"])
def test_what_is_no_link_is_refused(raw: str) -> None:
    with pytest.raises(InputError):
        place_named(raw)
