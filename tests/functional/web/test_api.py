"""The JSON API: the same acts as the pages, one shape for every error."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.website import Gallery, Website

pytestmark = pytest.mark.functional


def test_search_and_entry(website: Website) -> None:
    browser = website.browser()
    found = browser.get("/api/v1/search?q=heron&limit=2").json()
    assert found["ok"] is True
    assert found["searched"] == ["gallery"]
    assert len(found["hits"]) == 2
    hit = found["hits"][0]
    assert hit["kind"] == "words"
    entry = browser.get(f"/api/v1/entries/{hit['dataset']}/{hit['key']}").json()
    assert entry["metadata"]["licence"] == "CC0-1.0"
    thumbnail = browser.get(hit["thumbnail"])
    assert thumbnail.headers["content-type"] == "image/jpeg"


def test_search_by_picture(website: Website, gallery: Gallery) -> None:
    browser = website.browser()
    token = browser.get("/api/v1/session").json()["form_token"]
    files = {"picture": ("x.jpg", gallery.file("heron-1").read_bytes(), "image/jpeg")}
    browser.get("/")  # takes the visitor's cookie
    token = browser.get("/api/v1/session").json()["form_token"]
    found = browser.post("/api/v1/search/picture", data={"form_token": token}, files=files).json()
    assert found["hits"][0]["kind"] == "exact"
    assert found["hits"][0]["url"] == "https://studio.example/heron-1.jpg"


def test_a_claim_is_filed_listed_and_withdrawn(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    headers = {"x-byleave-token": browser.get("/api/v1/session").json()["form_token"]}
    hit = browser.get("/api/v1/search?q=heron&limit=1").json()["hits"][0]
    body = {"entries": [f"{hit['dataset']}:{hit['key']}"], "preferences": {"train_gen": "deny"}}
    filed = browser.post("/api/v1/claims", json=body, headers=headers)
    assert filed.status_code == 201
    claim = filed.json()["claims"][0]
    assert claim.pop("receipt").startswith("c2sp.org/tlog-proof@v1\n")
    assert claim["standing"] == "acts"
    assert {target["kind"] for target in claim["targets"]} == {"picture", "digest", "url"}
    assert browser.get("/api/v1/claims").json()["claims"] == [claim]
    withdrawn = browser.post(f"/api/v1/claims/{claim['claim']}/withdraw", headers=headers).json()
    assert withdrawn["state"] == "withdrawn"
    assert website.publish() == 1
    assert browser.get("/api/v1/health").json()["published"] == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"entries": [], "preferences": {"train_gen": "deny"}}, 400),
        ({"links": ["https://a.example/x.jpg"], "preferences": {"train_gen": "perhaps"}}, 400),
        ({"links": ["https://a.example/x.jpg"], "preferences": {"everything": "deny"}}, 400),
        ({"links": ["https://a.example/x.jpg"], "preferences": {}}, 400),
        ({"links": ["file:///etc/passwd"], "preferences": {"train_gen": "deny"}}, 400),
        ({"entries": ["gallery:" + "0" * 32], "preferences": {"train_gen": "deny"}}, 404),
        ({"entries": ["../../x:" + "0" * 32], "preferences": {"train_gen": "deny"}}, 400),
        ({"links": ["https://a.example/"] * 101, "preferences": {"train_gen": "deny"}}, 400),
        (
            {
                "links": ["https://a.example/x.jpg"],
                "preferences": {"train_gen": "deny"},
                "state": "effective",
            },
            400,
        ),
    ],
)
def test_what_cannot_be_filed_is_told_in_one_shape(
    website: Website, body: dict[str, Any], status: int
) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    headers = {"x-byleave-token": browser.get("/api/v1/session").json()["form_token"]}
    assert_fault(browser.post("/api/v1/claims", json=body, headers=headers), status)
    assert browser.get("/api/v1/claims").json()["claims"] == []


def test_errors_have_one_shape(website: Website) -> None:
    browser = website.browser()
    assert_fault(browser.get("/api/v1/nothing"), 404)
    assert_fault(browser.get("/api/v1/entries/gallery/zz"), 400)
    assert_fault(browser.get("/api/v1/search"), 400)
    assert_fault(browser.get("/api/v1/search?q=x&limit=100000"), 400)
    assert_fault(browser.http.delete("/api/v1/health", headers={"origin": website.address}), 405)
    assert_fault(browser.http.post("/api/v1/claims", json={}), 403)
    assert_fault(browser.post("/api/v1/claims", json={}), 403)


def test_a_claim_without_the_token_is_refused(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    body = {"links": ["https://a.example/x.jpg"], "preferences": {"train_gen": "deny"}}
    assert_fault(browser.post("/api/v1/claims", json=body), 403)


def test_the_api_describes_itself_without_foreign_pages(website: Website) -> None:
    described = website.browser().get("/api/v1/openapi.json").json()
    assert {"/api/v1/search", "/api/v1/claims", "/api/v1/health"} <= set(described["paths"])
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert website.browser().get("/docs").status_code == 404


def assert_fault(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"ok", "error", "remedy", "status"}
    assert told["ok"] is False
    assert told["status"] == status
    assert told["error"]
    assert told["remedy"]
