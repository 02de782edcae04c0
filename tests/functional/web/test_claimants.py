"""One claimant's choices are hers: nobody else sees or undoes them, by page or by API."""

from __future__ import annotations

import re

import pytest
from tests.website import Browser, Website

pytestmark = pytest.mark.functional


@pytest.fixture
def ada(website: Website) -> Browser:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    return browser


@pytest.fixture
def claim(ada: Browser) -> str:
    fields = {"form_token": ada.token(), "link": "https://studio.example/mine.jpg", "answer": "no_training"}
    page = ada.post("/choices", data=fields).text
    found = re.search(r'href="/choices/([0-9a-f]{32})"', page)
    assert found
    return found.group(1)


def test_nobody_else_sees_a_choice(website: Website, claim: str) -> None:
    mallory = website.browser()
    mallory.sign_in("mallory@example.org")
    for path in (f"/choices/{claim}", f"/api/v1/claims/{claim}"):
        seen, missing = mallory.get(path), mallory.get(path[:-4] + "0000")
        assert seen.status_code == missing.status_code == 404
    assert claim not in mallory.get("/choices").text
    assert mallory.get("/api/v1/claims").json()["claims"] == []


def test_nobody_else_undoes_a_choice(website: Website, ada: Browser, claim: str) -> None:
    mallory = website.browser()
    mallory.sign_in("mallory@example.org")
    token = mallory.token()
    assert mallory.post(f"/choices/{claim}/undo", data={"form_token": token}).status_code == 404
    headers = {"x-byleave-token": token}
    assert mallory.post(f"/api/v1/claims/{claim}/withdraw", headers=headers).status_code == 404
    assert "In force" in ada.get("/choices").text


def test_who_is_not_signed_in_is_asked_to(website: Website, claim: str) -> None:
    visitor = website.browser()
    assert "Send me a link" in visitor.get("/choices").text
    assert "Send me a link" in visitor.get(f"/choices/{claim}").text
    undo = visitor.post(f"/choices/{claim}/undo", data={"form_token": visitor.token()})
    assert "Send me a link" in undo.text
    answer = visitor.get("/api/v1/claims")
    assert answer.status_code == 401
    assert answer.json()["ok"] is False


def test_an_undone_choice_cannot_be_undone_again(ada: Browser, claim: str) -> None:
    ada.post(f"/choices/{claim}/undo", data={"form_token": ada.token()})
    again = ada.post(f"/choices/{claim}/undo", data={"form_token": ada.token()})
    assert again.status_code == 409
    assert "Nothing is left to undo" in again.text
