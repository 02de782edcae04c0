"""What rows state, as it is bound: made of whole batches, it is what the format says of each row and of all."""

from __future__ import annotations

from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.foreign_verifier import merkle_root
from tests.stated import DIGESTS, prints

from byleave.apply.sidecars.seen import Seen, Stated
from byleave.apply.values import (
    SUBTREE_LEAVES,
    EntryMaker,
    PartTree,
    commit_parts,
    open_parts,
    read_parts,
    write_parts,
)
from byleave.release.openings import OpenedPicture
from byleave.release.values import ENTRY_BYTES, PartRoot, entry_of

SALT = bytes(range(16))
SUBTREE_ROWS = 16 * SUBTREE_LEAVES
Row = tuple[bytes | None, OpenedPicture]
NOTHING = (None, OpenedPicture(None, None, None))

REASONS = st.none() | st.sampled_from(["no_picture", "broken", "", "größer"])
ROWS = st.lists(st.tuples(DIGESTS, st.builds(OpenedPicture, DIGESTS, prints(), REASONS)), max_size=40)


def stated_of(rows: list[Row]) -> Stated:
    known = np.array([digest is not None for digest, _ in rows], bool)
    return Stated(values([digest for digest, _ in rows]), known)


def values(
    found: list[bytes | None], nothing: bytes = bytes(32)
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    whole = b"".join(nothing if one is None else one for one in found)
    return np.frombuffer(whole, np.uint8).reshape(-1, 32)


def seen_of(rows: list[Row]) -> Seen:
    """Return what stands beside rows; where nothing does there are bytes of no meaning."""
    pictures = [picture for _, picture in rows]
    prints = [picture.fingerprint for picture in pictures]
    return Seen(
        with_digest=np.array([picture.digest is not None for picture in pictures], bool),
        digests=values([picture.digest for picture in pictures], b"x" * 32),
        with_print=np.array([one is not None for one in prints], bool),
        plain=values([one.plain if one is not None else None for one in prints], b"x" * 32),
        trimmed=values([one.trimmed if one is not None else None for one in prints], b"x" * 32),
        quality=np.array([one.quality if one else 7 for one in prints], np.uint8),
        reasons=pa.array([picture.reason for picture in pictures], pa.string()),
    )


def root_over(entries: list[bytes]) -> bytes | None:
    if not any(map(any, entries)):
        return None
    return merkle_root([b"".join(entries[at : at + 16]) for at in range(0, len(entries), 16)])


def taken(tree: PartTree, rows: list[Row], *, beside: bool) -> None:
    stays = np.ones(len(rows), bool)
    tree.add(stated_of(rows), seen_of(rows) if beside else None, stays)


@given(rows=ROWS, with_column=st.booleans(), with_fingerprints=st.booleans())
def test_entries_made_of_a_batch_are_those_of_its_rows(
    rows: list[Row], *, with_column: bool, with_fingerprints: bool
) -> None:
    stated, seen = stated_of(rows) if with_column else None, seen_of(rows) if with_fingerprints else None
    made = EntryMaker().entries(stated, seen, len(rows))
    assert [one.tobytes() for one in made] == [
        entry_of(digest if with_column else None, picture if with_fingerprints else None)
        for digest, picture in rows
    ]


@given(st.lists(st.tuples(ROWS, st.booleans()), max_size=4), st.randoms())
@settings(max_examples=50)
def test_the_root_is_that_over_the_rows_that_stay_however_they_come(
    batches: list[tuple[list[Row], bool]], random: Random
) -> None:
    tree, entries = PartTree(), list[bytes]()
    for rows, beside in batches:
        stays = np.array([random.random() < 0.7 for _ in rows], bool)
        tree.add(stated_of(rows), seen_of(rows) if beside else None, stays)
        shown = [entry_of(digest, picture if beside else None) for digest, picture in rows]
        entries += [entry for entry, keep in zip(shown, stays, strict=True) if keep]
    assert tree.root() == PartRoot(len(entries), root_over(entries))


@pytest.mark.parametrize(
    "size", [0, 1, 7, 8, 9, 2**14 + 1, SUBTREE_ROWS, SUBTREE_ROWS + 9, 2 * SUBTREE_ROWS + 1]
)
def test_parts_of_any_size_have_the_root_of_the_format_and_every_leaf_leads_there(size: int) -> None:
    digests = np.random.default_rng(size).integers(0, 256, (size, 32), np.uint8)
    stated = Stated(digests, np.arange(size) % 3 > 0)
    digests[~stated.known] = 0
    asked = sorted({0, size // 2, size - 9, size - 1} & set(range(size)))
    tree, entries = PartTree(asked), [entry.tobytes() for entry in EntryMaker().entries(stated, None, size)]
    for begin in range(0, size, 5_000):
        some = Stated(digests[begin : begin + 5_000], stated.known[begin : begin + 5_000])
        tree.add(some, None, np.ones(len(some.known), bool))
    root = tree.root()
    assert root == PartRoot(size, root_over(entries))
    leaves = {leaf.index: leaf for leaf in tree.leaves()}
    assert sorted(leaves) == sorted({row // 16 for row in asked if root.root})
    for row in asked if root.root else ():
        leaves[row // 16].check(root)
        assert leaves[row // 16].entries[row % 16] == entries[row]


@pytest.mark.parametrize("before", [1, 13, SUBTREE_ROWS, SUBTREE_ROWS + 1])
def test_rows_before_the_first_that_states_anything_count(before: int) -> None:
    tree, row = PartTree([before]), (b"d" * 32, NOTHING[1])
    tree.add(None, None, np.ones(before, bool))
    taken(tree, [row], beside=False)
    assert tree.root() == PartRoot(
        before + 1, root_over([bytes(ENTRY_BYTES)] * before + [entry_of(row[0], None)])
    )
    (leaf,) = tree.leaves()
    leaf.check(tree.root())


@pytest.mark.parametrize("stays", [0, 1])
def test_rows_that_go_are_not_bound(stays: int) -> None:
    tree, rows = PartTree(), [(b"d" * 32, NOTHING[1]), NOTHING, NOTHING]
    tree.add(stated_of(rows), None, np.array([stays, 1, 1], bool))
    assert (tree.root().root is not None) == bool(stays)
    assert tree.root().rows == 2 + stays


def test_a_row_beside_which_a_fingerprint_is_missing_states_that() -> None:
    tree = PartTree()
    taken(tree, [NOTHING], beside=True)
    assert tree.root() == PartRoot(1, root_over([entry_of(*NOTHING)]))


class TestParts:
    """The tree over the parts of an output."""

    parts = (PartRoot(3, b"a" * 32), PartRoot(0, None), PartRoot(9, None), PartRoot(1, b"b" * 32))

    def test_every_part_leads_to_its_root_and_is_read_back(self) -> None:
        commitment = commit_parts(self.parts, SALT)
        assert commitment is not None
        assert commitment.root == merkle_root([SALT + part.to_bytes() for part in self.parts])
        opened = list(open_parts(self.parts, SALT, dict.fromkeys((3, 0, 2), ())))
        assert [one.place for one in opened] == [0, 2, 3]
        for one in opened:
            one.check(commitment, SALT)

    def test_where_nothing_is_stated_there_is_nothing_to_bind(self) -> None:
        assert commit_parts(self.parts[1:3], SALT) is None
        assert commit_parts((), SALT) is None

    def test_their_roots_are_kept_in_a_file(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        path = tmp_path_factory.mktemp("parts") / "values.parts"
        assert read_parts(path) == []
        write_parts(path, self.parts)
        assert read_parts(path) == list(self.parts)
        assert path.stat().st_size == 40 * len(self.parts)
