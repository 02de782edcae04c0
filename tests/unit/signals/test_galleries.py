"""The pictures that a page shows or links to, and those that a sitemap names."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError
from byleave.signals.galleries import from_srcset, pictures_on
from byleave.signals.sitemaps import read_sitemap

NAMES = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def on(page: str, address: str = "https://a.example/work/") -> tuple[str, ...]:
    return pictures_on(page.encode(), address)


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<img src="1.jpg">', ["https://a.example/work/1.jpg"]),
        ('<img src="/1.jpg#x"><img src="/1.jpg">', ["https://a.example/1.jpg"]),
        ('<base href="https://b.example/"><img src="1.jpg">', ["https://b.example/1.jpg"]),
        ('<a href="//cdn.example/2.PNG?w=3">x</a>', ["https://cdn.example/2.PNG?w=3"]),
        ('<a href="/about">x</a><img src="data:image/png;base64,AA"><img>', []),
        ('<meta property="og:image" content="https://c.example/og">', ["https://c.example/og"]),
        (
            '<picture><source srcset="s.webp 1x, l.webp 2x"></picture>',
            ["https://a.example/work/s.webp", "https://a.example/work/l.webp"],
        ),
        ('<img src="" data-src="lazy.jpg">', ["https://a.example/work/lazy.jpg"]),
    ],
)
def test_pictures_are_found_as_a_browser_would(page: str, found: list[str]) -> None:
    assert list(on(page)) == found


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("a.jpg", ["a.jpg"]),
        ("a.jpg 1x, b.jpg 2x", ["a.jpg", "b.jpg"]),
        ("a,b.jpg 640w,\n c.jpg 800w", ["a,b.jpg", "c.jpg"]),
        ("a.jpg, b.jpg", ["a.jpg", "b.jpg"]),
        (" , ", []),
    ],
)
def test_a_srcset_is_taken_apart_at_its_descriptors(text: str, links: list[str]) -> None:
    assert list(from_srcset(text)) == links


@given(st.binary(max_size=300) | st.text("<img srcst=\"'/,> abase", max_size=200).map(str.encode))
def test_any_bytes_are_read_as_a_page(page: bytes) -> None:
    assert all(link.startswith(("http://", "https://")) for link in pictures_on(page, "https://a.example/"))


def test_a_sitemap_and_its_index_are_told_apart() -> None:
    index = read_sitemap(
        f"<sitemapindex {NAMES}><sitemap><loc> https://a.example/1.xml </loc></sitemap></sitemapindex>".encode()
    )
    assert (index.sitemaps, index.pages) == (("https://a.example/1.xml",), ())
    urls = read_sitemap(
        gzip.compress(f"<urlset {NAMES}><url><loc>https://a.example/</loc></url></urlset>".encode())
    )
    assert (urls.pages, urls.sitemaps) == (("https://a.example/",), ())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html></html>",
        b"\x1f\x8bnothing",
        gzip.compress(bytes(60 * 1024 * 1024)),
        b'<!DOCTYPE a [<!ENTITY b "c">]><urlset>&b;</urlset>',
        b"<urlset>" + b"".join(b"<url><loc>%d</loc></url>" % n for n in range(50_001)) + b"</urlset>",
    ],
    ids=["empty", "a page", "torn", "a bomb", "entities", "too many"],
)
def test_what_is_no_sitemap_is_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        read_sitemap(content)
