"""Passkeys with a virtual device, and the pages of accounts and organisations, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import PATIENCE_MS, NewPage, Running, sign_in
from tests.browser.test_access import assert_accessible

pytestmark = pytest.mark.browser

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""A telephone with a screen lock whose person always says yes."""


@pytest.fixture
def by_name(chromium: Browser, running: Running) -> Iterator[Page]:
    """Open the site by a name, which passkeys need, with a device beside it."""
    context = chromium.new_context(base_url=running.address.replace("127.0.0.1", "localhost"))
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    yield page
    context.close()
    assert faults == []


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()


def test_a_passkey_is_made_signs_in_is_renamed_and_removed(by_name: Page) -> None:
    page = by_name
    page.goto("/sign-in?next=/account")
    sign_in(page, "mara@studio.example.org")
    page.get_by_label("What you call this device").fill("My telephone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is kept.")).to_be_visible()
    expect(page.get_by_text("never used yet")).to_be_visible()
    sign_out(page)

    page.goto("/sign-in?next=/account")
    page.get_by_role("button", name="Sign in with a passkey").press("Enter")
    expect(page.get_by_text("You are signed in as mara@studio.example.org.")).to_be_visible()
    expect(page.get_by_text(re.compile("last used"))).to_be_visible()

    page.get_by_text("Rename").click()
    page.get_by_label("New name of My telephone").fill("Old telephone")
    page.get_by_role("button", name="Save the new name").click()
    page.get_by_role("button", name="Remove Old telephone").click()
    expect(page.get_by_text("The passkey is gone")).to_be_visible()
    sign_out(page)

    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("use the link by mail")


def test_a_site_opened_by_a_number_says_why_there_are_no_passkeys(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("opened by a name")


def test_the_pages_of_accounts_and_organisations_are_for_everybody(new_page: NewPage) -> None:
    mara = new_page(viewport={"width": 360, "height": 760})
    mara.goto("/sign-in?next=/account")
    sign_in(mara, "mara.of.the.kestrels@studio.example.org")
    mara.get_by_label("What you call it", exact=True).fill("my-shop")
    mara.get_by_role("button", name="Make the key").click()
    expect(mara.get_by_text("is made. Copy it now")).to_be_visible()
    assert_accessible(mara)
    mara.goto("/account")
    mara.get_by_text("Make an organisation").click()
    assert_accessible(mara)
    mara.get_by_label("Its name").fill("Kestrel Agency")
    mara.get_by_role("button", name="Make it", exact=True).click()
    home = mara.url.partition("?")[0]
    mara.get_by_label("E-mail address").fill("nina@studio.example.org")
    mara.get_by_role("button", name="Send the invitation").click()
    expect(mara.get_by_text("The invitation is on its way")).to_be_visible()
    assert_accessible(mara)

    nina = new_page(viewport={"width": 360, "height": 760})
    nina.goto("/outbox")
    invitation = nina.locator(".mail a", has_text="/invitation").first.get_attribute("href") or ""
    nina.goto(invitation)
    sign_in(nina, "nina@studio.example.org")
    nina.goto(home)
    assert_accessible(nina)
    nina.goto(invitation)
    assert_accessible(nina)
    nina.get_by_role("button", name="Join Kestrel Agency").click()
    nina.get_by_role("button", name="Act for Kestrel Agency").click()
    expect(nina.get_by_text("Choices you see, make and undo here are theirs.")).to_be_visible()
    assert_accessible(nina)
    for page in (mara, nina):
        for path in ("/account", home, "/choices"):
            page.set_viewport_size({"width": 360, "height": 760})
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_form_pressed_twice_by_a_slip_is_sent_once(page: Page) -> None:
    page.goto("/sign-in?next=/account")
    sign_in(page, "hasty@studio.example.org")
    page.get_by_label("What you call it").fill("shop")
    page.get_by_role("button", name="Make the key").dblclick()
    expect(page.get_by_text("The key “shop” is made.")).to_be_visible()
