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


_INNER: Final = {
    Kind.DATA: (Page.DATA, _Data.ENCODING),
    Kind.DATA_2: (Page.DATA_2, _Data2.ENCODING),
    Kind.DICTIONARY: (Page.DICTIONARY, _Data.ENCODING),
}


def kind_of(header: Struct) -> tuple[int, int]:
    """Return the kind of a page of data or of a dictionary, and its encoding.

    Raises
    ------
    FormatError
        If it is of another kind.
    """
    kind = header.number(Page.KIND)
    if kind not in _INNER:
        raise malformed(f"a page is of the kind {kind}")
    inner, encoding = _INNER[Kind(kind)]
    return kind, header.within(inner).number(encoding)


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
    """A page as it stands, of a column whose pages have at ``most`` so many entries. Its header is its own, and may be written to."""

    header: Struct
    body: memoryview
    codec: Codec
    leaf: Leaf
    most: int

    @property
    def is_dictionary(self) -> bool:
        """Whether the values are those that other pages name by their places."""
        return kind_of(self.header)[0] == Kind.DICTIONARY

    @property
    def is_plain(self) -> bool:
        """Whether it is a data page of plain values."""
        return not self.is_dictionary and kind_of(self.header)[1] == Encoding.PLAIN

    @property
    def entries(self) -> int:
        """How many entries a data page says it has."""
        inner, _ = _INNER[Kind(kind_of(self.header)[0])]
        return _count(self.header.within(inner), self.most)

    def unchanged(self) -> Paged:
        """Return the page as it stands."""
        return Paged(*kind_of(self.header), self.header, self.body)

    def opened(self) -> Opened:
        """Take the page apart.

        Raises
        ------
        FormatError
            If it is shorter than it says, or encoded in a way that is not known here.
        """
        return _opened(self.header, self.body, self.codec, self.leaf, self.most)


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
        packed, header = compress(codec, content), self.header
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
        yield Sealed(header, body, codec, leaf, most)


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


def _opened(header: Struct, body: memoryview, codec: Codec, leaf: Leaf, most: int) -> Opened:
    """Take a page of data, which has at ``most`` so many entries, or a dictionary apart.

    Raises
    ------
    FormatError
        If it is shorter than it says, or encoded in a way that is not known here.
    """
    size, (kind, encoding) = header.number(Page.BYTES), kind_of(header)
    if not 0 <= size <= MOST_CHUNK_BYTES:
        raise malformed("a page is larger than its column")
    if kind == Kind.DATA_2:
        return _second(header, body, codec, leaf, most)
    raw = memoryview(decompress(codec, body, size)).cast("B")
    if kind == Kind.DICTIONARY:
        count, none = _count(header.within(Page.DICTIONARY), MOST_ENTRIES), Levels(None, 0, 0)
        return Opened(header, body, codec, kind, Encoding.PLAIN, count, none, none, raw)
    count = _count(header.within(Page.DATA), most)
    if not has_known_encoding(header, leaf):
        raise malformed("a page is encoded in another way than those before it")
    first, raw = _section(raw, leaf.repetitions)
    second, raw = _section(raw, leaf.definitions)
    levels = Levels.read(first, leaf.repetitions, count), Levels.read(second, leaf.definitions, count)
    return Opened(header, body, codec, kind, encoding, count, *levels, values=raw)


def _second(header: Struct, body: memoryview, codec: Codec, leaf: Leaf, most: int) -> Opened:
    """Take a page of the second version apart."""
    data, size = header.within(Page.DATA_2), header.number(Page.BYTES)
    count = _count(data, most)
    first, second = data.number(_Data2.REPETITION_BYTES), data.number(_Data2.DEFINITION_BYTES)
    if not 0 <= first <= first + second <= min(len(body), size):
        raise malformed("a page is shorter than its levels")
    repetitions = Levels.read(body[:first], leaf.repetitions, count)
    definitions = Levels.read(body[first : first + second], leaf.definitions, count)
    packed = Codec.UNCOMPRESSED if data.get(_Data2.IS_COMPRESSED) is False else codec
    rest = size - first - second
    values = decompress(packed, body[first + second :], rest) if rest else b""
    return Opened(header, body, codec, *kind_of(header), count, repetitions, definitions, values)


def _count(data: Struct, most: int) -> int:
    count = data.number(_Data.VALUES)
    if not 0 <= count <= most:
        raise malformed("a page has more entries than its column")
    return count


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


def has_known_encoding(header: Struct, leaf: Leaf) -> bool:
    """Whether a data page is encoded in a way that is known here."""
    _, encoding = kind_of(header)
    if encoding not in (Encoding.PLAIN, *IN_DICTIONARY):
        return False
    if header.number(Page.KIND) == Kind.DATA_2:
        return True
    data = header.within(Page.DATA)
    levels = ((leaf.repetitions, _Data.REPETITIONS), (leaf.definitions, _Data.DEFINITIONS))
    return all(data.number(field) == Encoding.RUNS for greatest, field in levels if greatest)
