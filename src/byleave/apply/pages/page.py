"""Pages as they stand in a file: taken apart into levels and values, and put together again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

import numpy as np
import pyarrow as pa

from byleave.apply.pages.codecs import Codec, Raw, compress, decompress
from byleave.apply.pages.compact import I32, Reader, Struct, malformed
from byleave.apply.pages.footer import (
    MOST_CHUNK_BYTES,
    MOST_ENTRIES,
    SIZE_BYTES,
    Column,
    Encoding,
    Kind,
    Leaf,
    Page,
)
from byleave.apply.pages.levels import Levels

IN_DICTIONARY: Final = (Encoding.PLAIN_DICTIONARY, Encoding.DICTIONARY)
"""Encodings of values as places in a dictionary."""
_CRC_BITS: Final = 32


class _Data:
    """Fields of the header of a data page of the first version."""

    VALUES, ENCODING, DEFINITIONS, REPETITIONS, STATISTICS = range(1, 6)


class _Data2:
    """Fields of the header of a data page of the second version, whose levels are not compressed."""

    VALUES, NULLS, ROWS, ENCODING, DEFINITION_BYTES, REPETITION_BYTES, IS_COMPRESSED, STATISTICS = range(1, 9)


_INNER: Final[dict[int, tuple[int, int]]] = {
    Kind.DATA: (Page.DATA, _Data.ENCODING),
    Kind.DATA_2: (Page.DATA_2, _Data2.ENCODING),
    Kind.DICTIONARY: (Page.DICTIONARY, _Data.ENCODING),
}


class Facts(NamedTuple):
    """What the header of a page of data or of a dictionary says of it."""

    kind: int
    encoding: int
    entries: int

    @classmethod
    def of(cls, header: Struct) -> Self:
        """Read a header.

        Raises
        ------
        FormatError
            If it is that of a page of another kind, or says too little.
        """
        kind = header.number(Page.KIND)
        if kind not in _INNER:
            raise malformed(f"a page is of the kind {kind}")
        place, encoding = _INNER[kind]
        inner = header.within(place)
        return cls(kind, inner.number(encoding), inner.number(_Data.VALUES))


class Paged(NamedTuple):
    """A page to be written: its kind and encoding, its header, and its bytes."""

    kind: int
    encoding: int
    header: Struct
    body: Raw | pa.Buffer

    @property
    def size(self) -> int:
        """How many bytes there were before they were compressed."""
        return self.header.number(Page.BYTES)


class Sealed(NamedTuple):
    """A page as it stands. Its header is its own, and may be written to."""

    header: Struct
    kind: int
    encoding: int
    entries: int
    body: memoryview
    codec: Codec
    leaf: Leaf

    @property
    def is_dictionary(self) -> bool:
        """Whether the values are those that other pages name by their places."""
        return self.kind == Kind.DICTIONARY

    @property
    def is_plain(self) -> bool:
        """Whether it is a data page of plain values."""
        return not self.is_dictionary and self.encoding == Encoding.PLAIN

    def unchanged(self) -> Paged:
        """Return the page as it stands."""
        return Paged(self.kind, self.encoding, self.header, self.body)

    def opened(self) -> Opened:
        """Take the page apart.

        Raises
        ------
        FormatError
            If it is shorter than it says, or encoded in a way that is not known here.
        """
        size = self.header.number(Page.BYTES)
        if not 0 <= size <= MOST_CHUNK_BYTES:
            raise malformed("a page is larger than its column")
        if self.kind == Kind.DATA_2:
            return self._second(size)
        leaf, count = self.leaf, self.entries
        raw = memoryview(decompress(self.codec, self.body, size)).cast("B")
        if self.is_dictionary:
            none = Levels(None, 0, 0)
            return self._with(Encoding.PLAIN, none, none, raw)
        if not has_known_encoding(self.header, self.encoding, leaf):
            raise malformed("a page is encoded in another way than those before it")
        first, raw = _section(raw, leaf.repetitions)
        second, raw = _section(raw, leaf.definitions)
        repetitions = Levels.read(first, leaf.repetitions, count)
        return self._with(self.encoding, repetitions, Levels.read(second, leaf.definitions, count), raw)

    def _second(self, size: int) -> Opened:
        """Take a page of the second version apart."""
        data, leaf, count = self.header.within(Page.DATA_2), self.leaf, self.entries
        first, second = data.number(_Data2.REPETITION_BYTES), data.number(_Data2.DEFINITION_BYTES)
        if not 0 <= first <= first + second <= min(len(self.body), size):
            raise malformed("a page is shorter than its levels")
        repetitions = Levels.read(self.body[:first], leaf.repetitions, count)
        definitions = Levels.read(self.body[first : first + second], leaf.definitions, count)
        packed = Codec.UNCOMPRESSED if data.get(_Data2.IS_COMPRESSED) is False else self.codec
        rest = size - first - second
        values = decompress(packed, self.body[first + second :], rest) if rest else b""
        return self._with(self.encoding, repetitions, definitions, values)

    def _with(
        self, encoding: int, repetitions: Levels, definitions: Levels, values: Raw | pa.Buffer
    ) -> Opened:
        levels = repetitions, definitions
        return Opened(self.header, self.body, self.codec, self.kind, encoding, self.entries, *levels, values)


class Opened(NamedTuple):
    """A page taken apart. Its header is its own, and may be written to."""

    header: Struct
    body: Raw
    codec: Codec
    kind: int
    encoding: int
    entries: int
    repetitions: Levels
    definitions: Levels
    values: Raw | pa.Buffer

    @property
    def is_dictionary(self) -> bool:
        """Whether the values are those that other pages name by their places."""
        return self.kind == Kind.DICTIONARY

    @property
    def is_plain(self) -> bool:
        """Whether it holds a plain value for each of its entries."""
        return not self.is_dictionary and self.encoding == Encoding.PLAIN and self.definitions.numbers is None

    @property
    def shrinks(self) -> bool:
        """Whether its codec makes it any smaller, as it does not make pictures and digests."""
        return len(self.body) < self.header.number(Page.BYTES)

    def opened(self) -> Self:
        """Return the page, which is taken apart."""
        return self

    def unchanged(self) -> Paged:
        """Return the page as it stands."""
        return Paged(self.kind, self.encoding, self.header, self.body)

    def levels_written(self, repetitions: Levels, definitions: Levels) -> bytes:
        """Return what stands before the values in that part of the page which is compressed."""
        if self.kind == Kind.DATA_2:
            return b""
        sections = (levels.written() for levels in (repetitions, definitions) if levels.greatest)
        return b"".join(len(part).to_bytes(SIZE_BYTES, "little") + part for part in sections)

    def written(self, repetitions: Levels, definitions: Levels, content: memoryview) -> Paged:
        """Put a page together from what :meth:`levels_written` gave and values behind it, in ``content``."""
        header = self.header
        if self.kind == Kind.DATA:
            data = header.within(Page.DATA)
            data.set(_Data.VALUES, I32, definitions.entries)
            data.drop(_Data.STATISTICS)
            return self._compressed(content, self.codec)
        data, parts = header.within(Page.DATA_2), (repetitions.written(), definitions.written())
        there, begins = definitions.at_greatest, repetitions.are(0)
        data.set(_Data2.VALUES, I32, definitions.entries)
        data.set(
            _Data2.NULLS, I32, 0 if there is None else definitions.entries - int(np.count_nonzero(there))
        )
        data.set(_Data2.ROWS, I32, int(np.count_nonzero(begins)))
        data.set(_Data2.REPETITION_BYTES, I32, len(parts[0]))
        data.set(_Data2.DEFINITION_BYTES, I32, len(parts[1]))
        data.drop(_Data2.STATISTICS)
        return self._compressed(content, self._codec_of(data), b"".join(parts))

    def with_values(self, count: int, content: memoryview) -> Paged:
        """Return a dictionary of other values, so many and as they are written plainly."""
        self.header.within(Page.DICTIONARY).set(_Data.VALUES, I32, count)
        return self._compressed(content, self.codec)

    def _compressed(self, content: memoryview, codec: Codec, levels: bytes = b"") -> Paged:
        """Compress the content of the page, but for levels before it, and say in its header what holds now."""
        packed, header = compress(codec, content, shrinks=self.shrinks), self.header
        body = b"".join((levels, packed)) if levels else packed
        header.set(Page.BYTES, I32, len(levels) + len(content))
        header.set(Page.COMPRESSED, I32, len(body))
        if header.get(Page.CRC) is not None:
            header.set(Page.CRC, I32, _checksum(body))
        return Paged(self.kind, self.encoding, header, body)

    def _codec_of(self, data: Struct) -> Codec:
        return Codec.UNCOMPRESSED if data.get(_Data2.IS_COMPRESSED) is False else self.codec


def pages_of(data: memoryview, column: Struct, leaf: Leaf) -> Iterator[Sealed]:
    """Yield the pages of a column chunk as they stand.

    Raises
    ------
    FormatError
        If a page does not fit, or its bytes are not those its checksum is of.
    """
    codec, most = Codec(column.number(Column.CODEC)), column.number(Column.VALUES)
    for header, body in _parted(data):
        said = Facts.of(header)
        if not 0 <= said.entries <= (MOST_ENTRIES if said.kind == Kind.DICTIONARY else most):
            raise malformed("a page has more entries than its column")
        yield Sealed(header, *said, body, codec, leaf)


def _parted(data: memoryview) -> Iterator[tuple[Struct, memoryview]]:
    """Yield the header and the bytes of each page, but for those of an index."""
    reader = Reader(data)
    while reader.at < len(data):
        header = reader.struct()
        size = header.number(Page.COMPRESSED)
        if not 0 <= size <= len(data) - reader.at:
            raise malformed("a page ends behind its column")
        body = data[reader.at : reader.at + size]
        reader.at += size
        if header.get(Page.CRC) is not None and header.number(Page.CRC) != _checksum(body):
            raise malformed("the checksum of a page does not hold")
        if header.number(Page.KIND) != Kind.INDEX:
            yield header, body


def _section(data: memoryview, greatest: int) -> tuple[memoryview, memoryview]:
    """Part the levels that stand first in a page, behind their size, from what follows."""
    if not greatest:
        return data[:0], data
    size = SIZE_BYTES + int.from_bytes(data[:SIZE_BYTES], "little")
    if len(data) < size:
        raise malformed("a page is shorter than its levels")
    return data[SIZE_BYTES:size], data[size:]


def _checksum(body: Raw | pa.Buffer) -> int:
    """Return the checksum of a page as a signed number of 32 bits."""
    unsigned = zlib.crc32(body)
    return unsigned - (1 << _CRC_BITS) if unsigned >> (_CRC_BITS - 1) else unsigned


def has_known_encoding(header: Struct, encoding: int, leaf: Leaf) -> bool:
    """Whether a data page, whose values have an ``encoding``, is encoded in a way that is known here."""
    if encoding not in (Encoding.PLAIN, *IN_DICTIONARY):
        return False
    if header.number(Page.KIND) == Kind.DATA_2:
        return True
    data = header.within(Page.DATA)
    levels = ((leaf.repetitions, _Data.REPETITIONS), (leaf.definitions, _Data.DEFINITIONS))
    return all(data.number(field) == Encoding.RUNS for greatest, field in levels if greatest)
