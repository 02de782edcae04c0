"""SHA-256 (FIPS 180-4) over lines of bytes, compiled, so that a million links are named without a million calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha_instructions import by_instructions, two_by_instructions
from byleave.urls.bulk.wide import clear, store_word, swapped_word

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Word32s = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]
Word = Any
"""A machine word inside a compiled loop, where checking tools cannot follow the arithmetic of numba."""

U32 = np.uint32
U64 = np.uint64


class Sha256(NamedTuple):
    """Working memory: round constants uint32 (64,), two states uint32 (16,), schedule uint32 (64,), tail and digest words."""

    rounds: Word32s
    state: Word32s
    schedule: Word32s
    tail: Bytes
    words: Words


def new_sha256() -> Sha256:
    """Make working memory for one thread."""
    return Sha256(
        np.array(ROUNDS, np.uint32),
        np.zeros(16, np.uint32),
        np.zeros(64, np.uint32),
        np.zeros(128, np.uint8),
        np.zeros(4, np.uint64),
    )


def _cube_root_fraction(number: int) -> int:
    """Return the first 32 bits of the fraction of the cube root, by whole numbers alone."""
    shifted = number << 96
    low, high = 0, 1 << 36
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= shifted else (low, middle)
    return low & 0xFFFFFFFF


_PRIMES = [n for n in range(2, 312) if all(n % k for k in range(2, int(n**0.5) + 1))]
ROUNDS = tuple(_cube_root_fraction(prime) for prime in _PRIMES[:64])
"""The round constants, computed from the roots that FIPS 180-4 names and not copied."""


@compiled_lean
def _rotated(x: Word, n: int) -> Word:
    return U32((x >> U32(n)) | (x << U32(32 - n)))


@compiled_lean
def compress_plainly(state: Word32s, block: Bytes, at: int, schedule: Word32s, rounds: Word32s) -> None:
    """Take the 64 bytes ``block[at:]`` into the first eight words of ``state``."""
    for i in range(16):
        j = at + 4 * i
        schedule[i] = U32(
            (U32(block[j]) << U32(24))
            | (U32(block[j + 1]) << U32(16))
            | (U32(block[j + 2]) << U32(8))
            | U32(block[j + 3])
        )
    for i in range(16, 64):
        x = schedule[i - 15]
        y = schedule[i - 2]
        s0 = _rotated(x, 7) ^ _rotated(x, 18) ^ U32(x >> U32(3))
        s1 = _rotated(y, 17) ^ _rotated(y, 19) ^ U32(y >> U32(10))
        schedule[i] = U32(schedule[i - 16] + s0 + schedule[i - 7] + s1)
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for i in range(64):
        s1 = _rotated(e, 6) ^ _rotated(e, 11) ^ _rotated(e, 25)
        chosen = U32((e & f) ^ (~e & g))
        t1 = U32(h + s1 + chosen + rounds[i] + schedule[i])
        s0 = _rotated(a, 2) ^ _rotated(a, 13) ^ _rotated(a, 22)
        most = U32((a & b) ^ (a & c) ^ (b & c))
        t2 = U32(s0 + most)
        h, g, f, e = g, f, e, U32(d + t1)
        d, c, b, a = c, b, a, U32(t1 + t2)
    state[0] = U32(state[0] + a)
    state[1] = U32(state[1] + b)
    state[2] = U32(state[2] + c)
    state[3] = U32(state[3] + d)
    state[4] = U32(state[4] + e)
    state[5] = U32(state[5] + f)
    state[6] = U32(state[6] + g)
    state[7] = U32(state[7] + h)


compress = by_instructions(ROUNDS) or compress_plainly
"""Take a block into a state by the processor's instructions, or by the loop where it has none."""


@compiled_lean
def compress_two_plainly(
    states: Word32s, lines: Bytes, first: int, second: int, schedule: Word32s, rounds: Word32s
) -> None:
    """Take ``lines[first:]`` into the first eight words of ``states``, and ``lines[second:]`` into the others."""
    compress_plainly(states, lines, first, schedule, rounds)
    compress_plainly(states[8:], lines, second, schedule, rounds)


