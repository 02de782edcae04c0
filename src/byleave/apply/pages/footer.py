"""What Parquet's metadata says, field by field, and which files are taken apart page by page.

Source: parquet.thrift of the Parquet format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO, Final

from byleave.apply.pages.codecs import Codec
from byleave.apply.pages.compact import Reader, Struct, malformed

MAGIC: Final = b"PAR1"
ARROW_SCHEMA: Final = b"ARROW:schema"
"""The note in which Arrow keeps what Parquet's own schema cannot say."""
SIZE_BYTES: Final = 4
TAIL_BYTES: Final = SIZE_BYTES + len(MAGIC)
MOST_FOOTER_BYTES: Final = 128 * 1024 * 1024
MOST_CHUNK_BYTES: Final = 128 * 1024 * 1024
"""Of a column in one row group, compressed or not: so much is held at a time."""
MOST_ENTRIES: Final = 2**26
"""Of a column in one row group."""


class File:
    """Fields of ``FileMetaData``."""

    SCHEMA, ROWS, GROUPS, NOTES, ORDERS, ENCRYPTION = 2, 3, 4, 5, 7, 8


class Note:
    """Fields of ``KeyValue``."""

    KEY, VALUE = 1, 2


class Group:
    """Fields of ``RowGroup``."""

    CHUNKS, BYTES, ROWS, OFFSET, COMPRESSED, ORDINAL = 1, 2, 3, 5, 6, 7


class Chunk:
    """Fields of ``ColumnChunk``."""

    PATH, OFFSET, COLUMN, INDEX, CRYPTO = 1, 2, 3, (4, 5, 6, 7), (8, 9)


class Column:
    """Fields of ``ColumnMetaData``."""

    ENCODINGS, NAME, CODEC, VALUES, BYTES, COMPRESSED, DATA, DICTIONARY = 2, 3, 4, 5, 6, 7, 9, 11
    STATISTICS, PAGES = 12, 13
    FURTHER = (10, 14, 15, 16, 17)
    """Places of an index or a Bloom filter, and statistics of sizes and shapes, which all would say what no longer holds."""
    ELSEWHERE = (10, 14, 15)
    """Of these, the places."""


class Page:
    """Fields of ``PageHeader``, and of the header that stands in it by the kind of page."""

    KIND, BYTES, COMPRESSED, CRC, DATA, DICTIONARY, DATA_2 = 1, 2, 3, 4, 5, 7, 8


class Kind(IntEnum):
    """Kinds of pages."""

    DATA = 0
    INDEX = 1
    DICTIONARY = 2
    DATA_2 = 3


class Encoding(IntEnum):
    """Encodings that are known here; ``BIT_PACKED`` is one of levels alone, which many writers name and none uses."""

    PLAIN = 0
    PLAIN_DICTIONARY = 2
    RUNS = 3
    BIT_PACKED = 4
    DICTIONARY = 8


class Physical(IntEnum):
    """How values are stored."""

    BOOLEAN = 0
    INT32 = 1
    INT64 = 2
    INT96 = 3
    FLOAT = 4
    DOUBLE = 5
    TEXT = 6
    FIXED = 7


_WIDTHS: Final = {
    Physical.INT32: 4,
    Physical.INT64: 8,
    Physical.INT96: 12,
    Physical.FLOAT: 4,
    Physical.DOUBLE: 8,
}
_TYPES: Final = {Physical.INT32: "i4", Physical.INT64: "i8", Physical.FLOAT: "<f4", Physical.DOUBLE: "<f8"}


