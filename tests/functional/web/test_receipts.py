"""My choices: a receipt for every choice, and what every list since says of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.website import Browser, Website

from byleave.log import Policy
from byleave.publish import publish
from byleave.publish.keys import known_keys
from byleave.registry.permissions import OPERATOR
from byleave.release.receipts import Receipt

pytestmark = pytest.mark.functional


def choose(browser: Browser, *, email: str = "ann@example.org") -> str:
    browser.sign_in(email)
    headers = {"x-byleave-token": browser.get("/api/v1/session").json()["form_token"]}
    body = {"links": ["https://studio.example/mine.jpg"], "preferences": {"train_gen": "deny"}}
    filed = browser.post("/api/v1/claims", json=body, headers=headers)
    claim: str = filed.json()["claims"][0]["claim"]
    return claim


def publish_now(website: Website) -> int:
    done = publish(website.database, website.settings, who=OPERATOR, at=website.clock())
    return done.release.number


def test_a_receipt_can_be_kept_and_holds(website: Website) -> None:
    browser = website.browser()
    claim = choose(browser)
    assert f'href="/choices/{claim}/receipt"' in browser.get("/choices").text
    answer = browser.get(f"/choices/{claim}/receipt")
    assert answer.headers["content-disposition"] == f'attachment; filename="choice-{claim[:8]}.tlog-proof"'
    receipt = Receipt.parse(answer.content)
    assert receipt.event.claim.hex() == claim
    receipt.verify(trusting(website))


def test_a_receipt_is_for_whoever_made_the_choice(website: Website) -> None:
    claim = choose(website.browser())
    assert "Sign in" in website.browser().get(f"/choices/{claim}/receipt").text
    stranger = website.browser()
    stranger.sign_in("eve@example.org")
    assert stranger.get(f"/choices/{claim}/receipt").status_code == 404


def test_the_page_of_a_choice_says_what_each_list_says(website: Website) -> None:
    browser = website.browser()
    claim = choose(browser)
    assert "None has been published yet" in browser.get(f"/choices/{claim}").text
    first = publish_now(website)
    assert lists(browser, claim) == {first: f"In list {first} at row 0"}
    token = browser.token(f"/choices/{claim}")
    browser.post(f"/choices/{claim}/undo", data={"form_token": token})
    shown = lists(browser, claim)
    assert shown[first].startswith(f"In list {first} at row 0")
    second = publish_now(website)
    shown = lists(browser, claim)
    assert shown[first] == f"In list {first} at row 0"
    assert shown[second].startswith("Withdrawn since")
    Receipt.parse(browser.get(f"/choices/{claim}/receipt").content).verify(trusting(website))


def test_a_broken_list_is_told_and_the_page_stays_up(website: Website) -> None:
    browser = website.browser()
    claim = choose(browser)
    number = publish_now(website)
    index = website.settings.home / "releases" / "standing" / str(number) / "claims.index"
    content = bytearray(index.read_bytes())
    content[40] = 3
    index.chmod(0o644)
    index.write_bytes(content)
    assert "cannot be read here" in lists(browser, claim)[number]


def test_without_a_log_the_page_stays_up(website: Website, tmp_path: Path) -> None:
    browser = website.browser()
    claim = choose(browser)
    publish_now(website)
    browser.get(f"/choices/{claim}/receipt")
    (website.settings.home / "log" / "checkpoint").write_text("nonsense")
    page = browser.get(f"/choices/{claim}")
    assert page.status_code == 200
    assert "The public record cannot be read just now" in page.text


def trusting(website: Website) -> Policy:
    return Policy.of_keys(known_keys(website.settings))


def lists(browser: Browser, claim: str) -> dict[int, str]:
    page = browser.get(f"/choices/{claim}").text
    found = re.findall(r"<li><span class=\"dim\">No\. (\d+) of [^<]*</span> (?:<strong>)?([^<]+)", page)
    return {int(number): said for number, said in found}
