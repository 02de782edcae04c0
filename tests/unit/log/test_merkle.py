"""The Merkle tree, against trees that others built."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.log import leaf_hash, node_hash, root_of

LEAVES = st.lists(st.binary(max_size=4), max_size=20).map(lambda entries: [leaf_hash(e) for e in entries])


def split_root(leaves: list[bytes]) -> bytes:
    """Compute the root as RFC 6962 words it: split at the largest power of two below the size."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(split_root(leaves[:middle]), split_root(leaves[middle:]))


def root_from_proof(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes:
    """Climb from a leaf to the root (RFC 9162, section 2.1.3.2)."""
    last, root = size - 1, leaf
    for sibling in proof:
        if index % 2 or index == last:
            root = node_hash(sibling, root)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            root = node_hash(root, sibling)
        index, last = index // 2, last // 2
    return root


@given(LEAVES)
def test_the_root_is_the_one_the_standard_defines(leaves: list[bytes]) -> None:
    assert root_of(leaves) == split_root(leaves)


@given(LEAVES.filter(bool), st.data())
def test_another_leaf_gives_another_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves[:index], leaf_hash(b"another"), *leaves[index + 1 :]]
    assert root_of(changed) != root_of(leaves)
    assert root_of([*leaves, leaf_hash(b"one more")]) != root_of(leaves)


def test_a_node_never_passes_for_a_leaf() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert root_of([left, right]) == node_hash(left, right) != leaf_hash(left + right)


def entries_of(bundle: bytes) -> list[bytes]:
    entries = []
    while bundle:
        size = int.from_bytes(bundle[:2])
        entries.append(bundle[2 : 2 + size])
        bundle = bundle[2 + size :]
    return entries


@pytest.mark.parametrize("size", range(16))
def test_it_gives_the_root_of_every_checkpoint_of_a_published_log(vectors: Path, size: int) -> None:
    log = vectors / "tessera-log" / "log"
    entries = entries_of((log / "tile" / "entries" / "000.p" / "15").read_bytes())[:size]
    hashes = [leaf_hash(entry) for entry in entries]
    assert b"".join(hashes) == (log / "tile" / "0" / "000.p" / "15").read_bytes()[: 32 * size]
    _, said_size, root = (log / f"checkpoint.{size}").read_text().splitlines()[:3]
    assert int(said_size) == size
    assert base64.b64decode(root) == root_of(hashes)


def test_it_climbs_to_the_root_of_every_published_inclusion_proof_that_holds(vectors: Path) -> None:
    files = sorted((vectors / "merkle" / "inclusion").rglob("*.json"))
    cases = [case for case in (json.loads(file.read_text()) for file in files) if not case["wantErr"]]
    assert len(cases) >= 5
    for case in cases:
        leaf, root = base64.b64decode(case["leafHash"]), base64.b64decode(case["root"])
        proof = [base64.b64decode(one) for one in case["proof"] or []]
        assert root_from_proof(case["leafIdx"], case["treeSize"], leaf, proof) == root
