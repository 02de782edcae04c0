"""Look-ups over HTTP: one or ten thousand, with a key where it is many, and always an answer per question."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.website import Gallery, Website

from byleave import urls
from byleave.consent import Evidence, Preference, Preferences, TargetKind, Use
from byleave.fingerprints import ClaimedPicture
from byleave.media import claimed_picture
from byleave.registry.accounts import account_of
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR
from byleave.registry.rates import RATES, Allowance, Rate
from byleave.registry.targets import Target, digest_target, domain_target, picture_target, url_target
from byleave.registry.tokens import create_token, revoke_token
from byleave.settings import Limits

pytestmark = pytest.mark.functional
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DENY = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])


def say(
    website: Website, *targets: Target, said: Preferences = DENY, evidence: Evidence = Evidence.E0
) -> str:
    with website.database.transaction() as session:
        account = account_of(session, "ann@example.org", NOON)
        new = NewClaim(said, targets)
        claim = file_claim(session, new, who=OPERATOR, account=account, at=NOON, evidence=evidence)
    return claim.id.hex()


@pytest.fixture
def key(website: Website) -> str:
    with website.database.transaction() as session:
        return create_token(session, "tests", who=OPERATOR, at=NOON).key


def picture_in(content: bytes) -> ClaimedPicture:
    picture = claimed_picture(content, limits=Limits())
    assert isinstance(picture, ClaimedPicture)
    return picture


def read(website: Website, path: str, **parameters: Any) -> httpx.Response:
    return httpx.get(website.address + path, params=parameters or None, timeout=60)


def ask(website: Website, path: str, key: str | None, **sent: Any) -> httpx.Response:
    headers = {"authorization": f"API {key}"} if key is not None else {}
    return httpx.post(website.address + path, headers=headers, timeout=60, **sent)


def test_anybody_may_look_up_one_link(website: Website) -> None:
    claim = say(website, domain_target("art.example"), evidence=Evidence.E3)
    found = read(website, "/api/v1/lookup/url", url="http://cdn.art.example/x?a=1&b").json()
    assert found["ok"] is True
    assert found["looked_at"] == ["url", "prefix", "host", "domain"]
    assert found["answer"]["value"] == "http://cdn.art.example/x?a=1&b"
    assert found["answer"]["preferences"]["train_gen"] == "deny"
    assert found["answer"]["preferences"]["search"] == "unknown"
    (told,) = found["answer"]["claims"]
    assert (told["claim"], told["target"], told["standing"], told["evidence"]) == (
        claim,
        "domain",
        "acts",
        "E3",
    )
    assert "ann@example.org" not in str(found)


def test_a_link_nobody_spoke_of_is_unknown_and_an_unreadable_one_refused(website: Website) -> None:
    quiet = read(website, "/api/v1/lookup/url", url="https://a.example/").json()["answer"]
    assert set(quiet["preferences"].values()) == {"unknown"}
    assert quiet["claims"] == []
    assert quiet["fault"] is None
    unread = read(website, "/api/v1/lookup/url", url="nonsense").json()["answer"]
    assert set(unread["preferences"].values()) == {"deny"}
    assert unread["fault"] == "unreadable"


def test_files_items_and_pictures_are_looked_up(website: Website, gallery: Gallery, key: str) -> None:
    content = gallery.file("heron-1").read_bytes()
    picture = picture_in(content)
    link = "https://studio.example/heron-1.jpg"
    digest = hashlib.sha256(content).digest()
    say(website, picture_target(picture), digest_target(digest), url_target(link))
    asked = {
        "digest": digest.hex(),
        "item": urls.item_id_of_url(urls.canonical_url(link)).hex(),
        "fingerprint": picture.variants[0].hex(),
    }
    for kind, value in asked.items():
        one = read(website, f"/api/v1/lookup/{kind}/{value}").json()
        (told,) = one["answer"]["claims"]
        assert one["answer"]["preferences"]["train_gen"] == "deny", kind
        bulk = ask(
            website, f"/api/v1/lookup/{kind}s", key, json={"values": [value, "0" * len(value), "zz"]}
        ).json()
        assert [a["preferences"]["train_gen"] for a in bulk["answers"]] == ["deny", "unknown", "deny"], kind
        assert [a["fault"] for a in bulk["answers"]] == [None, None, "unreadable"], kind
        assert bulk["answers"][0] == one["answer"]
        match = {"method": "pdq", "distance": 0, "threshold": 31, "band": "same_work"}
        assert told["match"] == (match if kind == "fingerprint" else None)


def test_a_picture_is_found_within_the_radius_asked_for(website: Website, gallery: Gallery) -> None:
    picture = picture_in(gallery.file("heron-1").read_bytes())
    say(website, picture_target(picture))
    value = int.from_bytes(picture.variants[0]) ^ (1 << 33) - 1  # 33 bits away
    path = f"/api/v1/lookup/fingerprint/{value:064x}"
    assert read(website, path).json()["answer"]["claims"] == []
    (told,) = read(website, path, radius=40).json()["answer"]["claims"]
    assert told["match"]["distance"] <= 33
    assert told["match"]["band"] == "review"
    assert read(website, path, radius=51).status_code == 400


def test_many_links_are_answered_in_order(website: Website, key: str) -> None:
    say(website, url_target("https://a.example/1"))
    values = ["https://a.example/2", "https://a.example/1", "", "https://a.example/1"] * 2_500
    found = ask(website, "/api/v1/lookup/urls", key, json={"values": values}).json()
    assert [answer["value"] for answer in found["answers"]] == values
    words = [answer["preferences"]["train_gen"] for answer in found["answers"]]
    assert words == ["unknown", "deny", "deny", "deny"] * 2_500


@pytest.mark.parametrize("path", ["/api/v1/lookup/urls", "/api/v2/query/urls/"])
def test_many_need_a_key_that_is_good(website: Website, key: str, path: str) -> None:
    for wrong in (None, "byl_wrong", key + "x"):
        refused = ask(website, path, wrong, json={"values": []})
        assert refused.status_code == 401
        assert refused.json()["remedy"]
    with website.database.transaction() as session:
        revoke_token(session, "tests", who=OPERATOR, at=NOON)
    assert ask(website, path, key, json={"values": []}).status_code == 401


def test_a_key_is_no_way_around_the_forms_of_other_pages(website: Website, key: str) -> None:
    assert ask(website, "/api/v1/claims", key, json={}).status_code == 403


def test_too_many_and_too_often_are_refused(website: Website, key: str) -> None:
    lines = "\n".join(["https://a.example/"] * 10_001)
    assert ask(website, "/api/v2/query/urls/", key, content=lines).status_code == 400
    assert ask(website, "/api/v1/lookup/urls", key, json={"values": ["x"] * 10_001}).status_code == 400
    assert ask(website, "/api/v1/lookup/urls", key, content=b"x" * (16 * 1024 * 1024 + 1)).status_code == 413


def test_a_key_has_its_share_of_every_minute(
    website: Website, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RATES, Rate.LOOK_UPS, Allowance(3, timedelta(minutes=1)))
    two = {"values": ["https://a.example/"] * 2}
    answers = [ask(website, "/api/v1/lookup/urls", key, json=two) for _ in range(4)]
    (refused, *_) = [answer for answer in answers if answer.status_code == 429]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    website.clock.ahead += timedelta(minutes=1)
    assert ask(website, "/api/v1/lookup/urls", key, json=two).status_code == 200


def test_the_spawning_query_answers_every_line(website: Website, key: str) -> None:
    training = [Use.TRAIN_GEN, Use.TRAIN_OTHER]
    say(website, url_target("https://no.example/1"))
    say(website, url_target("https://if.example/1"), said=Preferences.same(Preference.CONDITIONAL, training))
    yes = Preferences.same(Preference.ALLOW, training)
    say(website, url_target("https://yes.example/1"), said=yes, evidence=Evidence.E2)
    lines = [
        "https://no.example/1",
        "https://if.example/1",
        "https://yes.example/1",
        "https://nothing.example/1",
        "",
        "https://no.example/1",
        "not a link",
        "https://nothing.example/\u00e9",
        "",
    ]
    answer = ask(website, "/api/v2/query/urls/", key, content="\n".join(lines).encode())
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "urls": [
            {"url": line, "optOut": out, "optIn": line.startswith("https://yes")}
            for line, out in zip(
                lines, [True, True, False, False, True, True, True, False, True], strict=True
            )
        ]
    }
    assert ask(website, "/api/v2/query/urls/", key, content=b"\xff").status_code == 400


def test_the_kinds_that_are_looked_at_are_named() -> None:
    from byleave.web.lookup_answers import LOOKED_AT

    assert {kind for kinds in LOOKED_AT.values() for kind in kinds} == set(TargetKind) - {
        TargetKind.TEXT,
        TargetKind.SOUND,
    }
