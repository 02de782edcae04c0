"""The API for partners: thousands of targets by one key, harmless to send again, each answer with its receipt."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from tests.website import Website

from byleave.registry.account_tables import Account
from byleave.registry.permissions import OPERATOR
from byleave.registry.tokens import Scope, create_token
from byleave.release.receipts import Receipt

pytestmark = pytest.mark.functional

PATH = "/api/v1/partner/claims"
NO = {"train_gen": "deny", "train_other": "deny"}


def key(website: Website, scope: Scope = Scope.FILE, name: str = "Agency") -> str:
    now = website.clock()
    with website.database.transaction() as session:
        agency = Account(id=uuid.uuid4(), kind="organisation", email=None, name=name, created_at=now)
        session.add(agency)
        session.flush()
        return create_token(session, "k", who=OPERATOR, at=now, scope=scope, account=agency.id).key


def post(website: Website, secret: str, path: str, body: Any, **headers: str) -> httpx.Response:
    sent = {"authorization": f"API {secret}", **headers}
    return httpx.post(website.address + PATH + path, json=body, headers=sent, timeout=60)


def get(website: Website, secret: str, path: str) -> httpx.Response:
    return httpx.get(website.address + PATH + path, headers={"authorization": f"API {secret}"}, timeout=60)


def links(count: int) -> list[dict[str, str]]:
    return [{"kind": "url", "value": f"https://agency.example/{n}.jpg"} for n in range(count)]


def test_ten_thousand_targets_become_one_claim_and_what_cannot_be_used_is_named(website: Website) -> None:
    secret = key(website)
    targets = [*links(9_997), {"kind": "domain", "value": "flickr.com"}, {"kind": "sha256", "value": "x"}]
    done = post(website, secret, "", {"targets": targets, "preferences": NO, "about": "Ada"})
    assert done.status_code == 201, done.text
    answer = done.json()
    assert (answer["accepted"], answer["targets"], answer["state"]) == (9_997, 9_997, "effective")
    assert [one["index"] for one in answer["rejected"]] == [9_997, 9_998]
    Receipt.parse(answer["receipt"].encode())
    too_many = post(website, secret, "", {"targets": links(10_001), "preferences": NO})
    assert too_many.status_code == 400


def test_the_same_request_is_filed_once_and_a_key_used_for_something_else_is_refused(
    website: Website,
) -> None:
    secret = key(website)
    body = {"targets": links(3), "preferences": NO}
    first = post(website, secret, "", body, **{"idempotency-key": "a"}).json()
    again = post(website, secret, "", body, **{"idempotency-key": "a"}).json()
    assert (first["again"], again["again"]) == (False, True)
    assert again["claim"] == first["claim"]
    Receipt.parse(again["receipt"].encode())
    other = post(website, secret, "", {**body, "targets": links(4)}, **{"idempotency-key": "a"})
    assert other.status_code == 409
    assert get(website, secret, "").json()["total"] == 1


def test_a_claim_is_changed_narrowed_and_withdrawn_each_by_one_event(website: Website) -> None:
    secret = key(website)
    claim = post(website, secret, "", {"targets": links(5), "preferences": NO}).json()["claim"]
    seen = get(website, secret, f"/{claim}?limit=3").json()
    rest = get(website, secret, f"/{claim}?limit=3&after={seen['next']}").json()
    assert [len(seen["page"]), len(rest["page"]), rest["next"]] == [3, 2, None]
    out = [{"kind": "url", "digest": one["digest"]} for one in seen["page"]]
    narrowed = post(website, secret, f"/{claim}/take-out", {"targets": out}).json()
    assert (narrowed["targets"], narrowed["number"]) == (2, 2)
    receipt = Receipt.parse(narrowed["receipt"].encode())
    assert {one.digest.hex() for one in receipt.targets} == {one["digest"] for one in rest["page"]}
    assert post(website, secret, f"/{claim}/take-out", {"targets": out}).status_code == 400
    left = [{"kind": "url", "digest": one["digest"]} for one in rest["page"]]
    assert post(website, secret, f"/{claim}/take-out", {"targets": left}).status_code == 400
    changed = post(website, secret, f"/{claim}/answer", {"preferences": {"search": "deny"}}).json()
    assert (changed["preferences"]["search"], changed["preferences"]["train_gen"]) == ("deny", "unknown")
    gone = post(website, secret, "/withdraw", {"claims": [claim]}).json()
    assert gone["claims"][0]["state"] == "withdrawn"
    Receipt.parse(gone["claims"][0]["receipt"].encode())
    history = get(website, secret, f"/{claim}").json()["history"]
    assert len(history) >= 4


def test_many_claims_are_withdrawn_together_or_none_is(website: Website) -> None:
    secret = key(website)
    made = [
        post(website, secret, "", {"targets": [one], "preferences": NO}).json()["claim"] for one in links(3)
    ]
    assert post(website, secret, "/withdraw", {"claims": [*made, "ab" * 16]}).status_code == 404
    assert {one["state"] for one in get(website, secret, "").json()["claims"]} == {"effective"}
    assert len(post(website, secret, "/withdraw", {"claims": made}).json()["claims"]) == 3


def test_a_key_of_another_scope_or_account_opens_nothing(website: Website) -> None:
    secret = key(website)
    claim = post(website, secret, "", {"targets": links(1), "preferences": NO}).json()["claim"]
    other = key(website, name="Other")
    assert get(website, other, f"/{claim}").status_code == 404
    assert post(website, other, "/withdraw", {"claims": [claim]}).status_code == 404
    assert post(website, other, f"/{claim}/answer", {"preferences": NO}).status_code == 404
    report = key(website, Scope.REPORT, "Lab")
    assert post(website, report, "", {"targets": links(1), "preferences": NO}).status_code == 401
    assert httpx.post(website.address + PATH, json={}, timeout=60).status_code == 401
    stranger = {"targets": links(1), "preferences": NO, "account": str(uuid.uuid4())}
    assert post(website, secret, "", stranger).status_code == 403


def test_a_no_and_a_yes_are_two_claims(website: Website) -> None:
    secret = key(website)
    both = {"targets": links(1), "preferences": {"train_gen": "deny", "search": "allow"}}
    assert post(website, secret, "", both).status_code == 400
    yes = post(website, secret, "", {**both, "preferences": {"search": "allow"}}).json()
    assert yes["act"] == "licence"
    objection = post(website, secret, "", {**both, "preferences": NO, "objects": True}).json()
    assert objection["act"] == "objection"
