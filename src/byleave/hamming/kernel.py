"""The inner loops of the search, compiled.

Multi-index hashing: a value of 256 bits is 16 bands of 16 bits, and each band has a table from its 65,536 keys to rows. Two values
at distance r or less agree in at least one band up to a few flipped bits, so trying all keys near the query's in each band
finds every row there is. The bound used is the sharp one: with r = 16 q + s, either one of the bands 0..s differs in at most q
bits or one of the others in at most q - 1, because otherwise the distance were at least (s + 1)(q + 1) + (15 - s) q = r + 1.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from byleave.compiled import compiled
from byleave.hamming.lanes import LANES, fetch_word, lanes_within, lowest_lane

BANDS = 16
KEYS = 1 << 16
WORDS = 4
MOST_FLIPS = 3

BANDS_OF_A_WORD = BANDS // WORDS
NEAR_ADVANTAGE = 2
"""A row met in a band, with its neighbours side by side, costs less than one met while scanning, which reads all of it."""
SCAN_ADVANTAGE = 6
"""A row met while scanning costs about a sixth of one looked up at random: 5 against 30 ns with one million rows."""


def _flip_masks() -> NDArray[np.uint16]:
    masks = [
        sum(1 << bit for bit in bits)
        for flips in range(MOST_FLIPS + 1)
        for bits in combinations(range(16), flips)
    ]
    return np.array(masks, dtype=np.uint16)


FLIP_MASKS = _flip_masks()
"""All 16-bit masks with at most three bits set, fewest first."""

MASKS_UP_TO = np.array([1, 17, 137, 697], dtype=np.int64)
"""How many of the masks have at most 0, 1, 2 and 3 bits set."""


class Tables(NamedTuple):
    """The arrays of an index of n values; all read-only.

    words: uint64 (n, 4). keys: the same bytes as uint16 (n, 16). rows: uint32 (16, n), per band all rows ordered by key.
    starts: uint32 (16, 65537), where in ``rows`` each key begins. Small indexes have no bands: rows (0, 0) and starts (0, 0).
    """

    words: NDArray[np.uint64]
    keys: NDArray[np.uint16]
    rows: NDArray[np.uint32]
    starts: NDArray[np.uint32]


class HitBuffer(NamedTuple):
    """Arrays of one length that the search fills from the front."""

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    distance: NDArray[np.uint8]


FULL = -1
PAIRS_AT_ONCE = 64
"""Pairs of which half agrees are compared in full together, after all of them were asked for."""
AHEAD = 32
"""Rows that are asked for before their turn, where rows lie anywhere in memory."""


def flips_per_band(radius: int) -> NDArray[np.int64]:
    """Say how many bits of its key each band may have to flip (-1: the band need not be tried); empty: scan instead."""
    quotient, rest = divmod(radius, BANDS)
    if quotient > MOST_FLIPS:
        return np.empty(0, np.int64)
    return np.where(np.arange(BANDS) <= rest, quotient, quotient - 1).astype(np.int64)


@compiled
def _ones(word: np.uint64) -> np.uint64:
    """Count the set bits of one word; compilers know this pattern and emit one instruction for it."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled
