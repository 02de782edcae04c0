"""Proofs of absence as the lines that are served, many at a time: what :meth:`byleave.release.items.Absence.to_bytes` writes of one.

Whoever applies a list of some million targets owes as many lines of some thousand hex digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.log.lines import HASH_BYTES
from byleave.release.items import ABSENCE_FORMAT, COVERING_TREE, ROW_BYTES, Leaf
from byleave.urls.bulk.sha256 import Bytes, Ints, Word
from byleave.urls.bulk.wide import load_word
from byleave.urls.names import ID_BYTES

_LONGEST_INDEX: Final = len(str(2**63))
_QUOTE, _COMMA, _ZERO = ord('"'), ord(","), ord("0")


class Frame(NamedTuple):
    """What is the same in every line, each part uint8 (n,): before the item, before its leaves, in each of these, and behind them."""

    head: Bytes
    leaves: Bytes
    number: Bytes
    path: Bytes
    rows: Bytes
    end: Bytes
    last: Bytes
    digits: Bytes

    @classmethod
    def of(cls, attestation: bytes, *, covering: bool) -> Frame:
        """Make it for the proofs of an attestation by one of its trees."""
        texts = (
            f'{{"attestation":"{attestation.hex()}","format":"{ABSENCE_FORMAT}","item":"',
            '","leaves":[',
            '{"index":',
            ',"path":[',
            '],"rows":[',
            "]}",
            f'],"tree":"{COVERING_TREE}"}}' if covering else "]}",
            "0123456789abcdef",
        )
        return cls(*(np.frombuffer(text.encode(), np.uint8) for text in texts))


class _Leaves(NamedTuple):
    """Leaves behind each other: their indexes, their rows and their ways, and where each of these begins and ends."""

    indexes: Ints
    rows: Bytes
    row_ends: Ints
    ways: Bytes
    way_ends: Ints

    @classmethod
    def of(cls, leaves: Sequence[Leaf]) -> _Leaves:
        rows, ways = [leaf.data for leaf in leaves], [leaf.way for leaf in leaves]
        indexes = np.array([leaf.index for leaf in leaves], np.int64)
        return cls(indexes, _joined(rows), _ends(rows), _joined(ways), _ends(ways))


def _joined(parts: Sequence[bytes]) -> Bytes:
    return np.frombuffer(b"".join(parts), np.uint8)


def _ends(parts: Sequence[bytes]) -> Ints:
    return np.fromiter(accumulate(map(len, parts), initial=0), np.int64, len(parts) + 1)


def proof_lines(
    frame: Frame, items: Sequence[bytes], leaves: Sequence[Leaf], begins: Ints, ends: Ints
) -> list[tuple[bytes, bool]]:
    """Return for each of some items its proof, canonical JSON on one line, and whether it shows that the item is there.

    The leaves of the ``i``-th item are ``leaves[begins[i]:ends[i]]``, both int64 (n,).
    """
    together = _Leaves.of(leaves)
    leaf_room = _LONGEST_INDEX + 3 * np.diff(together.row_ends + together.way_ends)  # hex, quotes and commas
    leaf_room += sum(map(len, (frame.number, frame.path, frame.rows, frame.end))) + 1
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(leaf_room)])
    room = (before[ends] - before[begins]).sum() + len(items) * (sum(map(len, frame)) + 2 * ID_BYTES)
    out, line_ends = np.empty(room, np.uint8), np.zeros(len(items) + 1, np.int64)
    there = np.zeros(len(items), np.bool_)
    _write_lines(frame, _joined(items), together, read_only(begins), read_only(ends), out, line_ends, there)
    data, bounds = out[: line_ends[-1]].tobytes(), line_ends.tolist()
    return [
        (data[begin:end], has)
        for begin, end, has in zip(bounds[:-1], bounds[1:], there.tolist(), strict=True)
    ]


@compiled_lean
def _write_lines(
    frame: Frame,
    items: Bytes,
    leaves: _Leaves,
    begins: Ints,
    ends: Ints,
    out: Bytes,
    line_ends: Ints,
    there: npt.NDArray[np.bool_],
) -> None:
    at = 0
    for i in range(len(begins)):
        at = _put(frame.head, out, at)
        at = _put_hex(items, i * ID_BYTES, ID_BYTES, frame.digits, out, at)
        at = _put(frame.leaves, out, at)
        for leaf in range(begins[i], ends[i]):
            if leaf > begins[i]:
                out[at] = _COMMA
                at += 1
            row, end = leaves.row_ends[leaf], leaves.row_ends[leaf + 1]
            at = _put_number(leaves.indexes[leaf], out, _put(frame.number, out, at))
            at = _put(frame.path, out, at)
            at = _put_quoted(
                leaves.ways,
                leaves.way_ends[leaf],
                leaves.way_ends[leaf + 1],
                HASH_BYTES,
                frame.digits,
                out,
                at,
            )
            at = _put(frame.rows, out, at)
            at = _put_quoted(leaves.rows, row, end, ROW_BYTES, frame.digits, out, at)
            at = _put(frame.end, out, at)
            there[i] |= _has(leaves.rows, row, end, items, i * ID_BYTES)
        at = _put(frame.last, out, at)
        line_ends[i + 1] = at


@compiled_within
def _put(text: Bytes, out: Bytes, at: Word) -> Word:
    for i in range(len(text)):
        out[at + i] = text[i]
    return at + len(text)


@compiled_within
def _put_hex(data: Bytes, begin: Word, size: int, digits: Bytes, out: Bytes, at: Word) -> Word:
    for i in range(size):
        byte = data[begin + i]
        out[at + 2 * i], out[at + 2 * i + 1] = digits[byte >> 4], digits[byte & 15]
    return at + 2 * size


@compiled_within
def _put_quoted(data: Bytes, begin: Word, end: Word, size: int, digits: Bytes, out: Bytes, at: Word) -> Word:
    """Write parts of a size as JSON's texts of hex digits."""
    for part in range(begin, end, size):
        if part > begin:
            out[at] = _COMMA
            at += 1
        out[at] = _QUOTE
        at = _put_hex(data, part, size, digits, out, at + 1)
        out[at] = _QUOTE
        at += 1
    return at


@compiled_within
def _put_number(number: Word, out: Bytes, at: Word) -> Word:
    above = 1
    while number // above >= 10:
        above *= 10
    while above:
        out[at] = _ZERO + number // above % 10
        at, above = at + 1, above // 10
    return at


@compiled_within
def _has(rows: Bytes, begin: Word, end: Word, items: Bytes, item: Word) -> bool:
    """Whether some rows have an item id."""
    first, second = load_word(items, item), load_word(items, item + 8)
    for row in range(begin, end, ROW_BYTES):
        if load_word(rows, row) == first and load_word(rows, row + 8) == second:
            return True
    return False
