"""The way of an organisation by its page and the commands, and the public page on which everybody reads what it promised."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import NewPage, Running, sign_in
from tests.browser.test_access import assert_accessible

pytestmark = pytest.mark.browser

LAB = "A Laboratory with a Rather Long Name, of Several Words"
DATASET = "links-of-the-whole-web-2026-without-any-space-in-its-name-at-all"


def test_from_a_key_on_the_page_to_the_public_page(
    new_page: NewPage, running: Running, tmp_path: Path
) -> None:
    verifier = running.byleave("keys", "make", "lab.example", "--to", tmp_path / "key").strip()
    admin = new_page()
    admin.goto("/sign-in?next=/account")
    sign_in(admin, "admin.of.lab@example.org")
    admin.goto("/account")
    admin.locator('details:has(form[action="/organisations"]) summary').click()
    admin.locator('form[action="/organisations"] input[name="name"]').fill(LAB)
    admin.locator('form[action="/organisations"] button').click()
    admin.get_by_label("Verifier key").fill(verifier)
    admin.get_by_role("button", name="Add the key").click()
    expect(admin.get_by_role("status")).to_contain_text("counts as the organisation’s")
    assert_accessible(admin)
    admin.get_by_label("What you call it").fill("reports")
    admin.get_by_label("What it may do").select_option("report")
    admin.get_by_role("button", name="Make the key").click()
    (tmp_path / "token").write_text(admin.locator(".made-key pre").inner_text())

    pledge = tmp_path / "pledge.dsse.json"
    promise = ("--registry", "byleave.example/registry", "--dataset", DATASET, "--regime", "opt_out")
    signing = ("--to", pledge, "--key", tmp_path / "key", "--use", "train_gen", "--max-lag", "7")
    running.byleave("pledge", *promise, *signing)
    running.byleave("attest", "submit", pledge, "--to", running.address, "--token", tmp_path / "token")
    where = (
        "--by",
        LAB,
        "--dataset",
        DATASET,
        "--source",
        "https://lab.example/card",
        "--date",
        "2026-05-31",
    )
    running.byleave("models", "add", "Painter 2", *where)

    visitor = new_page()
    visitor.goto("/")
    visitor.get_by_role("link", name="Who kept it").click()
    expect(visitor.get_by_role("heading", name=DATASET)).to_be_visible()
    expect(visitor.locator(".rows li")).to_have_count(2)
    expect(visitor.locator(".rows")).to_contain_text("Nothing was signed about this dataset by then.")
    expect(visitor.get_by_role("link", name="the promise of")).to_be_visible()
    assert_accessible(visitor)
