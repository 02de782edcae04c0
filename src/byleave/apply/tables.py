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
from byleave.urls.bulk.wide import fetch, folded, load_word, low_bits, lowest_bit, sought

Ints = npt.NDArray[np.int64]

I64 = np.int64
LOW32 = U64(0xFFFFFFFF)
EMPTY = U64(0)
LINE_SLOTS = 8
"""Slots in a line of the processor's cache, all of which are looked at in one step."""
LINE = ~U64(LINE_SLOTS - 1)
FOUND = U64(2**LINE_SLOTS - 1)


class Table(NamedTuple):
    """Open addressing: ``slots`` uint64 (a power of two, 8 or more), each 0 or tag and row + 1; ``keys`` uint64 (n, 4) or (n, 2).

    A key stands in the line of eight slots to which it is mixed, or in the next free slot behind that line.
    """

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
def keyed_text(secret: Words, text: Bytes, start: int, end: int) -> Word:
    """SipHash-1-3 of ``text[start:end]``, filled up with zeros, and of its length. Up to seven bytes behind the end are read."""
    a, b, c, d = _begun(secret)
    for i in range(start, end, 8):
        a, b, c, d = _taken(a, b, c, d, load_word(text, i) & low_bits(8 * (end - i)))
    a, b, c, d = _taken(a, b, c, d, U64(end - start))
    return _ended(a, b, c, d)


@compiled_within
def mixed_key(secret: Words, key: Words) -> Word:
    """Mix the first two words of a key with the secret: the lower bits say where a search begins, the upper half is a tag.

    Keys are digests, or their first 16 bytes, and so as good as drawn. All that is left to prevent is that somebody tries links until
    many of their digests fall into one place, and for that one product is enough: which bits of the digests meet in it depends on both words of
    the secret, and nothing that is mixed is ever shown.
    """
    return folded(key[0] ^ secret[0], key[1] ^ secret[1])


@compiled_within
def _begin(table: Table, mixed: Word) -> Word:
    """Return the first slot of the line in which a search begins."""
    return I64(mixed & U64(table.slots.shape[0] - 1) & LINE)


@compiled_within
def fetch_slots(table: Table, mixed: Word) -> None:
    """Bring the line where a search will begin nearer before it begins."""
    fetch(table.slots, _begin(table, mixed))


@compiled_within
def probe(table: Table, mixed: Word) -> Word:
    """Return the row that a key, mixed to ``mixed``, may have by its tag, and bring its key nearer; -1 if there is none."""
    at = _begin(table, mixed)
    while True:
        told = sought(table.slots, at, mixed >> U64(32))
        if told & FOUND:
            row = I64(table.slots[at + lowest_bit(told)] & LOW32) - I64(1)
            fetch(table.keys, row * table.keys.shape[1])
            return row
        if told:
            return I64(-1)
        at = _after(table, at)


@compiled_within
def find_probed(table: Table, probed: Word, mixed: Word, key: Words) -> Word:
    """As :func:`find`, for a key that :func:`mixed_key` made into ``mixed`` and :func:`probe` found at ``probed``."""
    if probed < 0 or _is_same(table, probed, key):
        return probed
    return _row_of(table, mixed, key)


@compiled_within
def find(table: Table, secret: Words, key: Words) -> Word:
    """Return the row of a key in a table, all its bytes compared, or -1."""
    return _row_of(table, mixed_key(secret, key), key)


@compiled_within
def _row_of(table: Table, mixed: Word, key: Words) -> Word:
    at = _begin(table, mixed)
    while True:
        told = sought(table.slots, at, mixed >> U64(32))
        found = told & FOUND
        while found:
            row = I64(table.slots[at + lowest_bit(found)] & LOW32) - I64(1)
            if _is_same(table, row, key):
                return row
            found &= found - U64(1)
        if told > FOUND:
            return I64(-1)
        at = _after(table, at)


@compiled_within
def _after(table: Table, at: Word) -> Word:
    """Return the first slot of the next line."""
    return I64(U64(at + LINE_SLOTS) & U64(table.slots.shape[0] - 1))


@compiled_within
def _is_same(table: Table, row: Word, key: Words) -> bool:
    different = U64(0)
    for i in range(table.keys.shape[1]):
        different |= table.keys[row, i] ^ key[i]
    return bool(different == U64(0))


@compiled_lean
def fill(slots: Words, keys: Words, first: int, secret: Words) -> None:
    """Put distinct ``keys``, which are those from row ``first`` on, into ``slots``, which are a power of two and more than all keys."""
    mask = U64(slots.shape[0] - 1)
    for row in range(keys.shape[0]):
        mixed = mixed_key(secret, keys[row])
        at = mixed & mask & LINE
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
    """How many slots a table of ``count`` keys has: a power of two, at most half of them used, and a line at least."""
    size = LINE_SLOTS
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
    if array.flags.c_contiguous and not array.flags.writeable:
        return array
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def new_table(keys: Words, secret: Words) -> Table:
    """Build a table in memory."""
    return Table(read_only(build_slots(keys, secret)), read_only(keys))
