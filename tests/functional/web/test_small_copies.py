"""Small copies without a script: taken within limits, looked at, and what is similar can be said to be one's own."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import httpx
import pytest
from PIL import Image
from tests.website import Browser, Gallery, Website, encoded, painting

from byleave.consent import TargetKind
from byleave.registry.drafts import Source, counts, targets_of_draft

pytestmark = pytest.mark.functional


def send(browser: Browser, *files: tuple[str, bytes], draft: str = "", **fields: str) -> httpx.Response:
    handed = [("picture", (name, content, "image/jpeg")) for name, content in files]
    data = {"form_token": browser.token("/choices/start"), "draft": draft, **fields}
    return browser.post("/choices/copies", data=data, files=handed)


def draft_in(answer: httpx.Response) -> str:
    found = re.search(r"/choices/draft/([0-9a-f-]{36})", str(answer.url))
    assert found, answer.text
    return found.group(1)


def cropped(gallery: Gallery, name: str) -> bytes:
    """Cut a picture of the gallery so that its match code is another."""
    with Image.open(gallery.file(name)) as picture:
        return encoded(picture.crop((70, 40, 470, 330)))


def test_pictures_sent_without_a_script_begin_a_choice(website: Website) -> None:
    browser = website.browser()
    answer = send(browser, ("one.jpg", encoded(painting(900))), ("two.jpg", encoded(painting(901))))
    assert answer.status_code == 200, answer.text
    with website.database.transaction() as session:
        draft = uuid.UUID(draft_in(answer))
        assert counts(session, draft) == {TargetKind.PICTURE: 2, TargetKind.DIGEST: 2}
        first = targets_of_draft(session, draft, limit=1)[0]
    assert (first.source, first.target.label) == (Source.DEVICE, "one.jpg")


def test_what_looks_alike_is_shown_and_added_when_its_owner_says_so(
    website: Website, gallery: Gallery
) -> None:
    browser = website.browser()
    answer = send(browser, ("part.jpg", cropped(gallery, "heron-1")))
    assert "Are these yours?" in answer.text
    entries = browser.entries(answer.text)
    assert entries
    draft = draft_in(answer)
    fields = {"form_token": browser.token("/choices/start"), "entry": entries[0]}
    browser.post(f"/choices/draft/{draft}/lookalikes", data=fields)
    with website.database.transaction() as session:
        found = [one for one in targets_of_draft(session, uuid.UUID(draft)) if one.source is Source.SEARCH]
    assert TargetKind.URL in {one.target.kind for one in found}
    assert {f"{one.target.dataset}:{(one.target.sample_key or b'').hex()}" for one in found} == {entries[0]}


def test_what_was_seen_of_a_copy_is_gone_after_an_hour(website: Website, gallery: Gallery) -> None:
    browser = website.browser()
    draft = draft_in(send(browser, ("part.jpg", cropped(gallery, "heron-1"))))
    page = f"/choices/draft/{draft}/lookalikes"
    assert "data:image/jpeg" in browser.get(page).text
    website.clock.ahead += timedelta(minutes=61)
    assert "data:image/jpeg" not in browser.get(page).text


def test_a_copy_is_written_nowhere(website: Website, gallery: Gallery) -> None:
    browser, home = website.browser(), website.settings.home
    before = sorted(home.rglob("*"))
    send(browser, ("part.jpg", cropped(gallery, "heron-1")))
    assert [path for path in sorted(home.rglob("*")) if path not in before] == []


def test_a_copy_whose_code_is_listed_adds_nothing_by_itself(website: Website) -> None:
    browser = website.browser()
    draft = draft_in(send(browser, ("one.jpg", encoded(painting(900)))))
    send(browser, ("two.jpg", encoded(painting(901))), draft=draft, listed="yes")
    with website.database.transaction() as session:
        assert counts(session, uuid.UUID(draft)) == {TargetKind.PICTURE: 1, TargetKind.DIGEST: 1}


def test_what_is_no_picture_is_named_and_the_others_are_in(website: Website) -> None:
    browser = website.browser()
    answer = send(browser, ("one.jpg", encoded(painting(900))), ("list.txt", b"no picture"))
    assert answer.url.path.endswith("/lookalikes"), "nobody has to begin again"
    for page in (answer.text, browser.get(f"/choices/draft/{draft_in(answer)}").text):
        assert "list.txt:</strong> this file cannot be read as a picture" in page
        assert "one.jpg:</strong>" not in page
    only = send(browser, ("list.txt", b"no picture"))
    assert only.url.path == f"/choices/draft/{draft_in(only)}"
    assert "list.txt:</strong>" in only.text
    none = send(browser)
    assert (none.status_code, "No picture was chosen" in none.text) == (400, True)


def test_more_files_than_a_form_may_carry_are_refused(website: Website) -> None:
    answer = send(website.browser(), *[(f"{number}.jpg", b"x") for number in range(21)])
    assert answer.status_code == 400


def test_nobody_else_reaches_what_a_copy_gave(website: Website, gallery: Gallery) -> None:
    draft = draft_in(send(website.browser(), ("part.jpg", cropped(gallery, "heron-1"))))
    stranger = website.browser()
    stranger.get("/choices/start")
    assert stranger.get(f"/choices/draft/{draft}/lookalikes").status_code == 404
    assert send(stranger, ("one.jpg", encoded(painting(900))), draft=draft).status_code == 404
