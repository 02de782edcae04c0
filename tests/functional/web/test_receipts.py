"""My choices: a receipt for every choice, and what every list since says of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.website import Browser, Website

from byleave.log import Checkpoint, Policy, sign_checkpoint
from byleave.publish import publish
from byleave.publish.keys import known_keys, signing_key
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


def in_the_log(website: Website, receipt: bytes) -> Receipt:
    """Check that a receipt holds against what the log shows to everybody at this moment."""
    read = Receipt.parse(receipt)
    held = read.verify(trusting(website)).checkpoint
    shown = (website.settings.home / "log" / "checkpoint").read_text()
    assert f"\n{held.size}\n" in shown, "the checkpoint that the receipt stands on is the published one"
    return read


def test_a_program_gets_receipts_in_the_very_answer(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ann@example.org")
    headers = {"x-byleave-token": browser.get("/api/v1/session").json()["form_token"]}
    links = ["https://studio.example/one.jpg", "https://studio.example/two.jpg"]
    body = {"links": links, "preferences": {"train_gen": "deny"}}
    claims = browser.post("/api/v1/claims", json=body, headers=headers).json()["claims"]
    assert len(claims) == 2
    for claim in claims:
        assert in_the_log(website, claim["receipt"].encode()).event.claim.hex() == claim["claim"]
    undone = browser.post(f"/api/v1/claims/{claims[0]['claim']}/withdraw", headers=headers).json()
    assert in_the_log(website, undone["receipt"].encode()).event.operation == "withdraw"


def test_a_person_gets_the_receipt_on_the_page_that_answers(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ann@example.org")
    data = {
        "form_token": browser.token("/choices"),
        "link": "https://studio.example/mine.jpg",
        "answer": "no_ai",
    }
    made = browser.post("/choices", data=data).text
    assert "1 choice is made, and stands in the public log" in made
    (told,) = re.findall(r'<div class="told".*?</div>', made, re.DOTALL)
    (link,) = re.findall(r'href="(/choices/[0-9a-f]{32}/receipt)"', told)
    assert website.settings.home.joinpath("log", "checkpoint").exists(), "before anybody asks for the receipt"
    assert in_the_log(website, browser.get(link).content).event.operation == "register"
    undone = browser.post(
        link.replace("receipt", "undo"), data={"form_token": browser.token("/choices")}
    ).text
    assert "the public log says so" in undone
    assert in_the_log(website, browser.get(link).content).event.operation == "withdraw"


def test_where_the_published_log_is_ahead_of_the_registry_nothing_is_filed(website: Website) -> None:
    browser = website.browser()
    choose(browser)
    checkpoint = website.settings.home / "log" / "checkpoint"
    key = signing_key(website.settings)
    ahead = Checkpoint(website.settings.origin, 10, bytes(32))
    published = sign_checkpoint(ahead, key.verifier, key.private.sign)
    checkpoint.write_text(published)
    headers = {"x-byleave-token": browser.get("/api/v1/session").json()["form_token"]}
    body = {"links": ["https://studio.example/more.jpg"], "preferences": {"train_gen": "deny"}}
    refused = browser.post("/api/v1/claims", json=body, headers=headers)
    assert refused.status_code == 409
    assert len(browser.get("/api/v1/claims").json()["claims"]) == 1
    assert checkpoint.read_text() == published
