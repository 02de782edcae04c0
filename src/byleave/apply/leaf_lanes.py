"""Sixteen branches of a tree hashed at a time, one in each lane of the processor's widest registers, from sorted entries where they stand.

A leaf is never written as bytes: its words are turned into columns as they are loaded, and what a lane hashed is a column already when it
is half of a node. A leaf begins with a byte and a salt of whole words, a node with a byte, so all that follows is moved by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from byleave.compiled import compiled_lean
from byleave.release.items import LEAF_ROWS, ROW_BYTES
from byleave.urls.bulk.sha256 import Ints, Word32s, Words
from byleave.urls.bulk.sha_lanes import LANES, Lanes, Sixteen, all_lanes, in_lanes
from byleave.urls.bulk.sha_many import SIXTEEN

BRANCH_LEVEL: Final = 4
BRANCH_ROWS: Final = LEAF_ROWS << BRANCH_LEVEL
"""A branch is a whole subtree of so many levels above its leaves, over so many rows."""

_LEAF_BYTES: Final = 24 * LEAF_ROWS
"""What the entries of a leaf take in memory: three words each, see :mod:`byleave.apply.item_rows`."""
_REGISTER_BYTES: Final = 4 * LANES
_SALT_WORDS: Final = 4
_END: Final = 0x80000000
"""The word that begins with the byte behind every message."""


class LaneWork(NamedTuple):
    """Working memory of one thread, for the tree of one salt.

    places, rows
        int64 (16,): where the next leaf of each lane begins, in bytes, and where its branch is written.
    leaf, node
        uint32 (64, 16) and (32, 16): the padded message in each lane.
    states
        uint32 (:data:`BRANCH_LEVEL` + 1, 8, 16): hashes that wait for their neighbour, and the one at work.
    """

    places: Ints
    rows: Ints
    leaf: Word32s
    node: Word32s
    states: Word32s


def new_lane_work(salt: bytes) -> LaneWork:
    """Make it for a salt of 16 bytes."""
    return LaneWork(
        np.zeros(LANES, np.int64),
        np.zeros(LANES, np.int64),
        _in_every_lane(b"\0" + salt + bytes(LEAF_ROWS * ROW_BYTES)),
        _in_every_lane(b"\1" + bytes(64)),
        np.zeros((BRANCH_LEVEL + 1, 8, LANES), np.uint32),
    )


def _in_every_lane(message: bytes) -> Word32s:
    """Return the words of a message, padded as FIPS 180-4 asks, the same in every lane."""
    padded = message + b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8)
    words = np.frombuffer(padded, ">u4").astype(np.uint32)
    return np.repeat(words, LANES).reshape(-1, LANES)


def write_leaf(lanes: Lanes, entries: Any, places: Any, message: Any) -> None:
    """Write the rows of the leaf at each place into its message."""
    columns: list[Any] = []
    for at in range(0, _LEAF_BYTES, _REGISTER_BYTES):
        columns += lanes.columns(lanes.moved(entries, at), places)
    words: list[Any] = []
    for low, high in zip(columns[::2], columns[1::2], strict=True):
        words += [high, low]
    _write_behind_byte(lanes, message, _SALT_WORDS, words)


def _write_node(lanes: Lanes, left: Any, right: Any, message: Any) -> None:
    """Write two hashes into the message of the node above them."""
    _write_behind_byte(lanes, message, 0, [lanes.word(side, i) for side in (left, right) for i in range(8)])


def _write_behind_byte(lanes: Lanes, message: Any, at: int, words: Sequence[Any]) -> None:
    """Write words behind the first byte of the ``at``-th word of a message, and what follows every message."""
    first = lanes.builder.lshr(lanes.word(message, at), all_lanes(24))
    for place, word in enumerate(lanes.delayed(first, [*words, all_lanes(_END)]), at):
        lanes.store(word, message, place)


def _in_sixteen(sixteen: Sixteen) -> Callable[[Words, LaneWork, Words], None]:
    begin, take, finish = sixteen.begin, sixteen.take, sixteen.finish
    write_leaves, write_nodes = in_lanes(3, write_leaf), in_lanes(3, _write_node)

    @compiled_lean
    def hash_branches(entries: Words, work: LaneWork, hashes: Words) -> None:
        branch = (1 << BRANCH_LEVEL) * _LEAF_BYTES
        for first in range(0, len(entries) // BRANCH_ROWS, LANES):
            for lane in range(LANES):
                work.rows[lane] = first + lane
                work.places[lane] = (first + lane) * branch
            waiting = 0
            for leaf in range(1 << BRANCH_LEVEL):
                write_leaves(entries, work.places, work.leaf)
                for lane in range(LANES):
                    work.places[lane] += _LEAF_BYTES
                begin(work.states[waiting])
                for block in range(0, len(work.leaf), LANES):
                    take(work.leaf[block:], work.states[waiting])
                pairs = leaf
                while pairs & 1:
                    waiting -= 1
                    write_nodes(work.states[waiting], work.states[waiting + 1], work.node)
                    begin(work.states[waiting])
                    take(work.node, work.states[waiting])
                    take(work.node[LANES:], work.states[waiting])
                    pairs >>= 1
                waiting += 1
            finish(work.states[0], work.rows, hashes)

    return hash_branches


hash_branches_in_lanes = _in_sixteen(SIXTEEN) if SIXTEEN is not None else None
"""Write the hashes of branches, uint64 (n, 4), over sorted entries, uint64 (n * :data:`BRANCH_ROWS`, 3): for multiples of sixteen."""
