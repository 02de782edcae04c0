"""Digests are those of hashlib, whatever way the processor takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.urls.bulk.sha256 import compress, compress_plainly, hash_line, new_sha256, pad
from byleave.urls.bulk.sha_many import (
    MOST_BLOCKS,
    NO_LINE,
    ROOM,
    hash_in_lanes,
    hash_in_pairs,
    new_many_lines,
)

WAYS = [pytest.param(hash_in_pairs, id="pairs")]
if hash_in_lanes is not None:
    WAYS.append(pytest.param(hash_in_lanes, id="lanes"))


class TestSha256:
    """Names are SHA-256, whatever the length."""

    @given(st.binary(max_size=300))
    def test_digests_are_those_of_hashlib(self, content: bytes) -> None:
        line, sha = np.zeros(400, np.uint8), new_sha256()
        line[: len(content)] = np.frombuffer(content, np.uint8)
        hash_line(line, len(content), sha)
        assert sha.words.tobytes() == hashlib.sha256(content).digest()

    @pytest.mark.parametrize("size", [0, 55, 56, 63, 64, 65, 119, 120, 128])
    def test_block_edges_are_right(self, size: int) -> None:
        line, sha = np.full(400, 7, np.uint8), new_sha256()
        hash_line(line, size, sha)
        assert sha.words.tobytes() == hashlib.sha256(bytes([7]) * size).digest()

    @given(st.binary(min_size=97, max_size=97), st.integers(0, 33))
    def test_the_plain_loop_takes_a_block_as_the_instructions_do(self, content: bytes, at: int) -> None:
        block = np.frombuffer(content, np.uint8).copy()
        states = []
        for way in (compress, compress_plainly):
            sha = new_sha256()
            sha.state[:8] = block[:32].view(np.uint32)
            way(sha.state, block, at, sha.schedule, sha.rounds)
            states.append(sha.state[:8].tobytes())
        assert states[0] == states[1]


class TestManyLines:
    """A block of lines is hashed as each line alone, by pairs and, where the processor has them, by lanes."""

    @staticmethod
    def digests(way: Callable[..., None], messages: Sequence[bytes | None]) -> list[bytes | None]:
        lines = np.zeros(sum(len(one or b"") + 136 for one in messages) + ROOM, np.uint8)
        starts, ends = np.full((2, len(messages)), NO_LINE)
        at = 0
        for place, message in enumerate(messages):
            if message is None:
                continue
            starts[place], ends[place] = at, at + len(message)
            lines[at : ends[place]] = np.frombuffer(message, np.uint8)
            at = pad(lines, at, int(ends[place]))
        found = np.zeros((len(messages), 4), np.uint64)
        way(lines, starts, ends, len(messages), new_many_lines(len(messages)), found)
        return [
            row.tobytes() if message is not None else None
            for row, message in zip(found, messages, strict=True)
        ]

    @pytest.mark.parametrize("way", WAYS)
    @given(st.lists(st.none() | st.binary(max_size=300), max_size=40))
    def test_lines_of_any_lengths_are_told_apart(
        self, way: Callable[..., None], messages: list[bytes | None]
    ) -> None:
        expected = [hashlib.sha256(one).digest() if one is not None else None for one in messages]
        assert self.digests(way, messages) == expected

    @pytest.mark.parametrize("way", WAYS)
    def test_the_longest_lines_go_alone(self, way: Callable[..., None]) -> None:
        sizes = [64 * MOST_BLOCKS - 9, 64 * MOST_BLOCKS - 8, 3, 64 * MOST_BLOCKS, 9000, 64 * MOST_BLOCKS - 9]
        messages = [bytes([size % 251]) * size for size in sizes]
        assert self.digests(way, messages) == [hashlib.sha256(one).digest() for one in messages]
