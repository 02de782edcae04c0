"""Count names by the million without making an object of each: a table of the distinct ones, their bytes behind each other."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.tables import I64, LOW32, Ints, keyed_text, read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha256 import U64, Bytes, Word, Words
from byleave.urls.bulk.wide import fetch, load_word, low_bits, store_word

FIRST_ROOM = 1 << 15
"""Room for so many names is 5 MiB, of which the system gives what is touched; a file of a million rows seldom has more."""
BLOCK_NAMES = 128
BEYOND = 8
"""Bytes that may be read behind a name."""
RECORD_WORDS = 8
SHORT = 40
"""Names up to this length stand in their record, longer ones aside."""
_KEY, _COUNT, _LENGTH, _NAME = range(4)
_NO_COUNTS = read_only(np.zeros(0, np.int64))
_NO_ENDS = np.zeros(1, np.int64)


class _Counted(NamedTuple):
    """The ``k`` distinct names that were seen.

    slots
        uint64 (a power of two, at least twice as many as names): 0, or the upper half of a key above the number of its name + 1.
    records
        uint64 (n, :data:`RECORD_WORDS`), a line of the processor's cache for each name: its key, count, length and bytes, or where these stand aside.
    aside
        uint8: the bytes of long names.
    sizes
        int64 (2,): ``k``, and how many bytes of ``aside`` are used.
    mixed
        uint64 (:data:`BLOCK_NAMES`,): keys of a block of names.
    """

    slots: Words
    records: Words
    aside: Bytes
    sizes: Ints
    mixed: Words


@compiled_within
def _is_named(counted: _Counted, name: Word, data: Bytes, at: int, length: int) -> bool:
    """Whether a name has the bytes that stand in ``data`` at ``at``."""
    record = counted.records[name]
    if record[_LENGTH] != U64(length):
        return False
    different = U64(0)
    if length <= SHORT:
        for i in range(0, length, 8):
            different |= record[_NAME + (i >> 3)] ^ (load_word(data, at + i) & low_bits(8 * (length - i)))
        return bool(different == U64(0))
    start = I64(record[_NAME])
    for i in range(length):
        different |= U64(counted.aside[start + i] ^ data[at + i])
    return bool(different == U64(0))


@compiled_within
def _named_anew(key: Word, data: Bytes, at: int, length: int, counted: _Counted) -> Word:
    """Give the next number to a name."""
    name = counted.sizes[0]
    record = counted.records[name]
    record[_KEY] = key
    record[_COUNT] = 0
    record[_LENGTH] = length
    record[_NAME] = 0
    if length <= SHORT:
        for i in range(0, length, 8):
            record[_NAME + (i >> 3)] = load_word(data, at + i) & low_bits(8 * (length - i))
    else:
        start = counted.sizes[1]
        record[_NAME] = start
        for i in range(length):
            counted.aside[start + i] = data[at + i]
        counted.sizes[1] = start + length
    counted.sizes[0] = name + 1
    return name


@compiled_within
def _named(key: Word, data: Bytes, at: int, length: int, counted: _Counted) -> Word:
    """Return the number of the name with this key and these bytes, a new one if it was not seen yet."""
    slots = counted.slots
    mask, tag = U64(slots.shape[0] - 1), key >> U64(32)
    slot = key & mask
    while slots[I64(slot)] != U64(0):
        if slots[I64(slot)] >> U64(32) == tag:
            known = I64(slots[I64(slot)] & LOW32) - I64(1)
            if counted.records[known, _KEY] == key and _is_named(counted, known, data, at, length):
                return known
        slot = (slot + U64(1)) & mask
    name = _named_anew(key, data, at, length, counted)
    slots[I64(slot)] = (tag << U64(32)) | U64(name + 1)
    return name


@compiled_lean
def _extent(starts: Ints, lengths: Ints) -> tuple[Word, Word]:
    """Return where the last of some names ends, and how many bytes the long ones have."""
    end, aside = I64(0), I64(0)
    for i in range(starts.shape[0]):
        end = max(end, starts[i] + lengths[i])
        if lengths[i] > SHORT:
            aside += lengths[i]
    return end, aside


@compiled_lean
def _count_spans(
    data: Bytes, starts: Ints, lengths: Ints, counts: Ints, secret: Words, counted: _Counted
) -> None:
    """Count the names ``data[starts[i]:starts[i] + lengths[i]]``, each once or ``counts[i]`` times. There must be room for all of them.

    A block of names goes through each step before the next one, so that its slots, and then its records, are on the way from memory before
    they are looked at.
    """
    slots, mixed = counted.slots, counted.mixed
    mask = U64(slots.shape[0] - 1)
    for first in range(0, starts.shape[0], BLOCK_NAMES):
        size = min(BLOCK_NAMES, starts.shape[0] - first)
        for i in range(size):
            fetch(data, starts[first + i])
        for i in range(size):
            at = starts[first + i]
            mixed[i] = keyed_text(secret, data, at, at + lengths[first + i])
            fetch(slots, I64(mixed[i] & mask))
        for i in range(size):
            slot = slots[I64(mixed[i] & mask)]
            if slot != U64(0):
                fetch(counted.records, (I64(slot & LOW32) - I64(1)) * RECORD_WORDS)
        for i in range(size):
            span = first + i
            name = _named(mixed[i], data, starts[span], lengths[span], counted)
            counted.records[name, _COUNT] += U64(counts[span]) if counts.shape[0] else U64(1)


@compiled_lean
def _place_again(records: Words, size: int, slots: Words) -> None:
    """Put the names into new slots."""
    mask = U64(slots.shape[0] - 1)
    for name in range(size):
        key = records[name, _KEY]
        slot = key & mask
        while slots[I64(slot)] != U64(0):
            slot = (slot + U64(1)) & mask
        slots[I64(slot)] = ((key >> U64(32)) << U64(32)) | U64(name + 1)


@compiled_lean
def _write_names(counted: _Counted, names: Ints, ends: Ints, content: Bytes) -> None:
    """Write the bytes of names behind each other; name ``i`` ends at ``ends[i + 1]``. Up to seven bytes behind the last are written."""
    for i in range(names.shape[0]):
        record = counted.records[names[i]]
        if ends[i + 1] - ends[i] <= SHORT:
            for word in range((ends[i + 1] - ends[i] + 7) >> 3):
                store_word(content, ends[i] + 8 * word, record[_NAME + word])
        else:
            for place in range(ends[i + 1] - ends[i]):
                content[ends[i] + place] = counted.aside[I64(record[_NAME]) + place]


class Names:
    """Names with how often each was seen. Bytes that are no Unicode are spelled out."""

    def __init__(self) -> None:
        self._secret = read_only(np.frombuffer(secrets.token_bytes(16), np.uint64))
        self._counted: _Counted | None = None

    def add(self, names: pa.Array, counts: Ints | None = None) -> None:
        """Note an array of texts or bytes, each once or so many times."""
        large = names.cast(pa.large_binary())
        _, offsets, data = large.buffers()
        ends = np.frombuffer(offsets, np.int64, len(large) + 1, 8 * large.offset) if offsets else _NO_ENDS
        content = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
        self.add_spans(content, ends[:-1], np.diff(ends), counts)

    def add_spans(self, data: Bytes, starts: Ints, lengths: Ints, counts: Ints | None = None) -> None:
        """Note the names that begin in ``data`` at ``starts`` and have some lengths, each once or so many times."""
        starts, lengths = read_only(starts), read_only(lengths)
        end, aside = _extent(starts, lengths)
        counted = self._with_room(len(starts), aside)
        if end + BEYOND > len(data):
            data = np.append(data, np.zeros(BEYOND, np.uint8))
        times = read_only(counts) if counts is not None else _NO_COUNTS
        _count_spans(read_only(data), starts, lengths, times, self._secret, counted)

    def take(self, further: Counter[str], most: int) -> tuple[Counter[str], int]:
        """Return the ``most`` frequent names, together with ``further`` ones, and how many others there were; forget them all.

        Among names of one count the first by their bytes win.
        """
        if self._counted is None:
            return further, 0
        if further:
            self.add(pa.array(list(further)), np.fromiter(further.values(), np.int64, len(further)))
        counted, self._counted = self._counted, None
        size = int(counted.sizes[0])
        wanted = _most(counted, size, most) if size > most else np.arange(size)
        times = counted.records[wanted, _COUNT].tolist()
        return Counter(dict(zip(_spelled(counted, wanted), times, strict=True))), size - len(wanted)

    def _with_room(self, count: int, aside: int) -> _Counted:
        """Return the names, with room for so many more, and for so many bytes of long ones."""
        before = self._counted
        size, used = (int(number) for number in before.sizes) if before is not None else (0, 0)
        if before is not None and size + count <= len(before.records) and used + aside <= len(before.aside):
            return before
        room = max(FIRST_ROOM, 2 * (size + count))
        made = _Counted(
            np.zeros(1 << (2 * room - 1).bit_length(), np.uint64),
            np.empty((room, RECORD_WORDS), np.uint64),
            np.empty(2 * (used + aside), np.uint8),
            np.array([size, used]),
            np.zeros(BLOCK_NAMES, np.uint64),
        )
        if before is not None:
            made.records[:size], made.aside[:used] = before.records[:size], before.aside[:used]
            _place_again(made.records, size, made.slots)
        self._counted = made
        return made


def _array_of(counted: _Counted, names: Ints) -> pa.LargeBinaryArray:
    ends = np.concatenate([_NO_ENDS, np.cumsum(counted.records[names, _LENGTH].astype(np.int64))])
    content = np.empty(ends[-1] + BEYOND, np.uint8)
    _write_names(counted, read_only(names), ends, content)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(content)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(names), buffers)


def _spelled(counted: _Counted, names: Ints) -> list[str]:
    array = _array_of(counted, names)
    try:
        spelled: list[str] = array.cast(pa.large_string()).to_pylist()
    except pa.ArrowInvalid:
        return [name.decode(errors="backslashreplace") for name in array.to_pylist()]
    return spelled


def _most(counted: _Counted, size: int, most: int) -> Ints:
    """Return the most frequent names, by their bytes where counts are equal."""
    counts = counted.records[:size, _COUNT].astype(np.int64)
    least = np.partition(counts, size - most)[size - most]
    above, equal = np.flatnonzero(counts > least), np.flatnonzero(counts == least)
    wanted = most - len(above)
    firsts = counted.records[equal, _NAME].byteswap()
    if int(counted.records[equal, _LENGTH].max()) <= SHORT:
        # Shorter names are filled up with zeros, so that the first eight bytes sort as names do, but for ties.
        last = np.partition(firsts, wanted - 1)[wanted - 1]
        above, equal = np.concatenate([above, equal[firsts < last]]), equal[firsts == last]
        wanted = most - len(above)
    order = pc.partition_nth_indices(_array_of(counted, equal), pivot=wanted)
    return np.concatenate([above, equal[order.to_numpy()[:wanted]]])
