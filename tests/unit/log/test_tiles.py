"""Paths, tiles and entry bundles, and a tree that grows in constant memory."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import Tiles, hashes_in, leaves

from byleave.errors import FormatError, InputError
from byleave.log import (
    MAX_ENTRY_BYTES,
    BundleAt,
    GrowingTree,
    TileAt,
    bundles_between,
    decode_bundle,
    encode_bundle,
    hash_reader,
    parse_path,
    root_of,
    tiles_between,
)
from byleave.log.tiles import decode_tile, partial_tiles

HASHES = leaves(70_000)
SIZES = st.integers(0, 3000)
INDEXES = st.integers(0, 2**55 - 1)
WIDTHS = st.integers(1, 256)
PLACES = st.one_of(
    st.builds(TileAt, st.integers(0, 63), INDEXES, WIDTHS), st.builds(BundleAt, INDEXES, WIDTHS)
)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (TileAt(0, 0), "tile/0/000"),
        (TileAt(0, 1234067), "tile/0/x001/x234/067"),
        (TileAt(63, 999, 1), "tile/63/999.p/1"),
        (TileAt(2, 1000, 255), "tile/2/x001/000.p/255"),
        (BundleAt(1234067, 12), "tile/entries/x001/x234/067.p/12"),
    ],
)
def test_paths_are_those_of_the_format(place: TileAt | BundleAt, path: str) -> None:
    assert place.path == path
    assert parse_path(path) == place


@given(PLACES)
def test_a_path_names_its_place(place: TileAt | BundleAt) -> None:
    assert parse_path(place.path) == place


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/00/000",
        "tile/64/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/../000",
        "tile/-1/000",
        "tile/data/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/٠٠٠",
        "",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(FormatError):
        parse_path(path)


@given(st.text() | st.from_regex(r"tile/(entries|\d\d?)/(x\d{3}/){0,8}\d{3}(\.p/\d{0,3})?", fullmatch=True))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    with suppress(FormatError):
        assert parse_path(text).path == text


@pytest.mark.parametrize("place", [TileAt(0, -1), TileAt(0, 0, 0), BundleAt(0, 257)])
def test_a_place_that_cannot_be_has_no_path(place: TileAt | BundleAt) -> None:
    with pytest.raises(InputError):
        assert place.path


def test_a_tree_of_70000_has_the_tiles_of_the_example_in_the_format() -> None:
    places = list(tiles_between(0, 70_000))
    assert sum(place == TileAt(0, place.index) for place in places) == 273
    assert [place for place in places if place.width < 256] == [
        TileAt(0, 273, 112),
        TileAt(1, 1, 17),
        TileAt(2, 0, 1),
    ]
    assert [place for place in places if place.level == 1] == [TileAt(1, 0), TileAt(1, 1, 17)]


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above() -> None:
    assert list(tiles_between(0, 256)) == [TileAt(0, 0), TileAt(1, 0, 1)]


def test_tiles_built_leaf_by_leaf_equal_tiles_cut_at_once() -> None:
    built = Tiles(HASHES).files
    assert set(built) == {place.path for place in tiles_between(0, len(HASHES))}
    for place in tiles_between(0, len(HASHES)):
        span = 256**place.level
        first = place.index * 256 * span
        expected = [root_of(HASHES[at : at + span]) for at in range(first, first + place.width * span, span)]
        assert hashes_in(built[place.path]) == expected


@given(SIZES, SIZES)
def test_growing_in_two_steps_writes_the_tiles_that_are_missing_and_no_others(one: int, two: int) -> None:
    old, new = sorted((one, two))
    before = Tiles(HASHES[:old])
    tree = GrowingTree.at(old, before.read)
    assert tree.root() == root_of(HASHES[:old])
    written = dict(tree.extend(HASHES[old:new])) | dict(tree.partial_tiles())
    assert tree.size == new
    assert tree.root() == root_of(HASHES[:new])
    needed = set(tiles_between(old, new))
    # Partial tiles of levels that did not grow are handed out again, as they were.
    assert needed <= set(written)
    assert all(before.files[place.path] == written[place] for place in set(written) - needed)
    after = before.files | {place.path: data for place, data in written.items()}
    assert Tiles(HASHES[:new]).files.items() <= after.items()


@given(SIZES, SIZES)
def test_the_bundles_of_a_growth_hold_exactly_its_entries_and_those_before_in_the_first(
    one: int, two: int
) -> None:
    old, new = sorted((one, two))
    places = list(bundles_between(old, new))
    assert [n for place in places for n in range(place.start, place.end)] == list(
        range(old // 256 * 256 if new > old else new, new)
    )


@given(st.integers(0, 2**63 - 1))
def test_the_partial_tiles_of_a_size_are_those_of_the_format(size: int) -> None:
    expected = [(level, size // 256**level % 256) for level in range(8) if size // 256**level % 256]
    assert [(place.level, place.width) for place in partial_tiles(size)] == expected


@pytest.mark.parametrize("sizes", [(-1, 2), (3, 2), (0, 2**63)])
def test_a_log_does_not_shrink(sizes: tuple[int, int]) -> None:
    with pytest.raises(InputError):
        list(tiles_between(*sizes))
    with pytest.raises(InputError):
        list(bundles_between(*sizes))


def test_what_is_no_hash_is_not_taken_for_a_leaf() -> None:
    tree = GrowingTree()
    with pytest.raises(InputError):
        tree.append(b"entry")
    assert tree.size == 0


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_holds_its_entries(entries: list[bytes]) -> None:
    data = encode_bundle(entries)
    assert decode_bundle(data, len(entries)) == tuple(entries)
    assert decode_bundle(data, 1) == (entries[0],)


def test_an_entry_has_at_most_65535_bytes() -> None:
    longest = bytes(MAX_ENTRY_BYTES)
    assert decode_bundle(encode_bundle([longest]), 1) == (longest,)
    with pytest.raises(InputError, match="65536"):
        encode_bundle([longest + b"\0"])


@pytest.mark.parametrize("count", [0, 257])
def test_a_bundle_holds_1_to_256_entries(count: int) -> None:
    with pytest.raises(InputError):
        encode_bundle([b""] * count)


@given(st.binary(max_size=600), WIDTHS)
def test_any_bytes_are_a_bundle_or_are_refused(data: bytes, width: int) -> None:
    try:
        entries = decode_bundle(data, width)
    except FormatError:
        return
    assert len(entries) == width
    assert data.startswith(encode_bundle(entries))


@pytest.mark.parametrize(
    ("data", "width"), [(b"\0", 1), (b"\0\2a", 1), (b"\0\1a\0", 1), (b"", 1), (b"\0\0" * 257, 256)]
)
def test_a_damaged_bundle_is_refused(data: bytes, width: int) -> None:
    with pytest.raises(FormatError):
        decode_bundle(data, width)


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65, 8191, 8193, 8224])
def test_a_tile_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(FormatError):
        decode_tile(bytes(length), 2)


def test_a_wider_tile_serves_for_a_narrower_one() -> None:
    data = b"".join(HASHES[:5])
    assert decode_tile(data, 3) == HASHES[:3]


@pytest.mark.parametrize(("level", "index"), [(0, 7), (2, 1), (3, 0), (9, 0), (0, -1)])
def test_subtrees_that_are_not_full_cannot_be_read(level: int, index: int) -> None:
    with pytest.raises(InputError):
        hash_reader(7, Tiles(HASHES[:7]).read)(level, index)
