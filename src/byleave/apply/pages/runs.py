"""Parquet's hybrid of runs and packed bits, in which levels and places in dictionaries are written.

Source: "RLE/bit-packed hybrid" in the encodings of the Parquet format.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from byleave.apply.pages.compact import malformed
from byleave.apply.tables import I64, read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha256 import U64, Bytes, Word

Numbers = npt.NDArray[np.uint32]

MOST_BITS: Final = 32
_PACKED: Final = 8
"""Values are packed by eights; a run of fewer equal ones is packed as well."""
_BROKEN: Final = -1


@compiled_within
def _read_head(data: Bytes, at: Word, end: int) -> tuple[Word, Word]:
    """Read a number of seven bits a byte, the lowest first; return it and where it ends, -1 if it has no end."""
    head, shift = U64(0), U64(0)
    while at < end and shift <= U64(35):
        byte = U64(data[at])
        at += 1
        head |= (byte & U64(0x7F)) << shift
        if byte < U64(0x80):
            return head, at
        shift += U64(7)
    return head, -1


@compiled_lean
def _read_packed(data: Bytes, at: int, bits: int, numbers: Numbers) -> None:
    """Fill ``numbers`` from ``bits`` bits each."""
    held, have = U64(0), 0
    mask = (U64(1) << U64(bits)) - U64(1)
    for i in range(numbers.shape[0]):
        while have < bits:
            held |= U64(data[at]) << U64(have)
            at += 1
            have += 8
        numbers[i] = held & mask
        held >>= U64(bits)
        have -= bits


@compiled_lean
def _read(data: Bytes, at: Word, end: int, bits: int, numbers: Numbers) -> int:
    """Fill ``numbers`` from ``data[at:end]``; return 0, or -1 where they end too early or a value has more bits."""
    size: Word = numbers.shape[0]
    wide = (bits + 7) >> 3
    mask = (U64(1) << U64(bits)) - U64(1)
    count: Word = I64(0)
    while count < size:
        head, at = _read_head(data, at, end)
        if at < 0:
            return _BROKEN
        if head & U64(1):
            groups = I64(head >> U64(1))
            wanted = min(8 * groups, size - count)
            # Some writers leave out what fills up the last eight.
            if (wanted * bits + 7) >> 3 > end - at or wanted == 0:
                return _BROKEN
            _read_packed(data, at, bits, numbers[count : count + wanted])
            count += wanted
            at = min(at + groups * bits, end)
        else:
            times = min(I64(head >> U64(1)), size - count)
            if at + wide > end or times == 0:
                return _BROKEN
            value = U64(0)
            for i in range(wide):
                value |= U64(data[at + i]) << U64(8 * i)
            at += wide
            if value > mask:
                return _BROKEN
            for i in range(count, count + times):
                numbers[i] = value
            count += times
    return 0


@compiled_lean
def _write_head(out: Bytes, at: int, head: Word) -> int:
    while head >= U64(0x80):
        out[at] = (head & U64(0x7F)) | U64(0x80)
        at += 1
        head >>= U64(7)
    out[at] = head
    return at + 1


@compiled_lean
def _write_packed(numbers: Numbers, first: int, end: int, bits: int, out: Bytes, at: int) -> int:
    """Write ``numbers[first:end]``, filled up with zeros to whole eights, packed."""
    groups = (end - first + 7) >> 3
    at = _write_head(out, at, (U64(groups) << U64(1)) | U64(1))
    held, have = U64(0), 0
    for i in range(first, first + 8 * groups):
        if i < end:
            held |= U64(numbers[i]) << U64(have)
        have += bits
        while have >= 8:
            out[at] = held & U64(0xFF)
            at += 1
            held >>= U64(8)
            have -= 8
    return at


@compiled_lean
def _write(numbers: Numbers, bits: int, out: Bytes) -> Word:
    """Write numbers, runs of eight and more equal ones as such; return the size."""
    size, wide = numbers.shape[0], (bits + 7) >> 3
    at: Word = I64(0)
    packed: Word = I64(0)
    first: Word = I64(0)
    while first < size:
        end = first + 1
        while end < size and numbers[end] == numbers[first]:
            end += 1
        # What is packed must be whole eights but for the last, so a run gives up its first values to those before it.
        start = min(packed + ((first - packed + 7) >> 3 << 3), end)
        if end - start >= _PACKED or (packed == first and end == size):
            if start > packed:
                at = _write_packed(numbers, packed, start, bits, out, at)
            at = _write_head(out, at, U64(end - start) << U64(1))
            for i in range(wide):
                out[at] = (U64(numbers[first]) >> U64(8 * i)) & U64(0xFF)
                at += 1
            packed = end
        first = end
    if packed < size:
        at = _write_packed(numbers, packed, size, bits, out, at)
    return at


def read_runs(data: Bytes, bits: int, count: int) -> Numbers:
    """Read ``count`` numbers of ``bits`` bits each, uint32 (count,).

    Raises
    ------
    FormatError
        If there are fewer, or they are no such numbers.
    """
    numbers = np.empty(count, np.uint32)
    if bits > MOST_BITS or _read(read_only(data), 0, len(data), bits, numbers) == _BROKEN:
        raise malformed("its levels or dictionary places are damaged")
    return numbers


def written_runs(numbers: Numbers, bits: int) -> Bytes:
    """Write numbers of at most ``bits`` bits each, uint32 (n,); return uint8 (m,)."""
    # A head of at most five bytes stands before every eight or more values.
    out = np.empty((len(numbers) + 8) * (bits + 8 * 5) // 8 + 16, np.uint8)
    return out[: _write(numbers, bits, out)]


def bits_for(largest: int) -> int:
    """Return how many bits the numbers up to ``largest`` need."""
    return largest.bit_length()
