"""How many different works the matches of one picture are, however many copies there are of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from byleave.catalog.copies import CopyIndex
from byleave.fingerprints import PDQ_BYTES, REVIEW_RADIUS, ClaimedPicture
from byleave.fingerprints.orientations import orientations
from byleave.hamming import Hits

MOST_WORKS: Final = 64
"""Works told apart in one answer; what is left then counts to none of them."""

MOST_SAMPLES: Final = 50_000
"""Matches that are told apart, the nearest ones; more than these are copies of what everybody uses."""

Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class FoundWork:
    """One work among the matches of a picture.

    sample_key, distance
        Of its copy nearest to the picture asked about, the distance in bits of 256.
    copies
        How many samples show it.
    """

    sample_key: bytes
    distance: int
    copies: int


def works_near(index: CopyIndex, claimed: ClaimedPicture, radius: int) -> tuple[FoundWork, ...]:
    """Return the works within ``radius`` of any variant, nearest first, at most :data:`MOST_WORKS`.

    Two samples show one work when they lie within the review radius of each other, turned and mirrored ways included. The nearest
    copy is taken first: what lies all around the picture itself is then one work and not many.
    """
    queries = np.frombuffer(b"".join(claimed.variants), np.uint8).reshape(-1, PDQ_BYTES)
    hits = index.index.search(queries, radius)
    if not len(hits):
        return ()
    rows, distances = _nearest_of_each_sample(index, hits)
    words = index.index.tables.words[rows]
    left = np.arange(len(rows))
    found: list[FoundWork] = []
    while left.size and len(found) < MOST_WORKS:
        first = left[0]
        same = _least(words[left], _turned(words[first])) <= REVIEW_RADIUS
        same[0] = True
        key = index.keys[index.owners[rows[first]]].tobytes()
        found.append(FoundWork(key, int(distances[first]), int(same.sum())))
        left = left[~same]
    return tuple(found)


def _nearest_of_each_sample(index: CopyIndex, hits: Hits) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return, nearest first, one indexed value for each sample that was hit, and its distance."""
    order = np.lexsort((hits.row, hits.distance))
    rows, distances = hits.row[order], hits.distance[order]
    _, first = np.unique(index.owners[rows], return_index=True)
    first = np.sort(first)[:MOST_SAMPLES]
    return rows[first], distances[first]


def _turned(word: Words) -> Words:
    return np.frombuffer(b"".join(orientations(word.tobytes())), "<u8").reshape(-1, len(word))


def _least(words: Words, others: Words) -> NDArray[np.uint16]:
    """Return for each of ``words`` (n, 4) the least distance to any of ``others`` (m, 4)."""
    differing = np.bitwise_count(words[:, None, :] ^ others[None, :, :])
    least: NDArray[np.uint16] = differing.sum(axis=2, dtype=np.uint16).min(axis=1)
    return least
