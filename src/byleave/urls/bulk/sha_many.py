"""SHA-256 of the lines of a block: sixteen at a time where the processor has registers for it, else two at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha256 import (
    ROUNDS,
    START,
    Bytes,
    Ints,
    Sha256,
    Word,
    Word32s,
    Words,
    hash_two,
    new_sha256,
    padded_blocks,
)
from byleave.urls.bulk.sha_lanes import LANES, Sixteen, sixteen_by_lanes

NO_LINE = -1
MOST_BLOCKS = 15
"""Longer lines are hashed alone, so that no lane waits long for its neighbours."""
ROOM = 64 * MOST_BLOCKS
EVERY_LANE = 2**LANES - 1


class ManyLines(NamedTuple):
    """Working memory for a block of lines.

    order
        int64: the lines that go through the lanes, the shortest first.
    tallies
        int64 (:data:`MOST_BLOCKS` + 2,): how many lines have less than so many blocks.
    rows, places, blocks
        int64 (:data:`LANES`,): the line of each lane, where it begins, and how many blocks it has.
    states
        uint32 (8, :data:`LANES`).
    """

    sha: Sha256
    order: Ints
    tallies: Ints
    rows: Ints
    places: Ints
    blocks: Ints
    states: Word32s


def new_many_lines(most: int) -> ManyLines:
    """Make working memory for up to ``most`` lines, of one thread."""
    return ManyLines(
        new_sha256(),
        np.zeros(most, np.int64),
        np.zeros(MOST_BLOCKS + 2, np.int64),
        np.zeros(LANES, np.int64),
        np.zeros(LANES, np.int64),
        np.zeros(LANES, np.int64),
        np.zeros((8, LANES), np.uint32),
    )


@compiled_lean
def hash_in_pairs(
    lines: Bytes, starts: Ints, ends: Ints, count: int, many: ManyLines, digests: Words
) -> None:
    """SHA-256 of the first ``count`` lines, padded, into their rows of ``digests``, uint64 (n, 4).

    Line ``i`` is ``lines[starts[i]:ends[i]]``, and none if it starts at :data:`NO_LINE`.
    """
    waiting = NO_LINE
    for line in range(count):
        if starts[line] == NO_LINE:
            continue
        if waiting == NO_LINE:
            waiting = line
        else:
            hash_two(lines, starts, ends, waiting, line, many.sha, digests)
            waiting = NO_LINE
    if waiting != NO_LINE:
        hash_two(lines, starts, ends, waiting, waiting, many.sha, digests)


@compiled_within
def _by_length(lines: Bytes, starts: Ints, ends: Ints, count: int, many: ManyLines, digests: Words) -> Word:
    """Put the lines in the order of their lengths, and hash those that are too long for it; return how many are in order."""
    tallies = many.tallies
    for blocks in range(MOST_BLOCKS + 2):
        tallies[blocks] = 0
    for line in range(count):
        if starts[line] == NO_LINE:
            continue
        blocks = padded_blocks(starts[line], ends[line])
        if blocks > MOST_BLOCKS:
            hash_two(lines, starts, ends, line, line, many.sha, digests)
        else:
            tallies[blocks + 1] += 1
    for blocks in range(1, MOST_BLOCKS + 2):
        tallies[blocks] += tallies[blocks - 1]
    for line in range(count):
        if starts[line] == NO_LINE:
            continue
        blocks = padded_blocks(starts[line], ends[line])
        if blocks <= MOST_BLOCKS:
            many.order[tallies[blocks]] = line
            tallies[blocks] += 1
    return tallies[MOST_BLOCKS]


def _in_lanes(sixteen: Sixteen) -> Callable[..., None]:
    begin, compress, finish = sixteen.begin, sixteen.compress, sixteen.finish

    @compiled_lean
    def hash_in_lanes(
        lines: Bytes, starts: Ints, ends: Ints, count: int, many: ManyLines, digests: Words
    ) -> None:
        size = _by_length(lines, starts, ends, count, many, digests)
        for first in range(0, size, LANES):
            for lane in range(LANES):
                line = many.order[min(first + lane, size - 1)]
                many.rows[lane] = line
                many.places[lane] = starts[line]
                many.blocks[lane] = padded_blocks(starts[line], ends[line])
            begin(many.states)
            done = 0
            for block in range(many.blocks[LANES - 1]):
                while many.blocks[done] <= block:
                    done += 1
                compress(lines, many.places, 64 * block, many.states, EVERY_LANE << done)
            finish(many.states, many.rows, digests)

    return hash_in_lanes


SIXTEEN = sixteen_by_lanes(START, ROUNDS)
"""SHA-256 in lanes, where the processor has registers for it."""
hash_in_lanes = _in_lanes(SIXTEEN) if SIXTEEN is not None else None
"""As :func:`hash_in_pairs`, sixteen lines of like length at a time. Behind every line :data:`ROOM` bytes of ``lines`` may be read."""
hash_lines = hash_in_lanes or hash_in_pairs
"""Hash the lines of a block by the faster of both."""
