"""Simulated re-posts are deterministic, marked, on other hosts, and found by PDQ where PDQ is made to find them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from byleave.demo.drawings import Drawing
from byleave.demo.entries import COVERED_BY_PDQ, Entry, RepostKind, original_entry
from byleave.demo.reposts import altered, reposts
from byleave.demo.vectors import draw, encode
from byleave.fingerprints import SAME_WORK_RADIUS, match
from byleave.media import Unusable, claimed_picture, describe
from byleave.settings import Limits

Build = Callable[..., bytes]

SCENE = (
    '<path d="M5 5 L95 12 L70 60 Z" fill="#c03"/><circle cx="30" cy="70" r="22" fill="#0a6"/>'
    '<rect x="60" y="60" width="33" height="20" fill="#224"/><circle cx="75" cy="30" r="6" fill="#fd0"/>'
)
CHANCE = bytes(range(32))


@pytest.fixture
def jpeg(svg: Build) -> bytes:
    return encode(draw(svg(body=SCENE)), artist="Anita")


def originals(jpeg: bytes, count: int) -> list[tuple[Entry, bytes]]:
    entries = []
    for number in range(count):
        drawing = Drawing(str(number), f"Scene {number}", "Anita", ("scene",), "public domain", b"")
        url = f"https://gallery-of-anita.example/works/{number}.jpg"
        entries.append((original_entry(drawing, url, (640, 640)), jpeg))
    return entries


@pytest.mark.parametrize("kind", sorted(COVERED_BY_PDQ))
def test_a_covered_kind_is_the_same_work_by_its_fingerprint(jpeg: bytes, kind: RepostKind) -> None:
    claimed = claimed_picture(jpeg, limits=Limits())
    seen = describe(altered(jpeg, kind, CHANCE), limits=Limits())
    assert not isinstance(claimed, Unusable)
    assert not isinstance(seen, Unusable)
    found = match(claimed, seen.fingerprint)
    assert found is not None
    assert found.distance <= SAME_WORK_RADIUS


@pytest.mark.parametrize("kind", list(RepostKind))
def test_an_altered_picture_has_other_bytes_no_credits_and_comes_out_the_same_twice(
    jpeg: bytes, kind: RepostKind
) -> None:
    once = altered(jpeg, kind, CHANCE)
    assert once == altered(jpeg, kind, CHANCE)
    assert once != jpeg
    assert b"Anita" not in once


def test_a_cropped_picture_has_three_quarters_of_each_side(jpeg: bytes) -> None:
    with (
        Image.open(BytesIO(jpeg)) as whole,
        Image.open(BytesIO(altered(jpeg, RepostKind.CROPPED, CHANCE))) as part,
    ):
        assert part.size == (round(whole.width * 0.75), round(whole.height * 0.75))


def test_each_chosen_original_is_re_posted_once_in_every_kind_on_hosts_of_their_own(jpeg: bytes) -> None:
    made = [entry for entry, _ in reposts(originals(jpeg, 9), 20)]
    assert Counter(entry.repost_kind for entry in made) == dict.fromkeys(RepostKind, 4)
    assert len({entry.repost_of for entry in made}) == 4
    assert len({entry.url for entry in made}) == 20
    for original in {entry.repost_of for entry in made}:
        hosts = {entry.url.split("/")[2] for entry in made if entry.repost_of == original}
        assert len(hosts) == 5
        assert "gallery-of-anita.example" not in hosts


def test_a_re_post_does_not_name_the_maker_in_its_caption(jpeg: bytes) -> None:
    assert not any("Anita" in entry.caption for entry, _ in reposts(originals(jpeg, 4), 20))


def test_the_same_seed_gives_the_same_re_posts_and_another_seed_others(jpeg: bytes) -> None:
    first = [(entry.url, content) for entry, content in reposts(originals(jpeg, 6), 10, seed=1)]
    assert first == [(entry.url, content) for entry, content in reposts(originals(jpeg, 6), 10, seed=1)]
    assert first != [(entry.url, content) for entry, content in reposts(originals(jpeg, 6), 10, seed=2)]


def test_there_are_never_more_re_posts_than_kinds_of_originals(jpeg: bytes) -> None:
    assert len(list(reposts(originals(jpeg, 2), 600))) == 2 * len(RepostKind)
