"""The whole job as a person does it: find, refuse, follow; then publish, cover, apply; and it is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import NewPage, Running, sign_in
from tests.website import REPOST_OF, encoded, link_of, painting, repost

pytestmark = pytest.mark.browser

ORIGINAL, AGAIN = link_of(REPOST_OF), link_of(f"{REPOST_OF}-again")
OTHERS = '.card:not([data-url*="harbour"])'
"""Pictures that the story of the re-post is not about: the browser tests share one registry and run in any order,
so no other test says anything about a harbour."""


def test_a_picture_is_found_refused_and_gone_with_its_copy(
    page: Page, running: Running, tmp_path: Path
) -> None:
    page.goto("/")
    page.get_by_label("Words to search for").fill("harbour")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(4)

    mine = tmp_path / "found-on-a-forum.jpg"
    mine.write_bytes(repost(painting(0)))
    page.goto("/")
    page.get_by_label("Search with a picture").set_input_files(mine)
    expect(page.locator(".found-exact")).to_have_count(1)
    expect(page.locator(".found-copy")).to_have_count(1)
    expect(page.locator(".found-copy")).to_contain_text("bits differ")

    original = page.locator(f'.card[data-url="{ORIGINAL}"]')
    original.click(button="right")
    expect(page.get_by_role("menuitem", name="Say no to this picture")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 entries of gallery show it today")).to_be_visible()
    expect(page.get_by_label("No AI training")).to_be_checked()
    page.get_by_role("button", name="Sign in to make this choice").click()
    sign_in(page, "ada@example.org")
    page.get_by_role("button", name="Make this choice").click()

    expect(page.get_by_role("heading", name="My choices")).to_be_visible()
    expect(page.get_by_text("In force")).to_be_visible()
    expect(page.get_by_text("2 entries of gallery")).to_be_visible()
    wait_for_list(page)
    kept = apply_list(running, tmp_path)
    assert not {ORIGINAL, AGAIN} & set(kept), "the picture and its copy are gone"

    page.get_by_text("Undo", exact=True).click()
    page.get_by_role("button", name="Undo this choice").click()
    expect(page.get_by_text("Undone", exact=True)).to_be_visible()
    wait_for_list(page, "Gone from the published list")
    after = apply_list(running, tmp_path / "again")
    assert set(after) - set(kept) == {ORIGINAL, AGAIN}, "both are back, and nothing else had gone with them"


def wait_for_list(page: Page, words: str = "In the published list no.") -> None:
    """Load the page again until the worker beside the site has published."""
    for _ in range(60):
        if page.get_by_text(words).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail(f"the page never said {words!r}")


def apply_list(running: Running, folder: Path) -> list[str]:
    """Do what a trainer does, and return the links that are left."""
    folder.mkdir(exist_ok=True)
    key = json.loads(running.byleave("publish", "--json"))["key"]
    running.byleave("sync", f"{running.address}/releases", "--to", folder / "list", "--key", key)
    running.byleave("copies", "cover", "--dataset", "gallery", "--out", folder / "gallery.coverage")
    running.byleave(
        "apply", "--ruleset", folder / "list", "--input", "gallery", "--output", folder / "out",
        "--regime", "opt_out", "--use", "train_gen", "--coverage", folder / "gallery.coverage", "--unchecked", "keep",
    )  # fmt: skip
    shards = (folder / "out").glob("*.parquet")
    return [link for path in shards for link in pq.read_table(path).column("URL").to_pylist()]


def test_the_menu_is_worked_by_keyboard_alone(page: Page) -> None:
    page.goto("/?q=heron")
    picture = page.locator(".card a.mat").first
    picture.focus()
    page.keyboard.press("Shift+F10")
    menu = page.get_by_role("menu")
    expect(menu).to_be_visible()
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem").last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Ask me first")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(picture).to_be_focused()

    page.locator(".card .menu-button").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("f")
    expect(page.get_by_role("menuitem", name="Find copies")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="this picture or a copy of it")).to_be_visible()


def test_what_was_chosen_survives_paging_and_signing_in(page: Page) -> None:
    page.goto("/?q=oil")
    for card in (0, 5):
        page.locator(OTHERS).nth(card).hover()
        page.locator(f"{OTHERS} .choose input").nth(card).check()
    expect(page.locator(".chosen")).to_have_text("2 pictures chosen")
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".chosen")).to_have_text("2 pictures chosen, 2 of them on other pages")
    page.locator(OTHERS).first.hover()
    page.locator(f"{OTHERS} .choose input").first.check()
    page.get_by_role("button", name="Ask me first").click()

    expect(page.locator(".subject")).to_have_count(3)
    expect(page.get_by_label("Ask me first")).to_be_checked()
    page.get_by_label("Where to ask").fill("studio@example.org")
    page.get_by_role("button", name="Sign in to make this choice").click()
    sign_in(page, "grace@example.org")
    expect(page.locator(".subject")).to_have_count(3)
    expect(page.get_by_label("Where to ask")).to_have_value("studio@example.org")
    page.goto("/?q=oil")
    expect(page.locator(".chosen")).to_contain_text("3 pictures chosen")
    page.go_back()
    page.get_by_role("button", name="Make this choice").click()
    expect(page.locator(".choice")).to_have_count(3)
    page.goto("/?q=oil")
    expect(page.locator(".toolbar")).to_be_hidden()


def test_a_drawer_shows_an_entry_and_gives_the_focus_back(page: Page) -> None:
    page.goto("/?q=violin")
    picture = page.locator(".card a.mat").first
    picture.click()
    drawer = page.locator("#drawer")
    expect(drawer).to_be_visible()
    expect(drawer.get_by_text("https://studio.example/violin")).to_be_visible()
    expect(drawer.get_by_role("link", name="Say no to this picture")).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(picture).to_be_focused()


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_can_be_dropped_or_pasted(page: Page, event: str) -> None:
    page.goto("/")
    page.evaluate(
        """([name, bytes]) => {
            const carrier = new DataTransfer();
            carrier.items.add(new File([new Uint8Array(bytes)], "x.jpg", {type: "image/jpeg"}));
            const options = {bubbles: true, cancelable: true};
            document.body.dispatchEvent(name === "drop"
              ? new DragEvent("drop", {...options, dataTransfer: carrier})
              : new ClipboardEvent("paste", {...options, clipboardData: carrier}));
        }""",
        [event, list(encoded(painting(0), quality=90))],
    )
    expect(page.locator(".card").first).to_have_attribute("data-url", ORIGINAL)


def test_without_javascript_the_same_page_has_buttons_instead(new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/?q=violin")
    expect(page.get_by_role("button", name="Search with it")).to_be_visible()
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Say no", exact=True).click()
    expect(page.locator(".subject")).to_have_count(1)
