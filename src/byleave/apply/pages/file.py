"""A Parquet file read page by page, and written with rows taken out of its pages, while all else stays as it stands.

Kept are schema, order of rows, row groups and pages less what goes, codec and encoding of every page, and what the file says of itself, whoever wrote it.
Not kept are indices, Bloom filters and statistics of single pages, which would tell of rows that went.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from byleave.apply.inputs import damaged
from byleave.apply.pages.chunk import ChunkRewriter
from byleave.apply.pages.compact import I16, I32, I64, LIST, STRUCT, Items, Reader, Struct, malformed, written
from byleave.apply.pages.footer import (
    MAGIC,
    SIZE_BYTES,
    Chunk,
    Column,
    File,
    Group,
    Kind,
    Leaf,
    Page,
    Physical,
    columns_of,
    is_known,
    leaves_of,
    read_footer,
    span_of,
)
from byleave.apply.pages.page import IN_DICTIONARY, Opened, has_known_encoding, pages_of
from byleave.apply.pages.values import Flags, Speller, Texts
from byleave.errors import FormatError

PEEKED_BYTES = 64 * 1024
"""Of each column chunk of the first row group, to see of what kind its pages are."""


class PageReader:
    """Reads pages of one file."""

    def __init__(self, name: Path, source: BinaryIO, footer: Struct) -> None:
        self._name = name
        self._source = source
        self.footer = footer
        self.leaves = leaves_of(footer.structs(File.SCHEMA))
        self.groups = footer.structs(File.GROUPS)
        self.close = source.close

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Open a file; ``None`` if it holds something that is not taken apart here, and must be decoded."""
        file = path.open("rb")
        with suppress(FormatError, ValueError, KeyError):
            footer = read_footer(file)
            if footer is not None and _is_known(file, footer):
                return cls(path, file, footer)
        file.close()
        return None

    def texts(self, number: int, name: str) -> Texts | None:
        """Return the texts of a column in a row group.

        ``None`` if it holds nulls or lists, or not all of its pages hold plain values: others may read it.

        Raises
        ------
        FormatError
            If its pages cannot be read.
        """
        found = self.text_column(number, name)
        return self.spell(*found, None) if found is not None else None

    def spell(self, column: Struct, leaf: Leaf, keep: list[Opened] | None) -> Texts | None:
        """Return the texts of a column, and its pages in ``keep``, if it is given; ``None`` if not all of these hold plain values."""
        with self.named():
            speller = Speller(column.number(Column.BYTES), column.number(Column.VALUES))
            for page in pages_of(self.read(column), column, leaf):
                if not page.is_plain:
                    return None
                speller.add(np.frombuffer(page.values, np.uint8), page.entries)
                if keep is not None:
                    keep.append(page)
            return speller.texts()

    def text_column(self, number: int, name: str) -> tuple[Struct, Leaf] | None:
        """Find a column of texts in a row group, and what is said of it; ``None`` if it is none, or has a dictionary."""
        for column, leaf in zip(columns_of(self.groups[number]), self.leaves, strict=True):
            is_text = leaf.physical is Physical.TEXT and not leaf.repetitions
            if is_text and column.items(Column.NAME) == [name.encode()]:
                is_plain = not set(IN_DICTIONARY) & set(column.items(Column.ENCODINGS))
                # Of a row group without rows nobody says where pages would be.
                return (column, leaf) if is_plain and column.number(Column.VALUES) else None
        return None

    def read(self, column: Struct) -> memoryview:
        """Read the bytes of a column's pages."""
        start, size = span_of(column)
        self._source.seek(start)
        data = self._source.read(size)
        if len(data) != size:
            raise malformed("a column ends behind the file")
        return memoryview(data)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Name the file in what is said of its pages."""
        try:
            yield
        except FormatError as error:
            raise damaged(self._name, error) from error


class PageRewriter:
    """Writes row groups of one file, less the rows that go, to another file; the metadata that ``source`` has read are changed."""

    def __init__(self, source: PageReader, path: Path) -> None:
        self._source = source
        self._written: list[Struct] = []
        self._kept: dict[int, list[Opened]] = {}
        self._out = path.open("wb")
        self._out.write(MAGIC)

    @classmethod
    def open(cls, source: Path, path: Path) -> Self | None:
        """Open a file to be written to ``path``; ``None`` as from :meth:`PageReader.open`."""
        reader = PageReader.open(source)
        return cls(reader, path) if reader is not None else None

    def texts(self, number: int, name: str) -> Texts | None:
        """As :meth:`PageReader.texts`; the pages are kept until the group is written."""
        found, kept = self._source.text_column(number, name), list[Opened]()
        texts = self._source.spell(*found, kept) if found is not None else None
        self._kept = {id(found[0]): kept} if found is not None and texts is not None else {}
        return texts

    def write(self, number: int, stays: Flags) -> None:
        """Write a row group with the rows that stay, bool (n,); nothing if none does.

        Raises
        ------
        FormatError
            If its pages cannot be read.
        OSError
            If they cannot be written.
        """
        kept, self._kept = self._kept, {}
        if not stays.any():
            return
        group = self._source.groups[number]
        first = self._out.tell()
        for chunk, leaf in zip(group.structs(Group.CHUNKS), self._source.leaves, strict=True):
            column = chunk.within(Chunk.COLUMN)
            with self._source.named():
                opened = kept.get(id(column)) or pages_of(self._source.read(column), column, leaf)
                self._write_chunk(ChunkRewriter(column, leaf, stays), opened, column)
            chunk.set(Chunk.OFFSET, I64, 0)
            chunk.drop(*Chunk.INDEX)
        self._end_group(group, first, int(stays.sum()))

    def _write_chunk(self, rewriter: ChunkRewriter, opened: Iterable[Opened], column: Struct) -> None:
        pages = rewriter.pages(opened)
        first, plain, kinds = self._out.tell(), 0, Counter[tuple[int, int]]()
        column.drop(Column.DICTIONARY, Column.DATA, *Column.FURTHER)
        for page in pages:
            place = Column.DICTIONARY if page.kind == Kind.DICTIONARY else Column.DATA
            if column.get(place) is None:
                column.set(place, I64, self._out.tell())
            head = written(page.header)
            self._out.write(head)
            self._out.write(page.body)
            plain += len(head) + page.size
            kinds[page.kind, page.encoding] += 1
        column.set(Column.VALUES, I64, rewriter.values)
        column.set(Column.BYTES, I64, plain)
        column.set(Column.COMPRESSED, I64, self._out.tell() - first)
        statistics = rewriter.summary.written()
        if statistics is not None:
            column.set(Column.STATISTICS, STRUCT, statistics)
        if column.get(Column.PAGES) is not None:
            counted = [_counted(*key, count) for key, count in sorted(kinds.items())]
            column.set(Column.PAGES, LIST, Items(STRUCT, counted))

    def _end_group(self, group: Struct, first: int, rows: int) -> None:
        group.set(Group.ROWS, I64, rows)
        group.set(Group.BYTES, I64, sum(column.number(Column.BYTES) for column in columns_of(group)))
        if group.get(Group.OFFSET) is not None:
            group.set(Group.OFFSET, I64, first)
        if group.get(Group.COMPRESSED) is not None:
            group.set(Group.COMPRESSED, I64, self._out.tell() - first)
        if group.get(Group.ORDINAL) is not None:
            group.set(Group.ORDINAL, I16, len(self._written))
        self._written.append(group)

    def close(self) -> None:
        """Write the metadata."""
        footer = self._source.footer
        footer.set(File.GROUPS, LIST, Items(STRUCT, self._written))
        footer.set(File.ROWS, I64, sum(group.number(Group.ROWS) for group in self._written))
        content = written(footer)
        self._out.write(content + len(content).to_bytes(SIZE_BYTES, "little") + MAGIC)
        self.abandon()

    def abandon(self) -> None:
        """Close both files; what stands in the new one is of no use unless it was closed."""
        self._out.close()
        self._source.close()


def _is_known(file: BinaryIO, footer: Struct) -> bool:
    """Whether a file holds nothing but what is taken apart here, as far as its metadata and the first pages of its columns say."""
    if footer.get(File.ENCRYPTION) is not None:
        return False
    leaves, groups = leaves_of(footer.structs(File.SCHEMA)), footer.structs(File.GROUPS)
    chunks = [group.structs(Group.CHUNKS) for group in groups]
    if not all(len(columns) == len(leaves) and all(map(is_known, columns)) for columns in chunks):
        return False
    first = [chunk.within(Chunk.COLUMN) for columns in chunks[:1] for chunk in columns]
    return all(_begins_well(file, column, leaf) for column, leaf in zip(first, leaves, strict=False))


def _begins_well(file: BinaryIO, column: Struct, leaf: Leaf) -> bool:
    """Whether the first data page of a column, if it has one, is of a kind that is known here."""
    at = column.number(Column.DATA)
    while column.number(Column.VALUES):
        file.seek(at)
        reader = Reader(file.read(PEEKED_BYTES))
        header = reader.struct()
        if header.number(Page.KIND) != Kind.DICTIONARY:
            return has_known_encoding(header, leaf)
        at += reader.at + header.number(Page.COMPRESSED)
    return True


def _counted(kind: int, encoding: int, count: int) -> Struct:
    """Say how many pages of a kind and encoding there are."""
    return Struct({1: (I32, kind), 2: (I32, encoding), 3: (I32, count)})
