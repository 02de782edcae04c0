"""Proofs of absence: what is not there can be shown, what is there cannot, and no changed proof passes."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError, VerificationError
from byleave.log.merkle import leaf_hash, root_of
from byleave.log.proofs import inclusion_proof
from byleave.release.attestations import Commitment
from byleave.release.items import MAX_PROOF_BYTES, Absence, Leaf, Standing, leaf_key

SALT, SIGNED = bytes(range(16)), hashlib.sha256(b"attestation").digest()
ITEMS = st.binary(min_size=16, max_size=16)


class Tree:
    """A small tree of items, made by the plain functions of the log."""

    def __init__(self, items: list[bytes]) -> None:
        keyed = sorted((leaf_key(SALT, item), 0, row) for row, item in enumerate(items))
        self.leaves = [Leaf(*one) for one in keyed]
        self.hashes = [leaf_hash(leaf.to_bytes()) for leaf in self.leaves]
        self.commitment = Commitment(root_of(self.hashes), len(items))

    def standing(self, index: int) -> Standing | None:
        if not 0 <= index < len(self.leaves):
            return None

        def read(level: int, at: int) -> bytes:
            return root_of(self.hashes[at << level : (at + 1) << level])

        return Standing(index, self.leaves[index], inclusion_proof(index, len(self.leaves), read))

    def absence(self, item: bytes) -> Absence:
        at = bisect_left([leaf.key for leaf in self.leaves], leaf_key(SALT, item))
        return Absence(SIGNED, item, self.standing(at - 1), self.standing(at))


@given(st.lists(ITEMS, max_size=40), ITEMS)
def test_an_item_that_is_not_there_can_be_shown_to_be_absent_and_no_other(
    items: list[bytes], item: bytes
) -> None:
    tree = Tree(items)
    proof = tree.absence(item)
    if item in items:
        with pytest.raises(VerificationError):
            proof.check(tree.commitment, SALT)
    else:
        proof.check(tree.commitment, SALT)
    assert Absence.parse(proof.to_bytes()) == proof
    assert len(proof.to_bytes()) <= MAX_PROOF_BYTES


@given(st.lists(ITEMS, min_size=3, max_size=40, unique=True), st.data())
def test_neighbours_further_apart_prove_nothing(items: list[bytes], data: st.DataObject) -> None:
    tree = Tree(items)
    there = data.draw(st.sampled_from(items))
    at = [leaf.key for leaf in tree.leaves].index(leaf_key(SALT, there))
    around = Absence(SIGNED, there, tree.standing(at - 1), tree.standing(at + 1))
    with pytest.raises(VerificationError, match="neighbours"):
        around.check(tree.commitment, SALT)


def test_a_tree_of_nothing_holds_nothing() -> None:
    tree = Tree([])
    tree.absence(bytes(16)).check(tree.commitment, SALT)
    with pytest.raises(VerificationError, match="neighbours"):
        tree.absence(bytes(16)).check(Tree([bytes(16)]).commitment, SALT)


@given(st.integers(0, 7), st.data())
def test_a_proof_with_any_flipped_bit_does_not_hold(bit: int, data: st.DataObject) -> None:
    tree = Tree([bytes([n]) * 16 for n in range(20)])
    proof = tree.absence(b"not among them!!")
    left = proof.left
    assert left is not None
    place = data.draw(st.integers(0, len(left.path) - 1))
    changed = bytearray(left.path[place])
    changed[data.draw(st.integers(0, 31))] ^= 1 << bit
    path = (*left.path[:place], bytes(changed), *left.path[place + 1 :])
    with pytest.raises(VerificationError):
        replace(proof, left=replace(left, path=path)).check(tree.commitment, SALT)
    with pytest.raises(VerificationError):
        proof.check(tree.commitment, bytes(16))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]", b"null", b'{"format":"byleave/absence/1"}', b"\xff", b"[" * 20_000,
        b'{"attestation":"00","format":"byleave/absence/1","item":"00","left":null,"right":null}',
        b" " * (MAX_PROOF_BYTES + 1),
    ],
)  # fmt: skip
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="no proof of absence"):
        Absence.parse(data)
