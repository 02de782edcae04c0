"""A platform that serves its pictures from another host: a profile alone covers nothing and says why, its gallery page finds them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.strangers import Strangers
from tests.website import Browser, Gallery, Website, encoded, painting, served

from byleave.catalog import Catalog
from byleave.registry.database import Database
from byleave.settings import Settings

pytestmark = pytest.mark.functional

PICTURES = 3


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Give a catalog whose entries stand on the host from which ArtStation serves its pictures."""
    home = tmp_path_factory.mktemp("platform")
    folder = home / "pictures"
    folder.mkdir()
    for seed in range(PICTURES):
        (folder / f"{seed}.jpg").write_bytes(encoded(painting(seed + 500), quality=90))
        fields = {"url": f"https://cdna.artstation.com/p/{seed}.jpg", "caption": f"Work {seed}"}
        (folder / f"{seed}.json").write_text(json.dumps(fields))
    Catalog(home).ingest(folder, dataset="art")
    return Gallery(home, folder, tuple(map(str, range(PICTURES))))


@pytest.fixture
def website(world: Strangers, platform: Gallery, tmp_path: Path, database: Database) -> Iterator[Website]:
    settings = Settings(home=tmp_path)
    world.forget()
    with served(platform, settings, database, checks=world.checks(settings)) as website:
        yield website


def found(browser: Browser, *places: str) -> str:
    fields = {"form_token": browser.token("/choices/start"), "places": "\n".join(places)}
    return browser.post("/choices/start", data=fields).text


def gallery_page() -> str:
    rows = "".join(f'<img src="//cdna.artstation.com/p/{n}.jpg" alt="">' for n in range(PICTURES - 1))
    more = f'<source srcset="//cdna.artstation.com/p/{PICTURES - 1}.jpg 2x">'
    return f"<!doctype html><title>Ada</title><body>{rows}<picture>{more}</picture></body>"


def test_a_profile_that_may_not_be_fetched_covers_nothing_and_says_why_and_what_else_to_do(
    website: Website, world: Strangers
) -> None:
    world.put("artstation.com/ada", status=403)
    page = found(website.browser(), "http://artstation.com/ada")
    assert "artstation.com refuses to show us that page (403)" in page
    assert "Add the pictures themselves: a folder, the export file" in page
    assert "2 addresses" in page
    assert "No entry of art is covered today" in page
    assert "ArtStation serves its pictures from another address" in page


def test_the_gallery_page_of_a_profile_finds_the_pictures_wherever_they_are_served_from(
    website: Website, world: Strangers
) -> None:
    world.put("artstation.com/ada", gallery_page())
    page = found(website.browser(), "http://artstation.com/ada")
    assert "3 links" in page
    assert "3 entries</strong> of art" in page


def test_pictures_of_a_gallery_that_can_be_fetched_are_found_wherever_they_were_posted_again(
    website: Website, world: Strangers
) -> None:
    world.put("studio.example/work", '<img src="/1.jpg"><img src="/gone.jpg"><img src="/page.jpg">')
    world.put("studio.example/1.jpg", encoded(painting(501).resize((400, 300)), quality=60))
    world.put("studio.example/page.jpg", "<p>no picture</p>")
    page = found(website.browser(), "http://studio.example/work")
    assert "1 picture<" in page
    assert "3 links" in page
    assert re.search(r"<strong>1 entry</strong> of art", page)


def test_a_site_that_asks_programs_not_to_fetch_is_not_fetched(website: Website, world: Strangers) -> None:
    world.put("studio.example/robots.txt", "User-agent: *\nDisallow: /work\n")
    world.put("studio.example/work", '<img src="/1.jpg">')
    page = found(website.browser(), "http://studio.example/work")
    assert "asks programs not to fetch that page" in page
    assert not any("/work" in asked for asked in world.asked)


def test_a_sitemap_names_pictures_packed_and_over_several_files(website: Website, world: Strangers) -> None:
    names = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    image = 'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
    entries = "".join(
        f"<url><loc>http://studio.example/{n}</loc><image:image><image:loc>https://cdna.artstation.com/p/{n}.jpg"
        "</image:loc></image:image></url>"
        for n in range(PICTURES)
    )
    world.put(
        "studio.example/sitemap.xml",
        f"<sitemapindex {names}><sitemap><loc>http://studio.example/pictures.xml.gz</loc></sitemap></sitemapindex>",
    )
    world.put(
        "studio.example/pictures.xml.gz",
        gzip.compress(f"<urlset {names} {image}>{entries}</urlset>".encode()),
    )
    page = found(website.browser(), "http://studio.example/sitemap.xml")
    assert "3 links" in page
    assert "3 entries</strong> of art" in page


def test_what_a_stranger_names_never_leads_into_this_machine(website: Website) -> None:
    page = found(website.browser(), "http://localhost.localdomain/a", "http://127.0.0.1.nip.example/a")
    assert page.count("does not answer us") == 2