class Element:
    """Fields of ``SchemaElement``, and what some of them say."""

    TYPE, WIDTH, REPETITION, CHILDREN, CONVERTED, LOGICAL = 1, 2, 3, 5, 6, 10
    OPTIONAL, REPEATED = 1, 2
    UNSIGNED = range(11, 15)
    SORT_AS_BYTES = (None, 0, 4, 19, 20)
    LOGICAL_INTEGER, IS_SIGNED = 10, 2
    LOGICAL_AS_BYTES = (1, 4, 12, 13, 14)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column as it is stored.

    width
        Bytes of a value; ``None`` for texts, whose lengths stand before them.
    definitions, repetitions
        The greatest levels.
    sorts_as
        The numpy type as which values sort, ``bytes`` for their bytes, and empty where they are not compared here.
    """

    physical: Physical
    width: int | None
    definitions: int
    repetitions: int
    sorts_as: str


BYTES: Final = "bytes"


def leaves_of(schema: list[Struct]) -> list[Leaf]:
    """Return the columns of a schema, in the order in which row groups have them."""
    elements = iter(schema[1:])
    if not schema:
        raise malformed("it has no schema")
    leaves = [leaf for _ in range(schema[0].get(Element.CHILDREN) or 0) for leaf in _below(elements, 0, 0)]
    if next(elements, None) is not None:
        raise malformed("its schema has more elements than it says")
    return leaves


def _below(elements: Iterator[Struct], definitions: int, repetitions: int) -> Iterator[Leaf]:
    element = next(elements, None)
    if element is None:
        raise malformed("its schema has fewer elements than it says")
    kind = element.get(Element.REPETITION)
    definitions += kind in (Element.OPTIONAL, Element.REPEATED)
    repetitions += kind == Element.REPEATED
    children = element.get(Element.CHILDREN) or 0
    if element.get(Element.TYPE) is None or children:
        for _ in range(children):
            yield from _below(elements, definitions, repetitions)
        return
    physical = Physical(element.number(Element.TYPE))
    width = element.number(Element.WIDTH) if physical is Physical.FIXED else _WIDTHS.get(physical)
    yield Leaf(physical, width, definitions, repetitions, _order(physical, element))


def _order(physical: Physical, element: Struct) -> str:
    """Return as what values sort, see :class:`Leaf`."""
    converted, logical = element.get(Element.CONVERTED), element.get(Element.LOGICAL)
    said, meaning = next(iter(logical.fields.items()), (None, None)) if logical else (None, None)
    if physical is Physical.BOOLEAN:
        return "?"
    if physical in (Physical.INT32, Physical.INT64):
        unsigned = converted in Element.UNSIGNED
        if said == Element.LOGICAL_INTEGER and meaning is not None:
            unsigned = meaning[1].get(Element.IS_SIGNED) is False
        return ("<u" if unsigned else "<i") + _TYPES[physical][1:]
    if physical in (Physical.FLOAT, Physical.DOUBLE):
        return _TYPES[physical]
    as_bytes = said in (None, *Element.LOGICAL_AS_BYTES) and converted in Element.SORT_AS_BYTES
    return BYTES if as_bytes and physical is not Physical.INT96 else ""


def read_footer(file: BinaryIO) -> Struct | None:
    """Read the metadata of a Parquet file; ``None`` if it is larger than is taken apart here, or encrypted."""
    size = file.seek(0, 2)
    if size < 2 * len(MAGIC) + TAIL_BYTES:
        return None
    file.seek(size - TAIL_BYTES)
    tail = file.read(TAIL_BYTES)
    length = int.from_bytes(tail[:SIZE_BYTES], "little")
    if tail[SIZE_BYTES:] != MAGIC or not 0 < length <= min(MOST_FOOTER_BYTES, size - TAIL_BYTES - len(MAGIC)):
        return None
    file.seek(size - TAIL_BYTES - length)
    return Reader(file.read(length)).struct()


def columns_of(group: Struct) -> list[Struct]:
    """Return what is said of the columns of a row group."""
    return [chunk.within(Chunk.COLUMN) for chunk in group.structs(Group.CHUNKS)]


def span_of(column: Struct) -> tuple[int, int]:
    """Return where a column's pages begin and how many bytes they have."""
    data, dictionary = column.number(Column.DATA), column.get(Column.DICTIONARY)
    start = dictionary if dictionary and 0 < dictionary < data else data
    return start, column.number(Column.COMPRESSED)


def stands_here(chunk: Struct) -> bool:
    """Whether the pages of a column chunk stand in the same file, for everybody to read."""
    return chunk.get(Chunk.PATH) is None and not any(chunk.get(number) for number in Chunk.CRYPTO)


def is_known(column: Struct) -> bool:
    """Whether a column is one that can be taken apart here, as far as its metadata say."""
    sizes = [column.number(field) for field in (Column.BYTES, Column.COMPRESSED)]
    return (
        column.number(Column.CODEC) in list(Codec)
        and all(encoding in list(Encoding) for encoding in column.items(Column.ENCODINGS))
        and 0 <= column.number(Column.VALUES) <= MOST_ENTRIES
        and 0 <= min(sizes) <= max(sizes) <= MOST_CHUNK_BYTES
    )
