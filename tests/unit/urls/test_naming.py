"""Many links are named as each of them is alone."""

from __future__ import annotations

import random
import subprocess
import sys

from byleave import urls
from byleave.errors import FormatError
from byleave.urls import load_naming_loops, name_links

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
    links = odd_links(5_000)
    load_naming_loops()
    named = name_links(links)
    assert named.digests == [digest_alone(link) for link in links]
    assert named.sites == [site_alone(link) for link in links]
    assert len(set(named.digests)) > 200
    assert None in named.digests


def test_links_get_the_same_names_before_compiled_loops_are_loaded() -> None:
    program = (
        "import sys; from byleave.urls import name_links;"
        "named = name_links(['https://www.a.example/' + str(n) for n in range(300)]);"
        "assert 'numba' not in sys.modules; print(named.digests[299].hex(), named.sites[299])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    load_naming_loops()
    named = name_links([f"https://www.a.example/{number}" for number in range(300)])
    assert named.digests[299] is not None
    assert told.split() == [named.digests[299].hex(), named.sites[299]]


def test_no_links_have_no_names() -> None:
    assert name_links([]) == ([], [])
