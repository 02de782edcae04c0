"""Links made to be odd go through the compiled pass and, one by one, through ``byleave.urls``, which stands on can_ada: one answer.

The suite tries some thousands. For millions, each run with other ones:

    BYLEAVE_ODD_LINKS=5000000 python -m pytest tests/unit/apply/test_odd_links.py
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.apply.worlds import row, ruleset_of

from byleave.apply.matching import Matcher
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.consent import TargetKind
from byleave.errors import FormatError
from byleave.urls import (
    canonical_url,
    domain_digest,
    domains_of,
    host_digest,
    host_of,
    item_id_of_url,
    prefix_digest,
    prefixes_of,
    url_digest,
)
from byleave.urls.bulk.links import canonical, new_classes
from byleave.urls.bulk.usual import ROOM, usual

ASKED = os.environ.get("BYLEAVE_ODD_LINKS")
LINKS = int(ASKED or 12_000)
SEED = None if ASKED else 5
AT_ONCE = 20_000

STARTS = [
    *["http://", "https://"] * 6,
    "http://www.",
    "https://www.",
    "https://www.www.",
    "HTTP://",
    "http:/",
    "http:\\\\",
    "http:",
    "ftp://",
    "//",
    "",
    " https://",
    "https://u:p@",
    "https://\t",
]
HOSTS = [
    *["b.example", "c.b.example", "img.b.example", "x.org"] * 4,
    *["B.Example", "b.example.", "b..example", ".b.example", "example", "www.example", "é.example", "xn--9ca.example"],
    *["1.2.3.4", "0x7f.1", "256.1.1.1", "[::1]", "[::1", "a_b.example", "-b.example", "r3---sn.b.example", "b.example:80"],
    *["b.example:8080", "b.example:443", "b.example:99999", "xn.b.example", "xnb.example", "b.xn", "b.1", "b.a1", "%62.example"],
    *["d" * 63 + ".b.example", "e" * 64, "f." * 40 + "b.example", "日本.jp", "ß.example", "a%00b", "b.example%2F"],
]  # fmt: skip
PATHS = [
    *["", "/", "/a", "/a/", "/a/b", "/a/b/c.jpg", "/ab", "/a//b", "/A/b"] * 3,
    *["/./a", "/a/.", "/a/..", "/a/../b", "/.a", "/a./b", "/a/.b", "/%2e/a", "/a/%2E%2e/b", "/a%2fb", "/%61", "/%41/b"],
    *["/a%", "/a%4", "/a%zz", "/%e9", "/é", "/a b", "/a\tb", "/a\nb", "/a\\b", "/a|b", "/a'b", '/a"b', "/a<b>", "/a{b}", "/a^b`"],
    *["/a;b", "/~a", "/%7Ea", "/a\0b", "/a\x7fb", "/a\ud800".encode("utf-8", "replace").decode(), "/" + "a/" * 70, "/" + "q" * 300],
]  # fmt: skip
ENDS = [
    *["", "", ""] * 4,
    *["?", "??", "?a", "?a=b&c=d", "?a=b&amp;c=d", "?a&amp;amp;b", "?&amp;", "&amp;", "&amp", "&amp;amp;", "?a=b&amp;c&amp;d&amp;e"],
    *["#", "#a", "?#", "?a#b", "#?a", "?a='b'", "#'", "?%41", "?%61mp;", "&%61mp;", "?a/../b", "?a/.b", "?é", "#é", "?a b", "?a&amp;\t"],
    "?" + "k=v&amp;" * 30,
]  # fmt: skip

TARGETS = [
    (TargetKind.URL, "http://b.example/a"),
    (TargetKind.URL, "http://c.b.example/"),
    (TargetKind.URL, "http://b.example/a?a=b&c=d"),
    (TargetKind.PREFIX, "b.example/a"),
    (TargetKind.PREFIX, "b.example/a/b"),
    (TargetKind.PREFIX, "x.org/"),
    (TargetKind.PREFIX, "[::1]/a"),
    (TargetKind.HOST, "c.b.example"),
    (TargetKind.HOST, "xn--9ca.example"),
    (TargetKind.DOMAIN, "b.example"),
    (TargetKind.DOMAIN, "org"),
]


def odd_links(count: int, randomness: random.Random) -> list[str]:
    parts = (STARTS, HOSTS, PATHS, ENDS)
    made = ["".join(randomness.choice(part) for part in parts) for _ in range(count)]
    for at in range(0, count, 9):
        place = randomness.randrange(len(made[at]) + 1)
        made[at] = made[at][:place] + chr(randomness.randrange(1, 0x250)) + made[at][place:]
    return made


def canonical_or_none(raw: str) -> str | None:
    try:
        return canonical_url(raw)
    except FormatError:
        return None


def covering(text: str) -> set[tuple[TargetKind, bytes]]:
    host = host_of(text)
    digests = {(TargetKind.URL, url_digest(text)), (TargetKind.HOST, host_digest(host))}
    digests |= {(TargetKind.DOMAIN, domain_digest(domain)) for domain in domains_of(host)}
    return digests | {(TargetKind.PREFIX, prefix_digest(prefix)) for prefix in prefixes_of(text)}


@pytest.fixture
def ruleset(tmp_path: Path) -> Ruleset:
    return ruleset_of([row(n + 1, kind, value) for n, (kind, value) in enumerate(TARGETS)], tmp_path)


def assert_one_answer(ruleset: Ruleset, matcher: Matcher, links: Sequence[str]) -> None:
    numbers = {
        (kind, ruleset.digest_of(target)): target for kind in KINDS for target in ruleset.targets_of([kind])
    }
    matched = matcher.match(pa.array(links), None, len(links))
    hits: dict[int, set[int]] = {}
    for place, target in zip(matched.rows.tolist(), matched.targets.tolist(), strict=True):
        hits.setdefault(place, set()).add(target)
    for place, raw in enumerate(links):
        text = canonical_or_none(raw)
        assert bool(matched.bad_link[place]) == (text is None), raw
        if text is not None:
            assert matched.items[place].tobytes() == item_id_of_url(text), raw
            assert matched.host(place) == host_of(text), raw
            expected = {numbers[one] for one in covering(text) if one in numbers}
            assert hits.get(place, set()) == expected, raw


@pytest.mark.timeout(0 if ASKED else 600)  # millions take an hour
def test_the_pass_and_the_rules_give_one_answer(ruleset: Ruleset) -> None:
    randomness, matcher = random.Random(SEED), Matcher(ruleset, None)
    for first in range(0, LINKS, AT_ONCE):
        assert_one_answer(ruleset, matcher, odd_links(min(AT_ONCE, LINKS - first), randomness))


def test_the_ways_to_read_a_link_give_one_answer_and_the_fast_one_is_taken() -> None:
    classes, lines = new_classes(), np.zeros((2, 40_000), np.uint8)
    randomness, taken = random.Random(SEED), 0
    for raw in odd_links(4000, randomness):
        content = raw.encode()
        # What stands behind a link in its column must not matter.
        data = np.frombuffer(content + randomness.randbytes(ROOM), np.uint8)
        lines[0, : len(content) + 200] = 0xFF
        found = usual(data, 0, len(content), lines[0], 15)
        if found[0] >= 0:
            taken += 1
            assert found == canonical(data, 0, len(content), lines[1], 15, classes), raw
            assert lines[0, 15 : found[1]].tobytes() == lines[1, 15 : found[1]].tobytes(), raw
            assert lines[0, 15 : found[1]].tobytes().decode() == canonical_url(raw)
    assert taken > 100
    assert usual(np.frombuffer(b"https://b.example/a" + b" " * ROOM, np.uint8), 0, 19, lines[0], 15)[0] > 0


def test_a_prefix_ends_at_a_slash(ruleset: Ruleset) -> None:
    matcher = Matcher(ruleset, None)
    links = [
        "http://b.example/a",
        "http://b.example/a/c",
        "http://b.example/ab",
        "http://b.example/a?b",
        "http://b.example/",
    ]
    matched = matcher.match(pa.array(links), None, len(links))
    prefixes = set(ruleset.targets_of([TargetKind.PREFIX]))
    hit = {
        place
        for place, target in zip(matched.rows.tolist(), matched.targets.tolist(), strict=True)
        if target in prefixes
    }
    assert hit == {0, 1, 3}


def test_more_hosts_than_are_remembered_are_answered_alike(ruleset: Ruleset) -> None:
    randomness, matcher = random.Random(8), Matcher(ruleset, None)
    names = [f"h{n}.{'b.example' if n % 3 else 'other.test'}" for n in range(400)]
    for _ in range(3):
        assert_one_answer(ruleset, matcher, [f"https://{randomness.choice(names)}/a" for _ in range(1000)])
