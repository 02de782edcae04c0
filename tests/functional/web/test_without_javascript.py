"""Everything a person does on the site, by links and forms alone."""

from __future__ import annotations

import html
import re

import pytest
from tests.website import REPOST_OF, Gallery, Website

pytestmark = pytest.mark.functional


def test_words_find_entries_and_each_says_what_it_is(website: Website) -> None:
    page = website.browser().get("/?q=harbour").text
    assert "A harbour in oil, view harbour-0" in page
    assert "strangers.example" in page
    assert 'alt="A harbour in oil, view harbour-0"' in page


def test_an_empty_answer_says_no_more_than_is_known(website: Website) -> None:
    page = website.browser().get("/?q=qqqzzzxxx").text
    assert "Not found in the 1 datasets searched here" in page
    assert (
        "That does not mean it was never used. You can still say no now, and be told if it turns up." in page
    )
    assert 'href="/choices/new"' in page


def test_a_picture_finds_its_file_first_then_its_copies(website: Website, gallery: Gallery) -> None:
    browser = website.browser()
    files = {"picture": ("mine.jpg", gallery.file(REPOST_OF).read_bytes(), "image/jpeg")}
    page = browser.post("/search/picture", data={"form_token": browser.token()}, files=files)
    assert "picture=" in str(page.url), "the answer has an address"
    badges = re.findall(r'<p class="found found-(\w+)">', page.text)
    assert badges[:2] == ["exact", "copy"]
    assert browser.get(str(page.url)).status_code == 200, "it can be loaded again"
    stranger = website.browser().get(str(page.url))
    assert stranger.status_code == 404, "somebody else cannot see the answer to my picture"
    assert "never stored" in stranger.text


def test_pages_of_an_answer_do_not_overlap(website: Website) -> None:
    browser = website.browser()
    first = browser.entries(browser.get("/?q=oil").text)
    second = browser.entries(browser.get("/?q=oil&page=2").text)
    assert len(first) == 24
    assert len(second) == 7
    assert not set(first) & set(second)


def test_an_entry_shows_every_column_and_its_copies(website: Website) -> None:
    browser = website.browser()
    name = first_harbour(website)
    page = browser.get("/entry/" + name.replace(":", "/")).text
    for shown in ("https://studio.example/harbour-0.jpg", "studio.example", "licence", "CC0-1.0"):
        assert shown in page
    assert "1 other entry shows this picture" in page
    assert "Nobody has said anything yet." in page
    copies = browser.get(f"/?copies={name}").text
    assert "2 entries show this picture or a copy of it" in copies


def test_a_person_says_no_signs_in_on_the_way_and_undoes_it(website: Website) -> None:
    browser = website.browser()
    entry = first_harbour(website)
    looked = browser.get(f"/choices/new?entry={entry}&answer=no_training").text
    assert "this picture and its copies, wherever they stand" in looked
    assert re.search(r"<strong>2 entries</strong> of gallery show it today", looked)
    assert "not confirmed" in looked

    fields = {"form_token": browser.token(), "entry": entry, "answer": "no_ai"}
    asked = browser.post("/choices/sign-in", data=fields)
    next_path = html.unescape(re.findall(r'name="next" value="([^"]+)"', asked.text)[0])
    returned = browser.sign_in("ada@example.org", next_path=next_path)
    assert str(returned.url).endswith(next_path), "signing in leads back to the choice"
    assert f'name="entry" value="{entry}"' in returned.text
    assert re.search(r'value="no_ai" checked', returned.text)

    filed = browser.post("/choices", data=fields | {"form_token": browser.token()})
    assert "1 choice is made" in filed.text
    assert "No AI use at all" in filed.text
    assert "In force" in filed.text
    assert "2 entries of gallery" in filed.text
    assert "It will be in the next published list, in a moment." in filed.text

    assert website.publish() == 1
    assert "In the published list no. 2" in browser.get("/choices").text
    said = browser.get("/entry/" + entry.replace(":", "/")).text
    assert "<strong>No AI use at all</strong>, for " in said
    assert "in the published list no. 2" in said

    claim = re.findall(r'action="/choices/([0-9a-f]{32})/undo"', filed.text)[0]
    undone = browser.post(f"/choices/{claim}/undo", data={"form_token": browser.token()})
    assert "Undone" in undone.text
    assert website.publish() == 1
    assert "Gone from the published list since no. 3." in browser.get("/choices").text


def test_a_copy_on_another_site_shows_the_choice_made_about_the_original(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    entry = first_harbour(website)
    browser.post("/choices", data={"form_token": browser.token(), "entry": entry, "answer": "no_training"})
    copies = browser.entries(browser.get(f"/?copies={entry}").text)
    stranger = browser.get("/entry/" + copies[1].replace(":", "/")).text
    assert "strangers.example" in stranger
    assert "<strong>No AI training</strong>, for this picture" in stranger


def test_a_picture_in_no_dataset_can_be_refused_and_a_zero_is_explained(website: Website) -> None:
    from tests.website import encoded, painting

    browser = website.browser()
    browser.sign_in("ada@example.org")
    files = {"picture": ("unseen.png", encoded(painting(9_999), "PNG"), "image/png")}
    page = browser.post("/choices/picture", data={"form_token": browser.token()}, files=files).text
    assert "No entry of gallery shows it today" in page
    picture = re.findall(r'name="picture" value="([^"]+)"', page)[0]
    fields = {"form_token": browser.token(), "picture": picture, "answer": "no_training"}
    filed = browser.post("/choices", data=fields).text
    assert "0 entries of gallery" in filed
    assert "Zero means: no copy and no link of it stands there today." in filed


def test_a_yes_says_that_it_does_not_count_yet(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    entry = first_harbour(website)
    filed = browser.post(
        "/choices", data={"form_token": browser.token(), "entry": entry, "answer": "yes"}
    ).text
    assert "Not confirmed yet" in filed
    assert "A yes counts once you show that you control the page it stands on." in filed


def test_six_answers_are_kept_apart(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    fields = {
        "form_token": browser.token(),
        "link": "https://studio.example/a.jpg",
        "answer": "mix",
        "train_gen": "deny",
        "search": "allow",
        "ai_input": "conditional",
        "contact": "studio@example.org",
    }
    page = browser.post("/choices", data=fields).text
    assert "Different answers for different uses" in page
    assert "2 choices are made" in page, "a no and a yes are two acts in law"
    claims = dict.fromkeys(re.findall(r'href="/choices/([0-9a-f]{32})"', page))
    refused, permitted = sorted(
        (browser.get(f"/choices/{claim}").text for claim in claims),
        key=lambda text: "Ask me first" not in text,
    )
    assert "studio@example.org" in refused
    assert "Ordinary search that links back to me" in permitted
    assert "Ask me first" not in permitted


def first_harbour(website: Website) -> str:
    """Return the name of the entry of the picture that was re-posted."""
    browser = website.browser()
    page = browser.get("/?q=harbour").text
    cards: list[tuple[str, str]] = re.findall(r'data-entry="([^"]+)"[^>]*data-url="([^"]+)"', page)
    return next(name for name, url in cards if url.endswith(f"studio.example/{REPOST_OF}.jpg"))
