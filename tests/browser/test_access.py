"""Every page, light and dark, narrow and wide: axe finds nothing serious, and nothing sticks out sideways."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from tests.browser.conftest import sign_in

pytestmark = pytest.mark.browser

PUBLIC = (
    "/",
    "/?q=harbour",
    "/?q=qqqzzz",
    "/choices/new",
    "/choices/new?link=https%3A%2F%2Fa.example%2Fx.jpg",
    "/sign-in",
    "/sign-in/sent",
    "/outbox",
    "/datasets",
    "/about",
    "/list",
)
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
GRAVE = {"serious", "critical"}


@pytest.mark.parametrize("path", PUBLIC)
def test_a_page_for_everybody(page: Page, path: str) -> None:
    page.goto(path)
    assert_accessible(page)


def test_an_entry_and_its_drawer_and_menu(page: Page) -> None:
    page.goto("/?q=harbour")
    page.locator(".card .menu-button").first.focus()
    page.keyboard.press("Enter")
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.locator(".card a.mat").first.click()
    page.locator("#drawer #entry").wait_for()
    assert_accessible(page)
    page.goto(page.locator(".card a.mat").first.get_attribute("href") or "")
    assert_accessible(page)


def test_the_pages_of_somebody_signed_in(page: Page) -> None:
    page.goto("/sign-in?next=/choices/new%3Flink%3Dhttps%253A%252F%252Fa.example%252Fx.jpg")
    sign_in(page, "a.rather.long.address.of.somebody@studio.example.org")
    assert_accessible(page)
    page.get_by_text("More choices").click()
    assert_accessible(page)
    page.get_by_role("button", name="Make this choice").click()
    page.locator(".choice").wait_for()
    page.get_by_text("Undo", exact=True).click()
    assert_accessible(page)
    page.locator(".choice h2 a").click()
    assert_accessible(page)


def assert_accessible(page: Page) -> None:
    """Look at a page as it stands in every size and colour scheme."""
    found: list[str] = []
    for width in WIDTHS:
        for scheme in SCHEMES:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of two literals
            for fault in Axe().run(page).response["violations"]:
                if fault["impact"] in GRAVE:
                    nodes = "; ".join(node["html"][:200] for node in fault["nodes"][:3])
                    found.append(f"{width} {scheme} {fault['id']}: {nodes}")
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            found.append(f"{width}: the page is {beyond} pixels too wide")
    assert found == []
