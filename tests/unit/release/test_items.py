"""Proofs of absence: what is not there can be shown, what is there cannot, and no changed proof passes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError, VerificationError
from byleave.log import canonical_json
from byleave.log.merkle import leaf_hash, root_of
from byleave.log.proofs import inclusion_proof
from byleave.release.commitments import Commitment
from byleave.release.items import LEAF_ROWS, MAX_PROOF_BYTES, Absence, ItemRow, Leaf

SALT, SIGNED = bytes(range(16)), hashlib.sha256(b"attestation").digest()
ITEMS = st.binary(min_size=16, max_size=16)


class Tree:
    """A small tree of items, made by the plain functions of the log."""

    def __init__(self, items: list[bytes]) -> None:
        rows = sorted(ItemRow.of(item, 0, row) for row, item in enumerate(items))
        self.rows = [tuple(rows[at : at + LEAF_ROWS]) for at in range(0, len(rows), LEAF_ROWS)]
        self.hashes = [leaf_hash(SALT + b"".join(row.data for row in leaf)) for leaf in self.rows]
        self.commitment = Commitment(root_of(self.hashes), len(items))

    def leaf(self, index: int) -> Leaf:
        def read(level: int, at: int) -> bytes:
            return root_of(self.hashes[at << level : (at + 1) << level])

        return Leaf.of(index, self.rows[index], inclusion_proof(index, len(self.rows), read))

    def absence(self, item: bytes) -> Absence:
        below = [place for place, leaf in enumerate(self.rows) if leaf[0].item < item]
        first = below[-1] if below else 0
        wanted = [place for place in (first, first + 1) if place < len(self.rows)]
        return Absence(SIGNED, item, tuple(map(self.leaf, wanted)))


@given(st.lists(ITEMS, max_size=100), ITEMS)
def test_an_item_that_is_not_there_can_be_shown_to_be_absent_and_no_other(
    items: list[bytes], item: bytes
) -> None:
    tree = Tree(items)
    proof = tree.absence(item)
    if item in items:
        kept = proof.kept_as(tree.commitment, SALT)
        assert kept is not None
        assert kept.item == item
        with pytest.raises(VerificationError, match="the item is in the tree"):
            proof.check(tree.commitment, SALT)
    else:
        proof.check(tree.commitment, SALT)
    assert Absence.parse(proof.to_bytes()) == proof
    assert len(proof.to_bytes()) <= MAX_PROOF_BYTES


@given(st.lists(ITEMS, max_size=70), ITEMS)
def test_a_proof_is_written_as_canonical_json(items: list[bytes], item: bytes) -> None:
    proof = Tree(items).absence(item)
    for written in (proof.to_bytes(), replace(proof, covering=True).to_bytes()):
        assert written == canonical_json(json.loads(written))


@given(st.lists(ITEMS, min_size=60, max_size=100, unique=True), st.data())
def test_leaves_further_apart_or_elsewhere_prove_nothing(items: list[bytes], data: st.DataObject) -> None:
    tree = Tree(items)
    there = data.draw(st.sampled_from(items))
    at = next(place for place, leaf in enumerate(tree.rows) if there in [row.item for row in leaf])
    others = [place for place in range(len(tree.rows)) if place != at]
    chosen = sorted(data.draw(st.sets(st.sampled_from(others), max_size=2)))
    with pytest.raises(VerificationError):
        Absence(SIGNED, there, tuple(map(tree.leaf, chosen))).check(tree.commitment, SALT)


def test_a_leaf_cannot_leave_out_a_row() -> None:
    tree = Tree([bytes([n]) * 16 for n in range(20)])
    leaf = tree.leaf(1)
    with pytest.raises(VerificationError, match="lacks rows"):
        Leaf.of(1, leaf.rows[1:], leaf.path).check(tree.commitment, SALT)
    with pytest.raises(VerificationError, match="out of order"):
        Leaf.of(1, leaf.rows[::-1], leaf.path).check(tree.commitment, SALT)


def test_a_tree_of_nothing_holds_nothing() -> None:
    Tree([]).absence(bytes(16)).check(Tree([]).commitment, SALT)
    with pytest.raises(VerificationError, match="does not lie within"):
        Tree([]).absence(bytes(16)).check(Tree([bytes(16)]).commitment, SALT)


@given(st.integers(0, 7), st.data())
def test_a_proof_with_any_flipped_bit_does_not_hold(bit: int, data: st.DataObject) -> None:
    tree = Tree([bytes([n]) * 16 for n in range(40)])
    proof = tree.absence(b"not among them!!")
    first = proof.leaves[0]
    changed = bytearray(first.way)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << bit
    with pytest.raises(VerificationError, match="not stand in the tree that the attestation names"):
        replace(proof, leaves=(replace(first, way=bytes(changed)), *proof.leaves[1:])).check(
            tree.commitment, SALT
        )
    with pytest.raises(VerificationError, match="not stand in the tree"):
        proof.check(tree.commitment, bytes(16))


@pytest.mark.parametrize("cut", [1, 16, 31, 33, 64])
def test_hashes_of_other_lengths_are_no_way_though_they_add_up(cut: int) -> None:
    members = json.loads(Tree([bytes([n]) * 16 for n in range(40)]).absence(b"not among them!!").to_bytes())
    way = "".join(members["leaves"][0]["path"])
    members["leaves"][0]["path"] = [way[: 2 * cut], way[2 * cut :]]
    with pytest.raises(FormatError, match="no proof of absence"):
        Absence.parse(canonical_json(members))


def test_the_largest_proof_there_is_can_be_read() -> None:
    """2**53 rows have 49 levels above their leaves."""
    rows = [ItemRow.of(bytes([255]) * 16, 2**24 - 1, row) for row in range(LEAF_ROWS)]
    leaves = [Leaf.of(index, rows, [b"\xff" * 32] * 49) for index in (2**49 - 2, 2**49 - 1)]
    proof = Absence(SIGNED, bytes(16), tuple(leaves), covering=True)
    assert len(proof.to_bytes()) <= MAX_PROOF_BYTES
    assert Absence.parse(proof.to_bytes()) == proof


def test_a_row_is_its_item_id_and_its_place() -> None:
    row = ItemRow.of(bytes(16), 2**24 - 1, 2**39 + 1)
    assert row.data.hex() == "00" * 16 + "ffffff" + "8000000001"
    assert (row.item, row.part, row.row) == (bytes(16), 2**24 - 1, 2**39 + 1)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]", b"null", b'{"format":"byleave/absence/1"}', b"\xff", b"[" * 20_000,
        b'{"attestation":"00","format":"byleave/absence/1","item":"00","leaves":[]}',
        b" " * (MAX_PROOF_BYTES + 1),
        Absence(bytes(32), bytes(16), ()).to_bytes().replace(b'"item"', b'"item":"%b","item"' % (b"11" * 16)),
    ],
)  # fmt: skip
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="no proof of absence"):
        Absence.parse(data)
