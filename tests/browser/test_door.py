"""The one door in a real browser: by keyboard alone, light and dark, narrow and wide, and nothing for axe to find."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import sign_in
from tests.browser.test_access import assert_accessible

pytestmark = pytest.mark.browser

MOST_STEPS = 80


def tab_to(page: Page, role: str, name: str) -> None:
    """Press Tab until the control of this role and name has the focus."""
    wanted = page.get_by_role(role, name=name).first  # type: ignore[arg-type]  # a role of the page
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"no way by keyboard to the {role} {name!r}")


def test_the_whole_way_from_who_you_are_to_the_choice_by_keyboard_alone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto("/choices/start")
    assert_accessible(page)
    tab_to(page, "textbox", "The name you work under")
    page.keyboard.type("Ada")
    tab_to(page, "textbox", "Where your work stands")
    page.keyboard.type("https://studio.example/orchard-0.jpg")
    page.keyboard.press("Enter")
    page.keyboard.type("https://studio.example/orchard-1.jpg")
    tab_to(page, "button", "Show what was found")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="2 links")).to_be_visible()
    assert_accessible(page)
    page.get_by_text("More choices").first.click()
    assert_accessible(page)
    page.reload()
    tab_to(page, "radio", "No AI training")
    page.keyboard.press("ArrowDown")
    tab_to(page, "button", "Sign in to make this choice")
    page.keyboard.press("Enter")
    sign_in(page, "ada.by.keyboard@example.org")
    expect(page.get_by_role("heading", name="What was found")).to_be_visible()
    expect(page.get_by_role("radio", name="No AI use at all")).to_be_checked()
    tab_to(page, "button", "Make this choice")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 choice is made")).to_be_visible()
    expect(page.get_by_text("In force")).to_be_visible()
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_role("heading", name="What it covers: 2 things")).to_be_visible()
    assert_accessible(page)


def test_a_list_shows_how_far_it_is_and_what_was_not_used(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("url\n" + "".join(f"https://list.example/{n}.jpg\n" for n in range(200)) + "ftp://x\n")
    page.goto("/sign-in?next=/choices/list")
    sign_in(page, "list@example.org")
    assert_accessible(page)
    page.get_by_label("The list", exact=True).set_input_files(path)
    page.get_by_role("button", name="Make this choice").click()
    expect(page.get_by_text("200 things it names are covered")).to_be_visible()
    expect(page.get_by_role("heading", name="1 line was not used")).to_be_visible()
    assert_accessible(page)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="All of them as CSV").click()
    assert "202,ftp://x" in Path(downloading.value.path()).read_text()


def test_consent_is_ticked_singly_and_both_buttons_are_alike(page: Page) -> None:
    page.goto("/sign-in?next=/choices/start")
    sign_in(page, "me@example.org")
    page.get_by_label("Where your work stands").fill("https://studio.example/me.jpg")
    page.get_by_role("button", name="Show what was found").click()
    page.get_by_role("link", name="consent").click()
    assert_accessible(page)
    assert not any(box.is_checked() for box in page.get_by_role("checkbox").all())
    looks = [
        page.get_by_role("button", name=name).evaluate(
            "one => { const style = getComputedStyle(one); const box = one.getBoundingClientRect();"
            "return [style.color, style.backgroundColor, style.fontWeight, Math.round(box.width), Math.round(box.height)] }"
        )
        for name in ("I agree to what I ticked", "I do not agree")
    ]
    assert looks[0] == looks[1]
