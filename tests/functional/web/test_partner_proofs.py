"""The API for partners shows control of sites by a key: begin, put up what it says, look, and targets follow."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from tests.strangers import Strangers
from tests.website import Website

from byleave.registry.account_tables import Account
from byleave.registry.permissions import OPERATOR
from byleave.registry.tokens import Scope, create_token

pytestmark = pytest.mark.functional

PATH = "/api/v1/partner/proofs"


def key(site: Website, scope: Scope = Scope.FILE) -> str:
    now = site.clock()
    with site.database.transaction() as session:
        agency = Account(id=uuid.uuid4(), kind="organisation", email=None, name="Agency", created_at=now)
        session.add(agency)
        session.flush()
        return create_token(session, "k", who=OPERATOR, at=now, scope=scope, account=agency.id).key


def ask(site: Website, secret: str, method: str, path: str = "", body: Any = None) -> httpx.Response:
    sent = {"authorization": f"API {secret}"}
    return httpx.request(method, site.address + path, json=body, headers=sent, timeout=60)


def begin(site: Website, secret: str, method: str, place: str) -> dict[str, Any]:
    answer = ask(site, secret, "POST", PATH, {"method": method, "place": place})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_site_is_shown_by_a_file_and_claims_about_it_follow(site: Website, world: Strangers) -> None:
    secret = key(site)
    no = {
        "targets": [{"kind": "url", "value": "https://studio.example/1.jpg"}],
        "preferences": {"train_gen": "deny"},
    }
    claim = ask(site, secret, "POST", "/api/v1/partner/claims", no).json()
    assert claim["evidence"] == "E0"
    begun = begin(site, secret, "file", "studio.example")
    assert (begun["state"], begun["evidence"], begun["place"]) == ("waiting", "E3", "studio.example")
    address, held = (line["text"] for line in begun["put_up"][:2])
    waiting = ask(site, secret, "POST", f"{PATH}/{begun['proof']}/check").json()
    assert (waiting["state"], waiting["failures"]) == ("waiting", 1)
    world.put(address.removeprefix("https://"), held)
    good = ask(site, secret, "POST", f"{PATH}/{begun['proof']}/check").json()
    assert (good["state"], good["counts"], good["seen"][-1]["status"]) == ("good", True, 200)
    after = ask(site, secret, "GET", f"/api/v1/partner/claims/{claim['claim']}").json()
    assert after["evidence"] == "E3"


def test_the_same_place_begun_again_is_the_same_proof_and_stands_once_in_the_list(site: Website) -> None:
    secret = key(site)
    first, again = (begin(site, secret, "dns", "atelier.example")["proof"] for _ in range(2))
    assert first == again
    other = begin(site, secret, "meta", "https://atelier.example/about")["proof"]
    listed = ask(site, secret, "GET", PATH).json()
    assert [one["proof"] for one in listed["proofs"]] == [other, first]
    assert ask(site, secret, "GET", f"{PATH}?first=1&limit=1").json()["proofs"][0]["proof"] == first
    assert ask(site, secret, "GET", f"{PATH}/{first}").json()["put_up"][0]["label"] == "Name of the record"


def test_another_account_sees_nothing_of_it(site: Website) -> None:
    proof = begin(site, key(site), "dns", "hidden.example")["proof"]
    stranger = key(site)
    assert ask(site, stranger, "GET", f"{PATH}/{proof}").status_code == 404
    assert ask(site, stranger, "POST", f"{PATH}/{proof}/check").status_code == 404
    assert ask(site, stranger, "GET", PATH).json()["proofs"] == []


@pytest.mark.parametrize("scope", [Scope.READ, Scope.REPORT])
def test_a_key_for_something_else_opens_nothing_here(site: Website, scope: Scope) -> None:
    answer = ask(site, key(site, scope), "POST", PATH, {"method": "dns", "place": "a.example"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"method": "dns", "place": "github.io"}, 403),
        ({"method": "dns", "place": ""}, 400),
        ({"method": "oauth", "place": "a.example"}, 400),
        ({"method": "dns"}, 400),
    ],
)
def test_what_cannot_be_shown_so_is_refused_with_a_remedy(site: Website, body: Any, status: int) -> None:
    answer = ask(site, key(site), "POST", PATH, body)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"]
