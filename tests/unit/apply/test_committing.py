"""Trees over the items of a run: the root is that of RFC 6962, every leaf leads to it, and absence is told as it is."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.foreign_verifier import merkle_root
from tests.unit.apply.worlds import absences

from byleave.apply import committing, item_rows, item_search, item_tree, leaf_pairs
from byleave.apply.committing import commit_entries, commit_items
from byleave.apply.item_rows import entries_in_order, ordered, rows_of, sorted_entries
from byleave.apply.item_tree import ItemTree
from byleave.apply.leaf_lanes import new_lane_work, write_leaf
from byleave.apply.leaf_pairs import PairWork
from byleave.apply.tree_hashing import RowHasher, TreeHasher, path_in, ways_in
from byleave.compiled import compiled_lean
from byleave.errors import InputError, VerificationError
from byleave.release.items import ItemRow
from byleave.urls.bulk.sha256 import Bytes, Ints, Word32s, Words
from byleave.urls.bulk.sha_lanes import in_lanes

SALT = bytes(range(16))
SIGNED = bytes(32)
write_in_lanes = in_lanes(3, write_leaf)


def items_of(*names: object) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    ids = b"".join(hashlib.sha256(str(name).encode()).digest()[:16] for name in names)
    return np.frombuffer(ids, np.uint8).reshape(-1, 16)


def tree(folder: Path, *parts: list[object]) -> ItemTree:
    pieces = ((place, items_of(*part)) for place, part in enumerate(parts))
    commitment = commit_items(pieces, folder / "sorting", SALT, folder / "rows")
    made = ItemTree(folder / "rows", SALT)
    assert made.commitment == commitment
    return made


def expected(*parts: list[object]) -> list[bytes]:
    """Make the sorted rows again, by nothing but the words of the format."""
    rows = []
    for place, part in enumerate(parts):
        for row, name in enumerate(part):
            item = hashlib.sha256(str(name).encode()).digest()[:16]
            rows.append(item + place.to_bytes(3, "big") + row.to_bytes(5, "big"))
    return sorted(rows)


def in_order(rows: list[bytes], known: int = 0) -> list[bytes]:
    entries = np.array(
        [[int.from_bytes(row[:8]), int.from_bytes(row[8:16]), n] for n, row in enumerate(rows)], np.uint64
    )
    buckets = np.empty(2 ** len(rows).bit_length() + 1, np.uint32)
    return [rows[int(n)] for n in ordered(entries, known, np.empty_like(entries), buckets)[:, 2]]


def root_over(rows: list[bytes]) -> bytes:
    return merkle_root([SALT + b"".join(rows[at : at + 16]) for at in range(0, len(rows), 16)])


@given(st.integers(0, 240), st.integers(0, 7), st.data())
@settings(max_examples=40)
def test_rows_are_hashed_as_hashlib_does(width: int, count: int, data: st.DataObject) -> None:
    prefix = data.draw(st.binary(min_size=0, max_size=240 - width))
    rows = np.frombuffer(data.draw(st.binary(min_size=width * count, max_size=width * count)), np.uint8)
    rows = rows.reshape(count, width)
    wanted = [hashlib.sha256(prefix + row.tobytes()).digest() for row in rows]
    assert [digest.tobytes() for digest in RowHasher(prefix, width).hash(rows)] == wanted


@given(parts=st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=5))
@settings(max_examples=40)
def test_the_tree_is_the_one_the_format_asks_for(
    parts: list[list[object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = tree(tmp_path_factory.mktemp("tree"), *parts)
    rows = expected(*parts)
    assert [made.row(place).data for place in range(len(made))] == rows
    assert (made.commitment.root, made.commitment.size) == (root_over(rows), len(rows))


def drawn_entries(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    chance = np.random.default_rng(size)
    ids = chance.integers(0, 256, (size, 16), np.uint8)
    return entries_in_order(ids, chance.integers(0, 2**63 - 1, size))


@given(size=st.sampled_from([0, 1, 16, 255, 256, 4095, 4096, 4097, 8192, 9001, 20_480]), data=st.data())
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("way", ["in lanes where there are some", "in pairs"])
def test_a_tree_of_entries_in_any_steps_has_the_root_that_hashlib_finds(
    way: str, size: int, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    entries = drawn_entries(size)
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=4)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_tree, "SUBTREE_BRANCHES", data.draw(st.sampled_from([1, 16, 512])))
        if way == "in pairs":
            patch.setattr(committing, "hash_branches_in_lanes", None)
        steps = [entries[begin:end] for begin, end in pairwise([0, *cuts, size])]
        found = commit_entries(steps, SALT, tmp_path_factory.mktemp("tree") / "kept.entries")
    rows = [row.tobytes() for row in rows_of(entries)]
    assert (found.root, found.size) == (root_over(rows), size)


@compiled_lean
def write_leaves(entries: Words, places: Ints, message: Word32s) -> None:
    write_in_lanes(entries, places, message)


def test_leaves_written_in_lanes_are_the_messages_that_hashlib_would_take() -> None:
    """What turns entries into messages needs no wide registers, unlike what hashes them, so it is tried on every processor."""
    entries, work = drawn_entries(16 * 16), new_lane_work(SALT)
    write_leaves(entries, np.arange(16) * (16 * 24), work.leaf)
    for lane in range(16):
        message = b"\0" + SALT + rows_of(entries[16 * lane : 16 * lane + 16]).tobytes()
        padding = b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8)
        assert work.leaf[:, lane].astype(">u4").tobytes() == message + padding


@pytest.mark.parametrize("root", [0, 1])
@pytest.mark.parametrize("depth", range(6))
def test_the_ways_of_many_leaves_are_those_of_each(depth: int, root: int) -> None:
    trees = np.random.default_rng(depth).integers(0, 256, (3, (2 << depth) - 2 + root, 32), np.uint8)
    which, places = (part.reshape(-1) for part in np.indices((3, 1 << depth)))
    ends = np.cumsum([0, *(1 << level for level in range(depth, -root, -1))])
    levels = [[one[begin:end].tobytes() for begin, end in pairwise(ends)] for one in trees]
    each = zip(which.tolist(), places.tolist(), strict=True)
    assert ways_in(trees, which, places) == [b"".join(path_in(levels[tree], place)) for tree, place in each]


@pytest.mark.parametrize("size", [1, 16, 17, 63, 64, 65, 256, 257, 700, 2100])
def test_every_leaf_leads_to_the_root_across_subtrees(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_tree, "SUBTREE_BRANCHES", 2)
    made = tree(tmp_path, list(range(size)))
    assert made.commitment.root == root_over(expected(list(range(size))))
    for index in range(-(-size // 16)):
        made.leaves([index])[0].check(made.commitment, SALT)


def test_what_is_there_is_proven_to_be_there_and_everything_else_to_be_absent(tmp_path: Path) -> None:
    made = tree(tmp_path, list(range(500)))
    for name in range(600):
        item = items_of(name)[0].tobytes()
        proof = next(absences(made, SIGNED, [item]))
        kept = proof.kept_as(made.commitment, SALT)
        assert (kept is not None) == proof.has_item == (name < 500)
        assert kept is None or kept.item == item
        assert len(proof.to_bytes()) < 10_000


def test_bytes_that_stand_across_two_rows_or_where_a_place_does_are_no_item(tmp_path: Path) -> None:
    made = tree(tmp_path, list(range(40)))
    data = b"".join(leaf.data for leaf in made.leaves([0, 1, 2]))
    there = {row.item for leaf in made.leaves([0, 1, 2]) for row in leaf.rows}
    asked = sorted({data[at : at + 16] for at in range(len(data) - 15)})
    assert {proof.item for proof in absences(made, SIGNED, asked) if proof.has_item} == there


def test_proofs_of_many_items_are_those_of_each_and_hash_each_branch_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_tree, "SUBTREE_BRANCHES", 2)
    made = tree(tmp_path, list(range(2100)))
    items = sorted(items_of(name)[0].tobytes() for name in range(3000))
    one_by_one = [next(absences(made, SIGNED, [item])) for item in items]
    hashed: list[int] = []
    nodes = leaf_pairs.branch_nodes

    def counted(entries: Words, branches: Ints, work: PairWork) -> tuple[Bytes, Bytes]:
        hashed.extend(branches.tolist())
        return nodes(entries, branches, work)

    monkeypatch.setattr(item_tree, "branch_nodes", counted)
    monkeypatch.setattr(item_tree, "AT_ONCE", 5000)
    assert list(absences(made, SIGNED, items)) == one_by_one
    assert hashed == list(range(2100 // 256))
    monkeypatch.setattr(item_tree, "AT_ONCE", 7)
    assert list(absences(made, SIGNED, items)) == one_by_one
    for proof in one_by_one:
        proof.kept_as(made.commitment, SALT)


@pytest.mark.parametrize("near", [1, 1024])
@pytest.mark.parametrize("alike", [0, 1, 7, 8, 15])
def test_an_item_is_found_however_the_ids_are_spread(
    alike: int, near: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_tree, "SUBTREE_BRANCHES", 2)
    monkeypatch.setattr(item_search, "NEAR_ROWS", near)
    ids = np.random.default_rng(alike).integers(0, 256, (1500, 16), np.uint8)
    ids[:, :alike] = 7
    ids[:40], ids[40:80] = 0, 255
    commit_items(iter([(0, ids)]), tmp_path / "sorting", SALT, tmp_path / "rows")
    made = ItemTree(tmp_path / "rows", SALT)
    others = np.random.default_rng(99).integers(0, 256, (300, 16), np.uint8)
    others[100:, :alike] = 7
    there, asked = {one.tobytes() for one in ids}, sorted({one.tobytes() for one in [*ids, *others]})
    for item, proof in zip(asked, absences(made, SIGNED, asked), strict=True):
        assert (proof.kept_as(made.commitment, SALT) is not None) == (item in there)


@pytest.mark.parametrize("row", [0, 300, 2099])
def test_a_leaf_whose_entries_changed_after_they_were_bound_is_not_shown(row: int, tmp_path: Path) -> None:
    tree(tmp_path, list(range(2100)))
    content = bytearray((tmp_path / "rows").read_bytes())
    content[24 * row] ^= 1
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(VerificationError, match="is not what was bound"):
        ItemTree(tmp_path / "rows", SALT).leaves([row // 16])


@pytest.mark.parametrize("changed", [range(300, 400), range(2000), range(1000, 2100)])
def test_entries_that_changed_never_mislead_a_proof(changed: range, tmp_path: Path) -> None:
    whole = tree(tmp_path, list(range(2100)))
    entries = np.fromfile(tmp_path / "rows", np.uint64).reshape(-1, 3)
    entries[changed] = entries[changed][::-1]
    entries.tofile(tmp_path / "rows")
    refused = 0
    for item in sorted(items_of(name)[0].tobytes() for name in range(0, 3000, 7)):
        try:
            proof = next(absences(ItemTree(tmp_path / "rows", SALT), SIGNED, [item]))
        except VerificationError:
            refused += 1
        else:
            proof.kept_as(whole.commitment, SALT)
    assert refused


@pytest.mark.parametrize("file", ["rows", "rows.hashes"])
@pytest.mark.parametrize("change", ["cut", "gone"])
def test_a_tree_that_lacks_something_is_not_opened(file: str, change: str, tmp_path: Path) -> None:
    tree(tmp_path, list(range(600)))
    path = tmp_path / file
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(VerificationError, match=r"bound|cannot be read"):
        ItemTree(tmp_path / "rows", SALT)


@pytest.mark.parametrize("at_once", [16, 2**16])
def test_parts_sorted_little_by_little_give_the_same_leaves(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[list[object]] = [list(range(n, n + 40)) for n in range(0, 200, 20)]
    (tmp_path / "one").mkdir()
    whole = tree(tmp_path / "one", *parts).commitment
    monkeypatch.setattr(item_rows, "SORTED_ROWS", at_once)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "sorting").write_bytes(b"left by a killed run")
    assert tree(tmp_path / "two", *parts).commitment == whole
    assert not (tmp_path / "two" / "sorting").exists()


def test_items_that_begin_alike_are_sorted_by_all_their_bytes() -> None:
    rows = [ItemRow.of(bytes(8) + bytes([n]) * 8, 0, row).data for row, n in enumerate([3, 1, 2, 1])]
    assert in_order(rows) == sorted(rows)


@pytest.mark.parametrize("alike", ["evenly", "mostly one", "made to be near each other"])
def test_ids_however_they_are_spread_are_sorted(alike: str) -> None:
    chance = np.random.default_rng(4)
    ids = chance.integers(0, 256, (20_000, 16), np.uint8)
    ids[:, 0] = 7
    if alike == "mostly one":
        ids[chance.random(len(ids)) < 0.99] = 0
        ids[:, 0] = 7
    if alike == "made to be near each other":
        ids[:, :6] = 7
    rows = [ItemRow.of(one.tobytes(), 0, row).data for row, one in enumerate(ids)]
    assert in_order(rows, 8) == sorted(rows)


@pytest.mark.parametrize("alike", [16, 8, 7])
def test_many_ids_alike_are_sorted_some_at_a_time(
    alike: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows without an id have one of zeros, and whoever makes links may make ids that differ in nothing that parts them."""
    ids = np.random.default_rng(alike).integers(0, 256, (400, 16), np.uint8)
    ids[:, :alike] = 7
    rows = sorted(ItemRow.of(one.tobytes(), 5, row).data for row, one in enumerate(ids))
    monkeypatch.setattr(item_rows, "SORTED_ROWS", 16)
    pieces = ((5, ids[at : at + 50]) for at in range(0, 400, 50))
    found = [rows_of(some).tobytes() for some in sorted_entries(pieces, tmp_path / "sorting")]
    assert b"".join(found) == b"".join(rows)


def test_more_parts_than_a_place_has_room_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than can be bound"):
        list(sorted_entries(iter([(2**24, items_of(1))]), tmp_path / "sorting"))


def test_a_part_may_come_in_many_pieces(tmp_path: Path) -> None:
    names: list[object] = list(range(700))
    (tmp_path / "whole").mkdir()
    whole = tree(tmp_path / "whole", names, [1, 2])
    pieces = [(0, items_of(*names[at : at + 90])) for at in range(0, 700, 90)]
    entries = sorted_entries(iter([*pieces, (1, items_of(1, 2))]), tmp_path / "sorting")
    assert b"".join(some.tobytes() for some in entries) == (tmp_path / "whole" / "rows").read_bytes()
    assert len(whole) == 702


def test_one_row_is_a_leaf_and_the_root() -> None:
    row = ItemRow.of(bytes(16), 0, 0).data
    levels = TreeHasher(SALT).levels(np.frombuffer(row, np.uint8).reshape(1, -1))
    assert [level.tobytes() for level in levels] == [hashlib.sha256(b"\0" + SALT + row).digest()]
