"""Links are invented under reserved hosts, one site per named maker, and no link is used twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.demo.drawings import Drawing, slug, words_of_name
from byleave.demo.entries import original_entry, original_urls
from byleave.urls import canonical_url, host_of


def drawing(title: str, creator: str = "Anita", tags: tuple[str, ...] = ()) -> Drawing:
    return Drawing(f"{creator}/{title}", title, creator, tags, "public domain", b"")


def test_each_named_maker_has_a_site_of_their_own() -> None:
    urls = original_urls(
        [drawing("Plush Tux"), drawing("Kite", "A.J. Ashton"), drawing("Öl", "Sérgio Luiz Araújo")]
    )
    assert urls == [
        "https://gallery-of-anita.example/works/plush-tux.jpg",
        "https://gallery-of-a-j-ashton.example/works/kite.jpg",
        "https://gallery-of-sergio-luiz-araujo.example/works/ol.jpg",
    ]


def test_equal_titles_of_one_maker_are_numbered() -> None:
    urls = original_urls([drawing("Kite"), drawing("kite!"), drawing("Kite 2"), drawing("KITE")])
    assert [url.rpartition("/")[2] for url in urls] == [
        "kite.jpg",
        "kite--2.jpg",
        "kite-2.jpg",
        "kite--3.jpg",
    ]


@given(st.lists(st.tuples(st.text(max_size=60), st.sampled_from(["Anita", "Bo", "Čeněk"])), max_size=30))
def test_links_are_canonical_distinct_and_lead_nowhere(names: list[tuple[str, str]]) -> None:
    urls = original_urls([drawing(title, creator) for title, creator in names])
    assert len(set(urls)) == len(urls)
    for url in urls:
        assert canonical_url(url) == url.removeprefix("https://")
        assert host_of(canonical_url(url)).endswith(".example")


def test_a_caption_names_title_maker_and_what_is_in_it() -> None:
    entry = original_entry(
        drawing("Kite", tags=("kite", "bird")), "https://gallery-of-anita.example/works/kite.jpg", (640, 400)
    )
    assert entry.caption == "Kite by Anita: bird"
    assert (entry.width, entry.height, entry.repost_of) == (640, 400, None)


@pytest.mark.parametrize(
    ("name", "words"),
    [("food/fruit/an_apple_01", "an apple"), ("a/rosa1", "rosa1"), ("a/01", "01"), ("x/__", "__")],
)
def test_a_file_name_is_read_as_words(name: str, words: str) -> None:
    assert words_of_name(name) == words


@given(st.text())
def test_a_slug_holds_nothing_a_link_would_escape(text: str) -> None:
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(slug(text)) <= 40
    assert "--" not in slug(text)
