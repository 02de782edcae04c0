"""Many links are named as each of them is alone."""

from __future__ import annotations

import random

from byleave import urls
from byleave.errors import FormatError
from byleave.urls import MANY_LINKS, name_links

PARTS = (
    ("https://", "http://", "HTTPS://", "ftp://", "//", ""),
    ("a.example", "www.a.example", "www.www.a.example", "A.Example", "xn--nxasmq6b.example", "münchen.example", "1.2.3.4", "[::1]", "a..b", ""),
    ("", ":80", ":8080", ":x"),
    ("", "/", "/a/b.jpg", "/a/../b", "/.x", "/%7Eme/%2f", "/a b", "/" + "long/" * 30, "/" + "x" * 9000, "/\ud800", "/ä"),
    ("", "?", "?a=1&amp;b=2", "?q='", "#end", "?a&amp;amp;b"),
)  # fmt: skip


def odd_links(count: int) -> list[str]:
    chance = random.Random(7)
    return ["".join(map(chance.choice, PARTS)) for _ in range(count)]


def digest_alone(link: str) -> bytes | None:
    try:
        return urls.url_digest(urls.canonical_url(link))
    except FormatError:
        return None


def site_alone(link: str) -> str:
    try:
        return urls.canonical_url(link).partition("/")[0]
    except FormatError:
        return ""


def test_many_links_are_named_as_each_alone() -> None:
    links = odd_links(20 * MANY_LINKS)
    named = name_links(links)
    assert named.digests == [digest_alone(link) for link in links]
    assert named.sites == [site_alone(link) for link in links]
    assert len(set(named.digests)) > MANY_LINKS
    assert None in named.digests


def test_few_links_are_named_without_loading_compiled_loops_and_get_the_same_names() -> None:
    links = odd_links(2 * MANY_LINKS)
    few = [name_links(links[at : at + 16]) for at in range(0, len(links), 16)]
    many = name_links(links)
    assert [digest for part in few for digest in part.digests] == many.digests
    assert [site for part in few for site in part.sites] == many.sites


def test_no_links_have_no_names() -> None:
    assert name_links([]) == ([], [])
