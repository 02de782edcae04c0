"""A reviewer's whole way by keyboard, and what became of it for whoever made the choice."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect
from tests.browser.conftest import NewPage, Running, sign_in
from tests.browser.test_access import assert_accessible

pytestmark = pytest.mark.browser

MARA, RENE = "mara.review@example.org", "rene.review@example.org"


def test_a_held_choice_is_looked_at_by_keyboard_alone(
    new_page: NewPage, running: Running, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.png"
    Image.new("RGB", (300, 200), "#456").save(plain)
    running.byleave("claim", "add", "--image", plain, "--preference", "deny", "--as", MARA)
    running.byleave("reviewer", "add", RENE)

    reviewer = new_page()
    reviewer.goto("/sign-in?next=/review")
    sign_in(reviewer, RENE)
    expect(reviewer.get_by_role("heading", name="Choices to look at")).to_be_visible()
    expect(reviewer.locator(".held")).to_contain_text("so plain that strangers’ pictures")
    assert_accessible(reviewer)
    reviewer.get_by_role("link", name="Review", exact=True).focus()
    for _ in range(40):
        reviewer.keyboard.press("Tab")
        if reviewer.evaluate("document.activeElement.name") == "reason":
            break
    reviewer.keyboard.type("Nobody’s picture in particular.")
    reviewer.keyboard.press("Tab")
    reviewer.keyboard.press("Tab")
    reviewer.keyboard.press("Enter")
    expect(reviewer.get_by_role("status").first).to_contain_text("turned down")

    mara = new_page()
    mara.goto("/sign-in")
    sign_in(mara, MARA)
    expect(mara.locator(".choice")).to_contain_text("Nobody’s picture in particular.")
    mara.locator(".choice h2 a").click()
    expect(mara.locator(".timeline")).to_contain_text(
        "Looked at, and turned down: Nobody’s picture in particular."
    )
    assert_accessible(mara)
    mara.goto("/account")
    with mara.expect_download() as download:
        mara.get_by_role("link", name="Everything about me").click()
    assert download.value.suggested_filename.endswith(".zip")
    mara.get_by_role("link", name="Erase my account…").click()
    assert_accessible(mara)
    mara.get_by_role("button", name="Erase my account and all my choices").press("Enter")
    expect(mara.get_by_role("status")).to_contain_text("1 choice with it")
    assert_accessible(mara)