def _distance(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> int:
    total = _ones(left[0] ^ right[0]) + _ones(left[1] ^ right[1])
    total += _ones(left[2] ^ right[2]) + _ones(left[3] ^ right[3])
    return int(total)


@compiled
def _rows_to_look_up(keys: NDArray[np.uint16], tables: Tables, flips: NDArray[np.int64]) -> int:
    """Count the rows that one query would meet through the bands, some of them more than once."""
    total = 0
    for band in range(flips.size):
        if flips[band] >= 0:
            for at in range(MASKS_UP_TO[flips[band]]):
                key = np.int64(keys[band] ^ FLIP_MASKS[at])
                total += int(tables.starts[band, key + 1]) - int(tables.starts[band, key])
    return total


@compiled
def _met_before(
    left: NDArray[np.uint16], right: NDArray[np.uint16], flips: NDArray[np.int64], band: int
) -> bool:
    """Whether an earlier band has led to this row already."""
    for earlier in range(band):
        if np.int64(_ones(np.uint64(left[earlier] ^ right[earlier]))) <= flips[earlier]:
            return True
    return False


@compiled
def _put(hits: HitBuffer, filled: int, query: int, row: int, distance: int) -> int:
    if filled == hits.row.size:
        return FULL
    hits.query[filled] = query
    hits.row[filled] = row
    hits.distance[filled] = distance
    return filled + 1


@compiled
def _scan(
    query: int, word: NDArray[np.uint64], tables: Tables, radius: int, hits: HitBuffer, filled: int
) -> int:
    for row in range(tables.words.shape[0]):
        distance = _distance(word, tables.words[row])
        if distance <= radius:
            filled = _put(hits, filled, query, row, distance)
            if filled == FULL:
                break
    return filled


@compiled
def _look_up(
    query: int,
    wanted: Tables,
    tables: Tables,
    flips: NDArray[np.int64],
    radius: int,
    hits: HitBuffer,
    filled: int,
    band: int,
) -> int:
    """Try all near keys of one band."""
    word, keys = wanted.words[query], wanted.keys[query]
    for at in range(MASKS_UP_TO[flips[band]]):
        key = np.int64(keys[band] ^ FLIP_MASKS[at])
        for position in range(tables.starts[band, key], tables.starts[band, key + 1]):
            row = int(tables.rows[band, position])
            distance = _distance(word, tables.words[row])
            if distance <= radius and not _met_before(keys, tables.keys[row], flips, band):
                filled = _put(hits, filled, query, row, distance)
                if filled == FULL:
                    return FULL
    return filled


@compiled
def neighbours(tables: Tables, band: int, near: NDArray[np.uint64]) -> None:
    """Write half of each value into ``near``, uint64 (2, n + LANES), in the order of a band's table: two words that the band has no part in."""
    first = (band // BANDS_OF_A_WORD + 1) % WORDS
    second = (band // BANDS_OF_A_WORD + 2) % WORDS
    size = tables.words.shape[0]
    for position in range(size):
        fetch_word(tables.words, WORDS * np.int64(tables.rows[band, min(position + AHEAD, size - 1)]))
        row = tables.rows[band, position]
        near[0, position] = tables.words[row, first]
        near[1, position] = tables.words[row, second]


@compiled
def crowds(tables: Tables, flips: NDArray[np.int64], rows: NDArray[np.uint32]) -> None:
    """Write into ``rows``, uint32 (16, 65536), how many rows a query meets that has a key in a band."""
    for band in range(flips.size):
        for key in range(KEYS):
            total = 0
            if flips[band] >= 0:
                for at in range(MASKS_UP_TO[flips[band]]):
                    other = np.int64(np.uint16(key) ^ FLIP_MASKS[at])
                    total += int(tables.starts[band, other + 1]) - int(tables.starts[band, other])
            rows[band, key] = total


@compiled
def scanned(wanted: Tables, tables: Tables, rows: NDArray[np.uint32], scans: NDArray[np.bool_]) -> None:
    """Say of each query whether looking at every row is cheaper than :func:`join_band` over all bands, from what :func:`crowds` wrote."""
    for query in range(scans.size):
        total = 0
        for band in range(BANDS):
            total += int(rows[band, wanted.keys[query, band]])
        scans[query] = total > NEAR_ADVANTAGE * tables.words.shape[0]


@compiled
def scan_all(
    wanted: Tables, tables: Tables, radius: int, scans: NDArray[np.bool_], hits: HitBuffer, filled: int
) -> int:
    """Look at every row for the queries that ``scans`` names; return the number of hits, or :data:`FULL`."""
    for query in range(scans.size):
        if scans[query] and filled != FULL:
            filled = _scan(query, wanted.words[query], tables, radius, hits, filled)
    return filled


@compiled
def _confirm(
    pairs: NDArray[np.int64],
    wanted: Tables,
    tables: Tables,
    flips: NDArray[np.int64],
    radius: int,
    band: int,
    hits: HitBuffer,
    filled: int,
) -> int:
    """Compare pairs of a query and a row in full, int64 (n, 2); return the number of hits, or :data:`FULL`."""
    for at in range(pairs.shape[0]):
        query, row = pairs[at, 0], pairs[at, 1]
        distance = _distance(wanted.words[query], tables.words[row])
        if distance <= radius and not _met_before(wanted.keys[query], tables.keys[row], flips, band):
            filled = _put(hits, filled, query, row, distance)
            if filled == FULL:
                return FULL
    return filled


@compiled
def join_band(
    wanted: Tables,
    tables: Tables,
    near: NDArray[np.uint64],
    band: int,
    flips: NDArray[np.int64],
    radius: int,
    order: NDArray[np.int64],
    hits: HitBuffer,
    filled: int,
) -> int:
    """Try all near keys of one band for the queries in ``order``; return the number of hits, or :data:`FULL`.

    Queries come by rising key, so that what one of them brings near serves the next ones.

    Values that share a key stand side by side in ``near``, as :func:`neighbours` wrote it, so that many are dismissed at once: two unrelated values
    differ in about 64 of 128 bits, and in 31 or fewer once in hundreds of millions. The others are asked for, and compared in full
    when there are some.
    """
    one = (band // BANDS_OF_A_WORD + 1) % WORDS
    two = (band // BANDS_OF_A_WORD + 2) % WORDS
    first, second = near[0], near[1]
    pairs = np.empty((PAIRS_AT_ONCE + LANES, 2), np.int64)
    count = 0
    for query in order:
        left, right, own = wanted.words[query, one], wanted.words[query, two], wanted.keys[query, band]
        for at in range(MASKS_UP_TO[flips[band]]):
            key = np.int64(own ^ FLIP_MASKS[at])
            position, end = np.int64(tables.starts[band, key]), np.int64(tables.starts[band, key + 1])
            while position < end:
                within = lanes_within(first, second, position, left, right, radius)
                if end - position < LANES:
                    within &= (np.uint64(1) << np.uint64(end - position)) - np.uint64(1)
                while within != np.uint64(0):
                    row = np.int64(tables.rows[band, position + lowest_lane(within)])
                    within &= within - np.uint64(1)
                    fetch_word(tables.words, WORDS * row)
                    pairs[count, 0] = query
                    pairs[count, 1] = row
                    count += 1
                if count >= PAIRS_AT_ONCE:
                    filled = _confirm(pairs[:count], wanted, tables, flips, radius, band, hits, filled)
                    if filled == FULL:
                        return FULL
                    count = 0
                position += LANES
    return _confirm(pairs[:count], wanted, tables, flips, radius, band, hits, filled)


@compiled
def search(
    wanted: Tables, tables: Tables, flips: NDArray[np.int64], radius: int, first: int, hits: HitBuffer
) -> tuple[int, int]:
    """Answer the queries ``wanted`` from number ``first`` on, until all are done or the hit arrays are full.

    Each query goes the cheaper way, tables or scan; both are exact. Skewed bands, as flat pictures give them, only make scans
    more frequent. Returns the first query not answered in full, and the number of hits of those before it.
    """
    filled = 0
    for query in range(first, wanted.words.shape[0]):
        before = filled
        lookups = _rows_to_look_up(wanted.keys[query], tables, flips)
        if flips.size == 0 or lookups * SCAN_ADVANTAGE > tables.words.shape[0]:
            filled = _scan(query, wanted.words[query], tables, radius, hits, filled)
        else:
            for band in range(flips.size):
                if flips[band] >= 0 and filled != FULL:
                    filled = _look_up(query, wanted, tables, flips, radius, hits, filled, band)
        if filled == FULL:
            return query, before
    return wanted.words.shape[0], filled
