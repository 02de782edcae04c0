"""What the proofs of an organisation say of a choice, in a real browser: for every eye, wide and narrow, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from tests.absence_story import ADDRESS, MARA, make_story
from tests.browser.conftest import sign_in
from tests.browser.test_access import WIDTHS, assert_accessible
from tests.strangers import Strangers
from tests.website import Website

pytestmark = pytest.mark.browser


def test_what_was_kept_of_a_choice_is_read_on_one_page(
    chromium: Browser, site: Website, world: Strangers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    story = make_story(site, world, tmp_path_factory.mktemp("absences"), seed=8)
    story.serve()
    assert story.hand_in(proofs=ADDRESS).status_code == 201
    context = chromium.new_context(base_url=site.address, viewport={"width": WIDTHS[0], "height": 800})
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
    page.goto("/sign-in")
    sign_in(page, MARA)
    for claim, said in (
        (story.others, "no entry comes under it"),
        (story.allowed, "first in file 1, entry 1 of what they signed"),
        (story.many, "Left out, and proven"),
    ):
        page.goto(f"/choices/{claim}")
        page.get_by_role("button", name="Check what").click()
        expect(page.get_by_role("heading", name="What Example Lab kept")).to_be_visible()
        expect(page.locator(".rows")).to_contain_text(said)
        assert_accessible(page)
    page.get_by_role("button", name="Check the next ones").click()
    counts = page.get_by_role("status").filter(has_text="Left out, and proven")
    expect(counts).to_contain_text("Left out, and proven: 3")
    page.get_by_role("link", name="the statement").click()
    expect(page.get_by_role("heading", name="What Example Lab signed")).to_be_visible()
    assert_accessible(page)
    context.close()
    world.forget()
    assert faults == []
