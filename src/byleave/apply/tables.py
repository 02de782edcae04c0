"""Open-addressing tables under a secret of this machine, each hit confirmed by all bytes of its key.

Whoever files claims chooses links, and so digests. Without the secret nobody can choose digests that fall into one place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha256 import U64, Bytes, Word, Words
from byleave.urls.bulk.wide import fetch, load_word, low_bits

Ints = npt.NDArray[np.int64]

I64 = np.int64
LOW32 = U64(0xFFFFFFFF)
EMPTY = U64(0)


class Table(NamedTuple):
    """Open addressing: ``slots`` uint64 (a power of two), each 0 or tag and row + 1; ``keys`` uint64 (n, 4) or (n, 2)."""

    slots: Words
    keys: Words


@compiled_within
def _turned(x: Word, n: int) -> Word:
    return U64((x << U64(n)) | (x >> U64(64 - n)))


@compiled_within
def _mixed(a: Word, b: Word, c: Word, d: Word) -> tuple[Word, Word, Word, Word]:
    """One round of SipHash."""
    a = U64(a + b)
    b = _turned(b, 13) ^ a
    a = _turned(a, 32)
    c = U64(c + d)
    d = _turned(d, 16) ^ c
    a = U64(a + d)
    d = _turned(d, 21) ^ a
    c = U64(c + b)
    b = _turned(b, 17) ^ c
    c = _turned(c, 32)
    return a, b, c, d


@compiled_within
def _begun(secret: Words) -> tuple[Word, Word, Word, Word]:
    """Return the state of SipHash before the first word."""
    a = secret[0] ^ U64(0x736F6D6570736575)
    b = secret[1] ^ U64(0x646F72616E646F6D)
    c = secret[0] ^ U64(0x6C7967656E657261)
    d = secret[1] ^ U64(0x7465646279746573)
    return a, b, c, d


@compiled_within
def _taken(a: Word, b: Word, c: Word, d: Word, word: Word) -> tuple[Word, Word, Word, Word]:
    """Take one word into a state."""
    a, b, c, d = _mixed(a, b, c, d ^ word)
    return a ^ word, b, c, d


@compiled_within
def _ended(a: Word, b: Word, c: Word, d: Word) -> Word:
    """Return what comes of a state behind the last word."""
    c ^= U64(0xFF)
    for _ in range(3):
        a, b, c, d = _mixed(a, b, c, d)
    return a ^ b ^ c ^ d


@compiled_within
def _keyed(secret: Words, words: Words, count: int) -> Word:
    """SipHash-1-3 of ``count`` words: nobody who lacks the secret can choose digests that fall together."""
    a, b, c, d = _begun(secret)
    for i in range(count):
        a, b, c, d = _taken(a, b, c, d, words[i])
    a, b, c, d = _taken(a, b, c, d, U64(count) << U64(59))
    return _ended(a, b, c, d)


@compiled_within
def keyed_text(secret: Words, text: Bytes, start: int, end: int) -> Word:
    """SipHash-1-3 of ``text[start:end]``, filled up with zeros, and of its length. Up to seven bytes behind the end are read."""
    a, b, c, d = _begun(secret)
    for i in range(start, end, 8):
        a, b, c, d = _taken(a, b, c, d, load_word(text, i) & low_bits(8 * (end - i)))
    a, b, c, d = _taken(a, b, c, d, U64(end - start))
    return _ended(a, b, c, d)


@compiled_within
def find(table: Table, secret: Words, words: Words) -> Word:
    """Return the row of a key in a table, all its bytes compared, or -1."""
    if table.keys.shape[0] == 0:
        return I64(-1)
    return _row_of(table, _keyed(secret, words, table.keys.shape[1]), words)


@compiled_within
def mixed_digest(secret: Words, digests: Words, row: int) -> Word:
    """Mix ``digests[row]`` with the secret, as :func:`fetch_slot` and :func:`probe` want it."""
    return _keyed(secret, digests[row], 4)


@compiled_within
def fetch_slot(table: Table, mixed: Word) -> None:
    """Bring the place where a search will begin nearer before it begins."""
    fetch(table.slots, I64(mixed & U64(table.slots.shape[0] - 1)))


@compiled_within
def probe(table: Table, mixed: Word) -> Word:
    """Return the row that a key, mixed to ``mixed``, may have by its tag, and bring its key nearer; -1 if there is none."""
    slots = table.slots
    if table.keys.shape[0] == 0:
        return I64(-1)
    mask = U64(slots.shape[0] - 1)
    at = mixed & mask
    tag = mixed >> U64(32)
    row = I64(-1)
    while slots[I64(at)] != EMPTY:
        slot = slots[I64(at)]
        if slot >> U64(32) == tag:
            row = I64(slot & LOW32) - I64(1)
            fetch(table.keys, row * table.keys.shape[1])
            break
        at = (at + U64(1)) & mask
    return row


@compiled_within
def find_probed(table: Table, probed: Word, mixed: Word, digests: Words, row: int) -> Word:
    """As :func:`find`, for ``digests[row]``, which :func:`mixed_digest` made into ``mixed`` and :func:`probe` found at ``probed``."""
    if probed < 0:
        return I64(-1)
    same = True
    for i in range(4):
        same = same and table.keys[probed, i] == digests[row, i]
    return probed if same else _row_of(table, mixed, digests[row])


@compiled_within
def _row_of(table: Table, mixed: Word, words: Words) -> Word:
    slots, keys = table
    width = keys.shape[1]
    mask = U64(slots.shape[0] - 1)
    at = mixed & mask
    tag = mixed >> U64(32)
    while slots[I64(at)] != EMPTY:
        slot = slots[I64(at)]
        if slot >> U64(32) == tag:
            row = I64(slot & LOW32) - I64(1)
            same = True
            for i in range(width):
                same = same and keys[row, i] == words[i]
            if same:
                return row
        at = (at + U64(1)) & mask
    return I64(-1)


@compiled_lean
def fill(slots: Words, keys: Words, first: int, secret: Words) -> None:
    """Put distinct ``keys``, which are those from row ``first`` on, into ``slots``, which are a power of two and more than all keys."""
    mask = U64(slots.shape[0] - 1)
    for row in range(keys.shape[0]):
        mixed = _keyed(secret, keys[row], keys.shape[1])
        at = mixed & mask
        while slots[I64(at)] != EMPTY:
            at = (at + U64(1)) & mask
        slots[I64(at)] = ((mixed >> U64(32)) << U64(32)) | U64(first + row + 1)


@compiled_lean
def find_many(table: Table, secret: Words, words: Words, rows: Ints) -> None:
    """Write into ``rows`` where each of ``words``, uint64 (n, w), stands in a table, or -1."""
    for i in range(words.shape[0]):
        rows[i] = find(table, secret, words[i])


def build_slots(keys: Words, secret: Words) -> Words:
    """Return the slots of a table of distinct ``keys``, uint64 (n, w)."""
    return slots_of([keys], len(keys), secret)


def slots_of(pieces: Iterable[Words], count: int, secret: Words) -> Words:
    """Return the slots of a table of ``count`` distinct keys that come in pieces, uint64 (n, w), in the order of their rows."""
    slots = np.zeros(slots_for(count), np.uint64)
    first = 0
    for keys in pieces:
        if len(keys):
            fill(slots, read_only(keys), first, read_only(secret))
        first += len(keys)
    return slots


def slots_for(count: int) -> int:
    """How many slots a table of ``count`` keys has: a power of two, at most half of them used."""
    size = 2
    while size < 2 * count:
        size *= 2
    return size


def distinct(numbers: Ints) -> Ints:
    """Return each number once, sorted: several times as fast as ``numpy.unique``."""
    ordered = np.sort(numbers)
    once: Ints = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
    return once


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that cannot be written, the one kind of array the loops are compiled for."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def new_table(keys: Words, secret: Words) -> Table:
    """Build a table in memory."""
    return Table(read_only(build_slots(keys, secret)), read_only(keys))
