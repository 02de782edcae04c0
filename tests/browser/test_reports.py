"""The pages that a run writes are files: read by everybody, narrow and wide, light and dark, and by keyboard alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.test_access import assert_accessible
from tests.forked import run_command
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.run import apply_ruleset
from byleave.consent import TargetKind
from byleave.storage import OWN_FOLDER

pytestmark = pytest.mark.browser
LINKS = ["http://a.example/1", "http://b.example/2", "http://c.example/3"]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Write two variants of a dataset, whose file has a long name."""
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example"), row(2, TargetKind.URL, LINKS[1])])
    links = links_file(tmp_path / "links" / f"{'part-of-the-dataset-' * 4}0.parquet", LINKS)
    apply_ruleset(request(tmp_path, links.parent), NOW)
    return tmp_path


def test_a_report_is_read_by_everybody(chromium: Browser, world: Path) -> None:
    assert scrolled_by_keyboard(chromium, world / "out" / OWN_FOLDER / "report.html") >= 1


def test_so_is_a_comparison(chromium: Browser, world: Path) -> None:
    page = world / "difference.html"
    words = ["diff", world / "links", world / "out", "--html", page, "--ruleset", world / "synced"]
    assert run_command([str(word) for word in words], {}, world).returncode == 0
    assert scrolled_by_keyboard(chromium, page) >= 1


@pytest.mark.parametrize("entries", ["7", "2,999,998", "5,850,000,000"])
def test_a_report_is_no_wider_than_a_phone_however_many_entries_there_are(
    chromium: Browser, world: Path, entries: str
) -> None:
    page = chromium.new_page(viewport={"width": 360, "height": 800})
    page.goto((world / "out" / OWN_FOLDER / "report.html").as_uri())
    page.locator(".facts strong").evaluate_all(
        "(facts, entries) => facts.forEach(fact => { fact.textContent = entries })", entries
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def scrolled_by_keyboard(chromium: Browser, file: Path) -> int:
    """Open a page that everybody can read, and return how many parts of it can be scrolled, each of them by whoever has no mouse."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(file.as_uri())
    assert_accessible(page)
    parts = page.locator(".scroll").count()
    assert_reached_by_keyboard(page, parts)
    context.close()
    return parts


def assert_reached_by_keyboard(page: Page, parts: int) -> None:
    """Look whether Tab leads to every part that can be scrolled, and shows where it is."""
    page.set_viewport_size({"width": 360, "height": 800})
    for place in range(parts):
        page.keyboard.press("Tab")
        part = page.locator(".scroll").nth(place)
        assert part.evaluate("part => part === document.activeElement && part.matches(':focus-visible')")
        assert part.evaluate("part => getComputedStyle(part).outlineStyle") != "none"
