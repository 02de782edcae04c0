"""Values of one page as Parquet writes them plainly: those that stay are copied in runs, and the least and greatest of them found.

Texts stand behind their lengths, four bytes each, so that where one begins follows from all before it; everything else has a width.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from byleave.apply.pages.compact import malformed
from byleave.apply.tables import I64, Ints, read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha256 import U64, Bytes, Word
from byleave.urls.bulk.wide import copy_bytes, load_word, low_bits, swapped_word

Flags = npt.NDArray[np.bool_]
Extremes = tuple[bytes, bytes]
"""The least and the greatest of some values, by their bytes."""

LENGTH_BYTES: Final = 4
_WORD_BYTES: Final = 8
_BROKEN: Final = -1
_LEAST, _GREATEST = 0, 2
_NOWHERE: Final = np.full(4, -1)
_NOT_ASKED: Final = np.empty(0, np.int64)


@compiled_within
def _start_of(data: Bytes, at: int, length: int) -> Word:
    """Return the first eight bytes of a text as a number that sorts as they do, zeros behind its end."""
    if at + _WORD_BYTES <= data.shape[0]:
        return swapped_word(load_word(data, at) & low_bits(8 * min(length, _WORD_BYTES)))
    word = U64(0)
    for i in range(min(length, _WORD_BYTES)):
        word |= U64(data[at + i]) << U64(56 - 8 * i)
    return word


@compiled_lean
def _is_below(data: Bytes, at: int, length: int, other: int, size: int) -> bool:
    """Whether a text sorts before another one."""
    both, i = min(length, size), 0
    while i + _WORD_BYTES <= both:
        one, two = load_word(data, at + i), load_word(data, other + i)
        if one != two:
            return bool(swapped_word(one) < swapped_word(two))
        i += _WORD_BYTES
    while i < both:
        if data[at + i] != data[other + i]:
            return bool(data[at + i] < data[other + i])
        i += 1
    return bool(length < size)


@compiled_within
def _compare(data: Bytes, at: int, length: int, words: Word, extremes: Ints) -> Word:
    """Take a text for the least or the greatest, if it is; ``words`` are the starts of those so far, and the new ones are returned."""
    low, high = words
    word = _start_of(data, at, length)
    first = extremes[_LEAST] < 0
    if first or word < low or (
        word == low and _is_below(data, at, length, extremes[_LEAST], extremes[_LEAST + 1])
    ):  # fmt: skip
        low, extremes[_LEAST], extremes[_LEAST + 1] = word, at, length
    if first or word > high or (
        word == high and _is_below(data, extremes[_GREATEST], extremes[_GREATEST + 1], at, length)
    ):  # fmt: skip
        high, extremes[_GREATEST], extremes[_GREATEST + 1] = word, at, length
    return low, high


@compiled_within
def _length(data: Bytes, at: int, end: int) -> tuple[Word, Word]:
    """Return the length of the text that stands at ``at``, and where it begins; the length is -1 if it does not end before ``end``."""
    start = I64(at + LENGTH_BYTES)
    if start > end:
        return I64(_BROKEN), start
    length: Word = I64(0)
    for byte in range(LENGTH_BYTES):
        length |= I64(data[at + byte]) << (8 * byte)
    return (length if length <= end - start else I64(_BROKEN)), start


@compiled_lean
def _take_texts(data: Bytes, stays: npt.NDArray[np.bool_], out: Bytes, extremes: Ints) -> Word:
    """Copy those of the texts in ``data`` that stay to ``out``; return their size, or -1 if lengths do not fit.

    ``extremes`` int64 (4,) takes where the least and the greatest begin and how long they are; it is not asked for if it has no room.
    """
    at: Word = I64(0)
    run: Word = I64(0)
    size: Word = I64(0)
    end: Word = I64(data.shape[0])
    words = (U64(0), U64(0))
    for i in range(stays.shape[0]):
        length, start = _length(data, at, end)
        if length < 0:
            return _BROKEN
        if not stays[i]:
            copy_bytes(out, size, data, run, at - run)
            size += at - run
            run = start + length
        elif extremes.shape[0]:
            words = _compare(data, start, length, words, extremes)
        at = start + length
    copy_bytes(out, size, data, run, at - run)
    return size + at - run


@compiled_lean
def _take_wide(data: Bytes, stays: npt.NDArray[np.bool_], width: int, out: Bytes, extremes: Ints) -> Word:
    """As :func:`_take_texts`, values of ``width`` bytes, of which there are as many in ``data``."""
    run: Word = I64(0)
    size: Word = I64(0)
    words = (U64(0), U64(0))
    for i in range(stays.shape[0]):
        if not stays[i]:
            copy_bytes(out, size, data, run * width, (i - run) * width)
            size += (i - run) * width
            run = i + 1
        elif extremes.shape[0]:
            words = _compare(data, i * width, width, words, extremes)
    count = stays.shape[0] - run
    copy_bytes(out, size, data, run * width, count * width)
    return size + count * width


@compiled_lean
def _spell(data: Bytes, count: int, content: Bytes, ends: npt.NDArray[np.int32], first: int) -> int:
    """Copy texts without their lengths behind ``content[:ends[first]]``, and write where each ends; return 0, or -1 if lengths do not fit."""
    at: Word = I64(0)
    out: Word = I64(ends[first])
    end: Word = I64(data.shape[0])
    for i in range(count):
        length, start = _length(data, at, end)
        if length < 0:
            return _BROKEN
        copy_bytes(content, out, data, start, length)
        out += length
        ends[first + i + 1] = out
        at = start + length
    return 0


Texts = tuple[Bytes, npt.NDArray[np.int32]]
"""Texts behind each other, and where they end, as Arrow has them: uint8 (m,) and int32 (n + 1,)."""


class Speller:
    """Puts the texts of pages behind each other, ``count`` in all, for which the pages have at most ``size`` bytes."""

    def __init__(self, size: int, count: int) -> None:
        self._content = np.empty(size, np.uint8)
        self._ends = np.zeros(count + 1, np.int32)
        self._seen = 0
        self._left = size

    def add(self, data: Bytes, texts: int) -> None:
        """Take a page of so many texts.

        Raises
        ------
        FormatError
            If it has not as many, or there is no room for them.
        """
        self._left -= len(data)
        if self._left < 0 or self._seen + texts >= len(self._ends):
            raise malformed("a column has more values than it says")
        if _spell(read_only(data), texts, self._content, self._ends, self._seen) == _BROKEN:
            raise malformed("a page has fewer values than it says")
        self._seen += texts

    def texts(self) -> Texts:
        """Return them.

        Raises
        ------
        FormatError
            If there are fewer.
        """
        if self._seen + 1 != len(self._ends):
            raise malformed("a column has fewer values than it says")
        return self._content, self._ends


def take_values(
    data: Bytes, stays: Flags, width: int | None, out: Bytes, *, sorts: bool
) -> tuple[int, Extremes | None]:
    """Copy values that stay, bool (n,), to ``out``, which has room for all of ``data``; return their size, and their extremes if ``sorts``.

    ``width`` is that of each in bytes, ``None`` for texts.

    Raises
    ------
    FormatError
        If ``data`` has not as many values.
    """
    places = (_NOWHERE if sorts else _NOT_ASKED).copy()
    data, stays = read_only(data), read_only(stays)
    if width is None:
        size = _take_texts(data, stays, out, places)
    else:
        size = _take_wide(data, stays, width, out, places) if len(stays) * width <= len(data) else _BROKEN
    if size == _BROKEN:
        raise malformed("a page has fewer values than it says")
    if not sorts or places[0] < 0:
        return size, None
    least, greatest = (data[at : at + length].tobytes() for at, length in places.reshape(2, 2).tolist())
    return size, (least, greatest)
