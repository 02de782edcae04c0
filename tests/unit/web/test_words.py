"""What pages say: how an entry was found, what a choice means now, what an answer is called."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from byleave.catalog import HitKind
from byleave.consent import PRESETS, ClaimState, Evidence, Preference, Preferences, Use
from byleave.errors import ByleaveError, FormatError, InputError
from byleave.registry.claims import Claim, count_targets
from byleave.registry.targets import domain_target, url_target
from byleave.web.choices import OWN_MIX, read_wish
from byleave.web.entries import EntryName, Shower, found_by, parse_key
from byleave.web.forms import AddressFields
from byleave.web.my_choices import list_words, state_of, title_of
from byleave.web.questions import Question, read_question
from byleave.web.rendering import ANSWERS, answer_words, day, is_link, plural

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "00112233445566778899aabbccddeeff"
CONFIRMED = replace(url_target("https://a.example/x.jpg"), evidence=Evidence.E2)


def claim(**changes: Any) -> Claim:
    made = Claim(
        id=b"\1" * 16,
        account=uuid.UUID(int=1),
        actor="claimant",
        preferences=PRESETS["no_training"],
        targets=(url_target("https://a.example/x.jpg"),),
        state=ClaimState.EFFECTIVE,
        filed_at=NOW,
        effective_at=NOW,
        expires_at=None,
        withdrawn_at=None,
        number=7,
        answered=7,
    )
    changed = replace(made, **changes)
    return replace(changed, counts=count_targets(changed.targets))


@pytest.mark.parametrize(
    ("kind", "distance", "badge", "detail"),
    [
        (HitKind.EXACT, 0, "Exact file", "byte for byte"),
        (HitKind.COPY, 4, "Copy", "very close: 4 of 256"),
        (HitKind.COPY, 30, "Copy", "close: 30 of 256"),
        (HitKind.LOOKALIKE, 40, "Perhaps a copy", "look closely: 40 of 256"),
        (HitKind.LOOKALIKE, None, "Looks alike", "not a copy"),
        (HitKind.WORDS, None, "Words", "fits your words"),
    ],
)
def test_each_hit_says_how_it_was_found(kind: HitKind, distance: int | None, badge: str, detail: str) -> None:
    said = found_by(kind, distance)
    assert said[0] == badge
    assert detail in said[1]


@pytest.mark.parametrize(
    ("changes", "word", "part"),
    [
        ({}, "In force", "leaves this out"),
        ({"preferences": PRESETS["ask_first"]}, "In force", "asks you first"),
        ({"preferences": PRESETS["yes"], "targets": (CONFIRMED,)}, "In force", "may use this"),
        (
            {"preferences": PRESETS["yes"], "state": ClaimState.FILED, "effective_at": None},
            "Not confirmed yet",
            "A yes counts once",
        ),
        (
            {"state": ClaimState.FILED, "effective_at": None},
            "Not confirmed yet",
            "acts only where a trainer asks",
        ),
        ({"state": ClaimState.HELD}, "Held for a look", "A person looks at it first"),
        ({"state": ClaimState.WITHDRAWN, "withdrawn_at": NOW}, "Undone", "on 22 November 2026"),
        ({"state": ClaimState.REJECTED}, "Turned down", "says nothing"),
        ({"state": ClaimState.ERASED}, "Erased", "erased"),
        ({"expires_at": NOW - timedelta(days=1)}, "Run out", "21 November 2026"),
    ],
)
def test_each_state_has_one_sentence(changes: dict[str, Any], word: str, part: str) -> None:
    state = state_of(claim(**changes), NOW)
    assert state.word == word
    assert part in state.sentence


@pytest.mark.parametrize(
    ("changes", "last", "said"),
    [
        ({}, None, "It will be in the next published list"),
        ({}, (6, NOW), "It will be in the next published list"),
        ({}, (7, NOW), "In the published list no. 7 of 22 November 2026."),
        ({"state": ClaimState.WITHDRAWN}, (6, NOW), "Gone with the next published list."),
        ({"state": ClaimState.WITHDRAWN}, (9, NOW), "Gone from the published list since no. 9."),
        ({"state": ClaimState.HELD}, (9, NOW), "Not in the published list while it is held."),
    ],
)
def test_a_choice_says_whether_it_is_published(changes: dict[str, Any], last: Any, said: str) -> None:
    assert list_words(claim(**changes), last).startswith(said)


def test_answers_are_named_by_their_preset() -> None:
    for name, words in ANSWERS.items():
        assert answer_words(PRESETS[name]) == words
    assert answer_words(Preferences.same(Preference.DENY, [Use.TDM])) == "No, for chosen uses"
    assert answer_words(Preferences(tdm=Preference.DENY, search=Preference.ALLOW)).startswith("Different")


@pytest.mark.parametrize(
    "query",
    [
        f"entry=a%3A{KEY}&entry=b%3A{KEY}&answer=no_ai",
        "picture=token&answer=yes&publish_values=yes",
        "link=https%3A%2F%2Fa.example%2Fx%3Fy%3D1&answer=ask_first&terms=Write+first&contact=me%40a.example",
        "link=a.example%2Fx&answer=mix&train_gen=deny&train_other=unknown&tdm=unknown&ai_input=allow&ai_index=conditional&search=unknown",
    ],
)
def test_a_wish_survives_its_address(query: str) -> None:
    wish = read_wish(AddressFields(QueryParams(query)))
    again = read_wish(AddressFields(QueryParams(wish.address().partition("?")[2])))
    assert again == wish


@pytest.mark.parametrize(
    "query",
    [
        "entry=x",
        "answer=maybe",
        f"answer={OWN_MIX}",
        "&".join(f"link=https://a.example/{n}" for n in range(101)),
        "terms=" + "x" * 4001,
        f"answer={OWN_MIX}&tdm=perhaps",
    ],
)
def test_a_wish_that_cannot_be_read_is_an_error(query: str) -> None:
    with pytest.raises(ByleaveError):
        read_wish(AddressFields(QueryParams(query)))


def test_a_question_survives_its_address() -> None:
    question = Question("a heron & co", "", EntryName("a", bytes.fromhex(KEY)), "a", "studio.example", 3)
    fields = QueryParams(question.address().partition("?")[2])
    again = read_question(
        fields["q"], "", fields["copies"], fields["dataset"], fields["domain"], int(fields["page"])
    )
    assert again == question


@pytest.mark.parametrize("page", [0, -1, 41])
def test_a_page_out_of_range_is_an_error(page: int) -> None:
    with pytest.raises(InputError):
        read_question("x", "", "", "", "", page)


@pytest.mark.parametrize("key", ["", "zz", KEY[:-2], KEY + "00"])
def test_a_key_that_is_none_is_an_error(key: str) -> None:
    with pytest.raises(FormatError):
        parse_key(key)


def test_a_remote_picture_is_shown_only_where_the_keeper_turned_it_on() -> None:
    name = EntryName("a", bytes.fromhex(KEY))
    link = "https://a.example/x.jpg"
    assert Shower(remote_pictures=False).picture(name, link, has_thumbnail=False) is None
    assert Shower(remote_pictures=True).picture(name, link, has_thumbnail=False) == link
    assert Shower(remote_pictures=True).picture(name, "javascript:alert(1)", has_thumbnail=False) is None
    assert Shower(remote_pictures=False).picture(name, link, has_thumbnail=True) == f"/thumbnail/a/{KEY}"


def test_only_web_addresses_become_links() -> None:
    assert is_link("https://a.example/x")
    assert is_link("HTTP://a.example/x")
    assert not is_link("javascript:alert(1)")
    assert not is_link("data:text/html,x")
    assert not is_link(None)


def test_dates_and_counts_are_written_as_people_say_them() -> None:
    assert day(NOW) == "22 November 2026"
    assert plural(1, "entry", "entries") == "1 entry"
    assert plural(12_000, "entry", "entries") == "12,000 entries"


def test_a_replaced_choice_says_so_in_one_sentence() -> None:
    assert state_of(claim(), NOW, is_replaced=True).word == "Replaced"


def test_a_choice_of_many_is_called_by_the_first_and_how_many_more() -> None:
    links = tuple(url_target(f"https://a.example/{number}.jpg") for number in range(3))
    assert title_of(claim(targets=links[:1])) == links[0].value
    assert title_of(claim(targets=links)) == f"{links[0].value} and 2 more"
    assert title_of(claim(targets=(domain_target("a.example"), *links))) == "a.example"
