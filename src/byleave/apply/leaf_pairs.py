"""Branches of a tree hashed two messages at a time, by the processor's own SHA instructions where it has them, from sorted entries where they stand.

Every leaf and node is written once, behind the byte and the salt that begin it and before the padding that ends it, into a message that
waits for it; a digest is written into the message of the node above at once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from byleave.apply.item_rows import write_row
from byleave.apply.leaf_lanes import BRANCH_LEVEL, BRANCH_ROWS
from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.release.items import LEAF_ROWS, ROW_BYTES
from byleave.urls.bulk.sha256 import (
    Bytes,
    Ints,
    Sha256,
    Word,
    Words,
    begin,
    big_endian_pair,
    compress_two,
    new_sha256,
)
from byleave.urls.bulk.wide import load_word, store_word

_LEAVES: Final = 1 << BRANCH_LEVEL
_SALT_BYTES: Final = 16
_HASH: Final = 32
_LEAF_BLOCKS: Final = (1 + _SALT_BYTES + LEAF_ROWS * ROW_BYTES + 72) // 64
_NODE_BLOCKS: Final = 2
_BELOW: Final = (2 * _LEAVES - 2) * _HASH
"""What all hashes of a branch but its root take."""

_LEAF, _NODE = 64 * _LEAF_BLOCKS, 64 * _NODE_BLOCKS


class NodeWork(NamedTuple):
    """Working memory of one thread for nodes of any tree: ``messages``, uint8 (256,), has room for two of them, padded."""

    sha: Sha256
    messages: Bytes


def new_node_work() -> NodeWork:
    """Make it."""
    return NodeWork(new_sha256(), np.tile(_padded(b"\1" + bytes(64)), 2))


class PairWork(NamedTuple):
    """Working memory of one thread, for the tree of one salt.

    leaves
        uint8: two padded leaves, one behind the other.
    nodes
        uint8 (31 * 128,): the padded nodes of a branch, level by level from the lowest; each holds two hashes behind its first byte.
    root
        uint64 (4,): the hash of the branch.
    """

    sha: Sha256
    leaves: Bytes
    nodes: Bytes
    root: Words


def new_pair_work(salt: bytes) -> PairWork:
    """Make it for a salt of 16 bytes."""
    leaf = _padded(b"\0" + salt + bytes(LEAF_ROWS * ROW_BYTES))
    return PairWork(
        new_sha256(),
        np.tile(leaf, 2),
        np.tile(_padded(b"\1" + bytes(64)), _LEAVES - 1),
        np.zeros(4, np.uint64),
    )


def _padded(message: bytes) -> Bytes:
    """Return a message, padded as FIPS 180-4 asks, as bytes that may be written to."""
    return np.array(
        bytearray(message + b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8))
    )


@compiled_lean
def hash_branch(entries: Words, first: int, work: PairWork) -> None:
    """Hash the branch over the :data:`BRANCH_ROWS` entries, uint64 (n, 3), from ``first``: its nodes and its root are left in ``work``."""
    for leaf in range(0, _LEAVES, 2):
        for row in range(LEAF_ROWS):
            at, out = first + leaf * LEAF_ROWS + row, 1 + _SALT_BYTES + row * ROW_BYTES
            write_row(entries, at, work.leaves, out)
            write_row(entries, at + LEAF_ROWS, work.leaves, _LEAF + out)
        _hash_two(work.leaves, 0, _LEAF, _LEAF_BLOCKS, work.sha)
        _write_hashes(work, leaf // 2)
    begun, count = 0, _LEAVES // 2
    while count > 1:
        for node in range(begun, begun + count, 2):
            _hash_two(work.nodes, node * _NODE, (node + 1) * _NODE, _NODE_BLOCKS, work.sha)
            _write_hashes(work, begun + count + (node - begun) // 2)
        begun, count = begun + count, count // 2
    _hash_two(work.nodes, begun * _NODE, begun * _NODE, _NODE_BLOCKS, work.sha)
    state = work.sha.state
    for i in range(4):
        work.root[i] = big_endian_pair(state[2 * i], state[2 * i + 1])


@compiled_lean
def hash_levels(hashes: Bytes, count: int, work: NodeWork) -> None:
    """Hash all levels above ``count`` hashes, which stand first in ``hashes``, uint8 (n,), one level behind the other; an odd last one is carried up."""
    begun = 0
    while count > 1:
        above = begun + count
        for pair in range(0, count // 2, 2):
            # Where there is no second pair the first one is hashed twice.
            other = pair + 1 if pair + 1 < count // 2 else pair
            for at in range(0, 2 * _HASH, 8):
                store_word(work.messages, 1 + at, load_word(hashes, (begun + 2 * pair) * _HASH + at))
                store_word(work.messages, _NODE + 1 + at, load_word(hashes, (begun + 2 * other) * _HASH + at))
            _hash_two(work.messages, 0, _NODE, _NODE_BLOCKS, work.sha)
            for i in range(4):
                first, second = 2 * i, 2 * i + 8
                state = work.sha.state
                store_word(
                    hashes, (above + pair) * _HASH + 8 * i, big_endian_pair(state[first], state[first + 1])
                )
                store_word(
                    hashes, (above + other) * _HASH + 8 * i, big_endian_pair(state[second], state[second + 1])
                )
        if count % 2:
            for at in range(0, _HASH, 8):
                word = load_word(hashes, (above - 1) * _HASH + at)
                store_word(hashes, (above + count // 2) * _HASH + at, word)
        begun, count = above, (count + 1) // 2


@compiled_within
def _hash_two(messages: Bytes, first: Word, second: Word, blocks: int, sha: Sha256) -> None:
    begin(sha.state)
    begin(sha.state[8:])
    for block in range(blocks):
        compress_two(sha.state, messages, first + 64 * block, second + 64 * block, sha.schedule, sha.rounds)


@compiled_within
def _write_hashes(work: PairWork, node: Word) -> None:
    """Write the two hashes behind the first byte of a node, the left one first."""
    state, at = work.sha.state, node * _NODE + 1
    for i in range(8):
        store_word(work.nodes, at + 8 * i, big_endian_pair(state[2 * i], state[2 * i + 1]))


def branch_nodes(entries: Words, branches: Ints, work: PairWork) -> tuple[Bytes, Bytes]:
    """Hash some branches over sorted entries, uint64 (n, 3), each over :data:`BRANCH_ROWS` of them.

    Returns the hashes of all levels of each below its root, first its leaves, uint8 (k, 62, 32), and the roots, uint8 (k, 32).
    """
    nodes, roots = np.empty((len(branches), _BELOW), np.uint8), np.empty((len(branches), 4), np.uint64)
    _hash_some(read_only(entries), read_only(branches), work, nodes.reshape(-1), roots)
    return nodes.reshape(len(branches), _BELOW // _HASH, _HASH), roots.view(np.uint8)


@compiled_lean
def _hash_some(entries: Words, branches: Ints, work: PairWork, nodes: Bytes, roots: Words) -> None:
    for place in range(len(branches)):
        hash_branch(entries, branches[place] * BRANCH_ROWS, work)
        for node in range(_LEAVES - 1):
            for at in range(0, 2 * _HASH, 8):
                word = load_word(work.nodes, node * _NODE + 1 + at)
                store_word(nodes, place * _BELOW + node * 2 * _HASH + at, word)
        for i in range(4):
            roots[place, i] = work.root[i]


@compiled_lean
def hash_branches_in_pairs(entries: Words, work: PairWork, hashes: Words) -> None:
    """Write the hashes of branches, uint64 (n, 4), over sorted entries, uint64 (n * :data:`BRANCH_ROWS`, 3)."""
    for branch in range(len(hashes)):
        hash_branch(entries, branch * BRANCH_ROWS, work)
        for i in range(4):
            hashes[branch, i] = work.root[i]
