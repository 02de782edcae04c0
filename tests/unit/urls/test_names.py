"""Names made of links and bytes never change and never pass for one another."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave import urls
from byleave.urls.names import domains_of, picture_digest, prefixes_of, sample_key

CANONICAL = "example.com/a/b?q"


def test_item_ids_keep_their_golden_values() -> None:
    assert (
        urls.item_id_of_url(CANONICAL)
        == hashlib.sha256(b"byleave/item/1\0" + CANONICAL.encode()).digest()[:16]
    )
    assert urls.item_id_of_url(CANONICAL).hex() == "a1ac2d0dc5feb203674098660d3f4bec"
    assert (
        urls.item_id_of_bytes(hashlib.sha256(b"picture").digest()).hex() == "353f3761d17521b0434d08b8673daec6"
    )


def test_sample_keys_keep_their_golden_values() -> None:
    item = urls.item_id_of_url(CANONICAL)
    assert (
        sample_key("laion", item, "https://example.com/a/b?q", "a cat", 0).hex()
        == "1b592ce3402207323f3cf55c6b2c85b1"
    )
    assert sample_key("laion", item, None, None, 7).hex() == "65cb02a6a42a6bccacb6ab8b15c2033f"


def test_the_item_id_is_the_head_of_the_url_digest() -> None:
    assert urls.url_digest(CANONICAL)[:16] == urls.item_id_of_url(CANONICAL)


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_digests_of_different_kinds_never_collide(value: str) -> None:
    named = [
        urls.url_digest(value),
        urls.prefix_digest(value),
        urls.host_digest(value),
        urls.domain_digest(value),
        picture_digest(value),
        hashlib.sha256(value.encode()).digest(),
    ]
    assert len(set(named)) == len(named)
    assert {len(digest) for digest in named} == {32}


TEXTS = st.none() | st.sampled_from(["", "\x01", "\xff", "a", "\udcff"]) | st.text(max_size=5)


@given(*[st.tuples(st.sampled_from(["laion", "laion2"]), TEXTS, TEXTS, st.integers(0, 3))] * 2)
def test_rows_that_differ_have_different_keys(
    left: tuple[str, str | None, str | None, int], right: tuple[str, str | None, str | None, int]
) -> None:
    keys = []
    for dataset, url, caption, ordinal in (left, right):
        item = urls.item_id_of_url(repr(url))  # as in the catalog, another link is another item
        keys.append(sample_key(dataset, item, url, caption, ordinal))
    assert (keys[0] == keys[1]) == (left == right)


def test_a_missing_caption_is_neither_an_empty_one_nor_any_other_text() -> None:
    item = bytes(16)
    captions = [None, "", "\x00", "\x01", "\xff", "None"]
    assert len({sample_key("d", item, None, caption, 0) for caption in captions}) == len(captions)


def test_domains_of_a_host_are_itself_and_every_one_above_it() -> None:
    assert list(domains_of("a.b.example")) == ["a.b.example", "b.example", "example"]
    assert list(domains_of("")) == []


@pytest.mark.parametrize(
    ("canonical", "prefixes"),
    [
        ("h/", ["h/"]),
        ("h/a", ["h/", "h/a/"]),
        ("h/a/", ["h/", "h/a/"]),
        ("h/a/b?q/r", ["h/", "h/a/", "h/a/b/"]),
        ("h/a//b", ["h/", "h/a/", "h/a//", "h/a//b/"]),
        ("h:8080/a", ["h:8080/", "h:8080/a/"]),
    ],
)
def test_prefixes_of_a_link_end_at_slashes_and_at_itself(canonical: str, prefixes: list[str]) -> None:
    assert list(prefixes_of(canonical)) == prefixes


def test_a_prefix_does_not_cover_a_sibling_that_begins_alike() -> None:
    assert "h/artist/" not in list(prefixes_of("h/artist2/picture.jpg"))
    assert "h/artist/" in list(prefixes_of("h/artist/picture.jpg"))


@given(st.lists(st.text(st.sampled_from("ab"), max_size=2), max_size=5))
def test_every_prefix_of_a_prefix_covers_it_too(segments: list[str]) -> None:
    link = "h/" + "/".join(segments)
    for prefix in prefixes_of(link):
        assert set(prefixes_of(prefix)) <= set(prefixes_of(link))
