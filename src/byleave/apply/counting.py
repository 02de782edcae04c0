"""Count names by the million without making an object of each: a table of the distinct ones, their bytes behind each other."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from byleave.apply.sha256 import U64, Bytes, Word, Words
from byleave.apply.tables import I64, Ints, keyed_text, read_only
from byleave.apply.wide import fetch, load_word, low_bits, store_word, swapped_word
from byleave.compiled import compiled_lean, compiled_within

Name = TypeVar("Name", str, bytes)

FIRST_ROOM = 1024
BLOCK_NAMES = 128
BEYOND = 8
"""Bytes that may be read behind a name."""
_NO_COUNTS = read_only(np.zeros(0, np.int64))


class _Counted(NamedTuple):
    """The ``k`` distinct names that were seen.

    slots
        int64 (a power of two, at least twice as many as names): the number of a name + 1, or 0.
    keys, counts
        uint64 and int64: what each name is mixed to, and how often it was seen.
    ends
        int64: where each name ends in ``content``, behind a first 0.
    content
        uint8: all names, and :data:`BEYOND` bytes.
    size
        int64 (1,): ``k``.
    mixed
        uint64 (:data:`BLOCK_NAMES`,): keys of a block of names.
    """

    slots: Ints
    keys: Words
    counts: Ints
    ends: Ints
    content: Bytes
    size: Ints
    mixed: Words


@compiled_within
def _is_named(counted: _Counted, name: int, data: Bytes, at: int, length: int) -> bool:
    """Whether a name has the bytes that stand in ``data`` at ``at``."""
    start = counted.ends[name]
    if counted.ends[name + 1] - start != length:
        return False
    different = U64(0)
    for i in range(0, length, 8):
        pair = load_word(counted.content, start + i) ^ load_word(data, at + i)
        different |= pair & low_bits(8 * (length - i))
    return bool(different == U64(0))


@compiled_within
def _named(key: Word, data: Bytes, at: int, length: int, counted: _Counted) -> Word:
    """Return the number of the name with this key and these bytes, a new one if it was not seen yet."""
    slots, name = counted.slots, counted.size[0]
    mask = U64(slots.shape[0] - 1)
    slot = key & mask
    while slots[I64(slot)] != 0:
        known = slots[I64(slot)] - 1
        if counted.keys[known] == key and _is_named(counted, known, data, at, length):
            return known
        slot = (slot + U64(1)) & mask
    slots[I64(slot)] = name + 1
    counted.keys[name] = key
    counted.counts[name] = 0
    start = counted.ends[name]
    for i in range(0, length, 8):
        store_word(counted.content, start + i, load_word(data, at + i))
    counted.ends[name + 1] = start + length
    counted.size[0] = name + 1
    return name


@compiled_lean
def _count_spans(
    data: Bytes, starts: Ints, lengths: Ints, counts: Ints, secret: Words, counted: _Counted
) -> None:
    """Count the names ``data[starts[i]:starts[i] + lengths[i]]``, each once or ``counts[i]`` times. There must be room for all of them.

    A block of names is mixed first, so that their places are on the way from memory before they are looked at.
    """
    mask = U64(counted.slots.shape[0] - 1)
    for first in range(0, starts.shape[0], BLOCK_NAMES):
        size = min(BLOCK_NAMES, starts.shape[0] - first)
        for i in range(size):
            at = starts[first + i]
            counted.mixed[i] = keyed_text(secret, data, at, at + lengths[first + i])
            fetch(counted.slots, I64(counted.mixed[i] & mask))
        for i in range(size):
            span = first + i
            name = _named(counted.mixed[i], data, starts[span], lengths[span], counted)
            counted.counts[name] += counts[span] if counts.shape[0] else 1


@compiled_lean
def _first_words(counted: _Counted, names: Ints, words: Words) -> None:
    """Write the first eight bytes of names so that they sort as the names do, but for ties."""
    for i in range(names.shape[0]):
        start, end = counted.ends[names[i]], counted.ends[names[i] + 1]
        words[i] = swapped_word(load_word(counted.content, start) & low_bits(8 * (end - start)))


@compiled_lean
def _place_again(keys: Words, size: int, slots: Ints) -> None:
    """Put the names into new slots."""
    mask = U64(slots.shape[0] - 1)
    for name in range(size):
        slot = keys[name] & mask
        while slots[I64(slot)] != 0:
            slot = (slot + U64(1)) & mask
        slots[I64(slot)] = name + 1


class Names(Generic[Name]):
    """Names with how often each was seen. ``spell`` makes a name of its bytes."""

    def __init__(self, spell: Callable[[bytes], Name]) -> None:
        self._spell: Callable[[bytes], Name] = spell
        self._secret = read_only(np.frombuffer(secrets.token_bytes(16), np.uint64))
        self._counted: _Counted | None = None

    @property
    def any(self) -> bool:
        """Whether something was added, be it no name at all."""
        return self._counted is not None

    def add(self, names: pa.Array, counts: Ints | None = None) -> None:
        """Note an array of texts or bytes, each once or so many times."""
        large = names.cast(pa.large_binary())
        _, offsets, data = large.buffers()
        ends = np.frombuffer(offsets, np.int64, len(large) + 1, 8 * large.offset) if offsets else _NO_ENDS
        content = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
        self.add_spans(content, ends[:-1], np.diff(ends), counts)

    def add_rows(self, rows: npt.NDArray[np.uint8]) -> None:
        """Note names of one length, uint8 (n, length)."""
        count, length = rows.shape
        self.add_spans(rows.reshape(-1), np.arange(count) * length, np.full(count, length))

    def add_spans(self, data: Bytes, starts: Ints, lengths: Ints, counts: Ints | None = None) -> None:
        """Note the names that begin in ``data`` at ``starts`` and have some lengths, each once or so many times."""
        counted = self._with_room(len(starts), int(lengths.sum()))
        if len(starts) and int((starts + lengths).max()) + BEYOND > len(data):
            data = np.append(data, np.zeros(BEYOND, np.uint8))
        times = read_only(counts) if counts is not None else _NO_COUNTS
        _count_spans(read_only(data), read_only(starts), read_only(lengths), times, self._secret, counted)

    def take(self, further: Counter[Name], most: int) -> tuple[Counter[Name], int]:
        """Return the ``most`` frequent names, together with ``further`` ones, and how many others there were; forget them all.

        Among names of one count the first by their bytes win.
        """
        if self._counted is None:
            return further, 0
        if further:
            self.add(pa.array(list(further)), np.fromiter(further.values(), np.int64, len(further)))
        counted, self._counted = self._counted, None
        size = int(counted.size[0])
        wanted = _most(counted, size, most) if size > most else np.arange(size)
        names = map(self._spell, _bytes_of(counted, wanted))
        times = counted.counts[wanted].tolist()
        return Counter(dict(zip(names, times, strict=True))), size - len(wanted)

    def _with_room(self, count: int, length: int) -> _Counted:
        """Return the names, with room for so many more of so many bytes in all."""
        before = self._counted
        size = int(before.size[0]) if before is not None else 0
        used = int(before.ends[size]) if before is not None else 0
        wanted = used + length + BEYOND
        if before is not None and size + count <= len(before.keys) and wanted <= len(before.content):
            return before
        room = max(FIRST_ROOM, 2 * (size + count))
        slots = np.zeros(1 << (2 * room - 1).bit_length(), np.int64)
        made = _Counted(
            slots,
            np.empty(room, np.uint64),
            np.empty(room, np.int64),
            np.zeros(room + 1, np.int64),
            np.empty(2 * wanted, np.uint8),
            np.array([size]),
            np.zeros(BLOCK_NAMES, np.uint64),
        )
        if before is not None:
            made.keys[:size], made.counts[:size] = before.keys[:size], before.counts[:size]
            made.ends[: size + 1], made.content[:used] = before.ends[: size + 1], before.content[:used]
            _place_again(made.keys, size, slots)
        self._counted = made
        return made


def texts() -> Names[str]:
    """Count texts; bytes that are no Unicode are spelled out."""
    return Names(partial(str, encoding="utf-8", errors="backslashreplace"))


def _bytes_of(counted: _Counted, names: Ints) -> list[bytes]:
    content = counted.content.tobytes()
    spans = zip(counted.ends[names].tolist(), counted.ends[names + 1].tolist(), strict=True)
    return [content[start:end] for start, end in spans]


def _most(counted: _Counted, size: int, most: int) -> Ints:
    """Return the most frequent names, by their bytes where counts are equal."""
    counts = counted.counts[:size]
    least = np.partition(counts, size - most)[size - most]
    above, equal = np.flatnonzero(counts > least), np.flatnonzero(counts == least)
    return np.concatenate([above, _first_by_bytes(counted, equal, most - len(above))])


def _first_by_bytes(counted: _Counted, names: Ints, wanted: int) -> Ints:
    words = np.empty(len(names), np.uint64)
    _first_words(counted, read_only(names), words)
    last = np.partition(words, wanted - 1)[wanted - 1]
    before, tied = names[words < last], names[words == last]
    in_order = sorted(zip(_bytes_of(counted, tied), tied.tolist(), strict=True))
    return np.concatenate(
        [before, np.array([name for _, name in in_order[: wanted - len(before)]], np.int64)]
    )


_NO_ENDS = np.zeros(1, np.int64)