compress_two = two_by_instructions(ROUNDS) or compress_two_plainly
"""Two blocks into two states, as :func:`compress` takes one."""


START = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
"""The start value of FIPS 180-4."""


@compiled_within
def begin(state: Word32s) -> None:
    """Set the first eight words of ``state`` to :data:`START`."""
    for i in range(8):
        state[i] = START[i]


@compiled_within
def _swapped(x: Word) -> Word:
    return U64(
        ((x >> U32(24)) & U32(0xFF))
        | ((x >> U32(8)) & U32(0xFF00))
        | ((x << U32(8)) & U32(0xFF0000))
        | ((x << U32(24)) & U32(0xFF000000))
    )


@compiled_within
def big_endian_pair(first: Word, second: Word) -> Word:
    """Return two words of a state as the eight bytes of a digest that they stand for."""
    return _swapped(first) | (_swapped(second) << U64(32))


@compiled_lean
def finish(line: Bytes, done: int, end: int, scratch: Sha256) -> None:
    """Hash the last bytes ``line[done:end]``, fewer than 64, and leave the digest in ``scratch.words``. Keeps the state."""
    tail = scratch.tail
    rest = end - done
    blocks = 1 if rest < 56 else 2
    for i in range(rest):
        tail[i] = line[done + i]
    tail[rest] = 0x80
    for i in range(rest + 1, 64 * blocks):
        tail[i] = 0
    bits = U64(end) * U64(8)
    for i in range(8):
        tail[64 * blocks - 1 - i] = np.uint8((bits >> U64(8 * i)) & U64(0xFF))
    state = scratch.state[8:]
    for i in range(8):
        state[i] = scratch.state[i]
    for block in range(blocks):
        compress(state, tail, 64 * block, scratch.schedule, scratch.rounds)
    for i in range(4):
        scratch.words[i] = big_endian_pair(state[2 * i], state[2 * i + 1])


@compiled_lean
def hash_line(line: Bytes, end: int, scratch: Sha256) -> None:
    """SHA-256 of ``line[:end]`` into ``scratch.words``."""
    begin(scratch.state)
    done = 0
    while done + 64 <= end:
        compress(scratch.state, line, done, scratch.schedule, scratch.rounds)
        done += 64
    finish(line, done, end, scratch)


@compiled_within
def padded_blocks(start: int, end: int) -> int:
    """How many blocks the message ``lines[start:end]`` has with its padding."""
    return (end - start + 72) >> 6


@compiled_within
def pad(lines: Bytes, start: int, end: int) -> int:
    """Pad the message ``lines[start:end]`` in place to whole blocks; return where these end. Up to 136 bytes behind it are written."""
    bits = U64(end - start) * U64(8)
    after = start + 64 * padded_blocks(start, end)
    clear(lines, end)
    clear(lines, end + 64)
    lines[end] = 0x80
    store_word(lines, after - 8, swapped_word(bits))
    return after


@compiled_within
def hash_two(
    lines: Bytes, starts: Ints, ends: Ints, first: int, second: int, scratch: Sha256, digests: Words
) -> None:
    """SHA-256 of the messages ``first`` and ``second``, which :func:`pad` has padded, into their rows of ``digests``.

    Message ``i`` is ``lines[starts[i]:ends[i]]``. The two may be the same one.
    """
    states = scratch.state
    begin(states)
    begin(states[8:])
    one, other = starts[first], starts[second]
    blocks, others = padded_blocks(one, ends[first]), padded_blocks(other, ends[second])
    both = min(blocks, others)
    for i in range(both):
        compress_two(states, lines, one + 64 * i, other + 64 * i, scratch.schedule, scratch.rounds)
    for i in range(both, blocks):
        compress(states, lines, one + 64 * i, scratch.schedule, scratch.rounds)
    for i in range(both, others):
        compress(states[8:], lines, other + 64 * i, scratch.schedule, scratch.rounds)
    for i in range(4):
        digests[first, i] = big_endian_pair(states[2 * i], states[2 * i + 1])
        digests[second, i] = big_endian_pair(states[8 + 2 * i], states[9 + 2 * i])
