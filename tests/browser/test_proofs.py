"""Showing a site in a real browser: by a file and by a DNS record, with real servers behind; by keyboard, and for every eye."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import sign_in
from tests.strangers import Strangers
from tests.website import Gallery, Website, encoded

pytestmark = pytest.mark.browser


@pytest.fixture
def ann(chromium: Browser, site: Website) -> Iterator[Page]:
    """Open *What I control* as somebody who just signed in, on a narrow screen."""
    context = chromium.new_context(base_url=site.address, viewport={"width": 360, "height": 740})
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
    page.goto("/proofs")
    sign_in(page, f"{uuid.uuid4().hex}@example.com")
    expect(page.get_by_role("heading", name="What I control")).to_be_visible()
    yield page
    context.close()
    assert faults == []


def begins(page: Page, place: str, way: str) -> None:
    page.get_by_label("Your site, page, profile").fill(place)
    page.keyboard.press("Enter")
    page.get_by_role("button", name=f"Use {way}").click()


def copied(page: Page, label: str) -> str:
    return page.get_by_role("group", name=label).first.inner_text()


def sees_no_barrier(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_a_site_is_shown_by_a_file(ann: Page, world: Strangers) -> None:
    begins(ann, "https://www.jane.example/", "a file on the site")
    address, held = copied(ann, "Address of the file"), copied(ann, "What it holds")
    with ann.expect_download() as download:
        ann.get_by_role("link", name="Download the file").click()
    assert download.value.suggested_filename == address.rpartition("/")[2]
    ann.get_by_role("button", name="Check now").click()
    expect(ann.get_by_role("heading", name="What was seen")).to_be_visible()
    expect(ann.get_by_text("Waiting", exact=True)).to_be_visible()
    sees_no_barrier(ann)
    world.put(address.removeprefix("https://"), held)
    ann.get_by_role("button", name="Check now").click()
    expect(ann.get_by_text("Confirmed", exact=True)).to_be_visible()
    expect(ann.get_by_text("The file is there and holds what it should.")).to_be_visible()
    ann.goto("/proofs")
    expect(ann.get_by_role("link", name="jane.example")).to_be_visible()
    sees_no_barrier(ann)


def test_a_domain_is_shown_by_a_record(ann: Page, world: Strangers) -> None:
    begins(ann, "bob.example", "a dns record")
    world.text(copied(ann, "Name of the record"), copied(ann, "Value"))
    ann.get_by_role("button", name="Check now").click()
    expect(ann.get_by_text("Confirmed", exact=True)).to_be_visible()
    expect(ann.get_by_text("bob.example and every host below it").first).to_be_visible()
    sees_no_barrier(ann)


def test_the_ways_are_reached_by_keyboard_alone(ann: Page) -> None:
    ann.get_by_label("Your site, page, profile").focus()
    ann.keyboard.type("deviantart.com/jane")
    ann.keyboard.press("Enter")
    expect(ann.get_by_role("heading", name="Ways to show it")).to_be_visible()
    sees_no_barrier(ann)
    ann.get_by_role("button", name="Use words in your profile").focus()
    ann.keyboard.press("Enter")
    expect(ann.get_by_role("heading", name="deviantart.com/jane/")).to_be_visible()
    sees_no_barrier(ann)
    ann.goto("/proofs/signed")
    expect(ann.get_by_role("heading", name="Signed by you")).to_be_visible()
    sees_no_barrier(ann)


def test_an_original_file_is_shown(ann: Page, gallery: Gallery) -> None:
    with Image.open(gallery.file("heron-1")) as picture:
        same, larger = encoded(picture, quality=90), encoded(picture.resize((960, 720)), quality=90)
    ann.get_by_role("link", name="The original file").click()
    for content, told in (
        (same, "Both sides would have to be at least 1.2 times as long, or your file would have to"),
        (larger, "compared with 1 copy"),
    ):
        sees_no_barrier(ann)
        ann.get_by_label("The largest file you have of it").set_input_files(
            {"name": "heron.jpg", "mimeType": "image/jpeg", "buffer": content}
        )
        ann.get_by_role("button", name="Compare").click()
        expect(ann.get_by_text(told)).to_be_visible()
    expect(ann.get_by_text("Confirmed", exact=True)).to_be_visible()
    sees_no_barrier(ann)
