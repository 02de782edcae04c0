"""Rows taken out of the pages of a Parquet file, while all else stays as it stands.

Kept are schema, order of rows, row groups and pages less what goes, codec and encoding of every page, and what the file says of itself, whoever wrote it.
Not kept are indices, Bloom filters and statistics of single pages, which would tell of rows that went.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from byleave.apply.pages.chunk import ChunkRewriter
from byleave.apply.pages.compact import I32, I64, LIST, STRUCT, Items, Struct, written
from byleave.apply.pages.file import PageReader
from byleave.apply.pages.footer import Chunk, Column, Group, Kind
from byleave.apply.pages.output import Output
from byleave.apply.pages.page import Opened, pages_of
from byleave.apply.pages.values import Flags, Texts


class PageRewriter:
    """Writes row groups of one file, less the rows that go, to another file; the metadata that ``source`` has read are changed."""

    def __init__(self, source: PageReader, path: Path) -> None:
        self._source = source
        self._kept: dict[int, list[Opened]] = {}
        self._output = Output(source, path)
        self.close, self.abandon = self._output.close, self._output.abandon

    @classmethod
    def open(cls, source: Path, path: Path) -> Self | None:
        """Open a file to be written to ``path``; ``None`` if it holds something that is not taken apart here, and must be decoded."""
        reader = PageReader.open(source)
        if reader is None or reader.is_known:
            return cls(reader, path) if reader is not None else None
        reader.close()
        return None

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
        first = self._output.tell()
        for chunk, leaf in zip(group.structs(Group.CHUNKS), self._source.leaves, strict=True):
            column = chunk.within(Chunk.COLUMN)
            with self._source.named():
                opened = kept.get(id(column)) or pages_of(self._source.read(column), column, leaf)
                self._write_chunk(ChunkRewriter(column, leaf, stays), opened, column)
        self._output.end_group(group, first, int(stays.sum()))

    def _write_chunk(self, rewriter: ChunkRewriter, opened: Iterable[Opened], column: Struct) -> None:
        pages = rewriter.pages(opened)
        first, plain, kinds = self._output.tell(), 0, Counter[tuple[int, int]]()
        column.drop(Column.DICTIONARY, Column.DATA, *Column.FURTHER)
        for page in pages:
            place = Column.DICTIONARY if page.kind == Kind.DICTIONARY else Column.DATA
            if column.get(place) is None:
                column.set(place, I64, self._output.tell())
            head = written(page.header)
            self._output.write(head)
            self._output.write(page.body)
            plain += len(head) + page.size
            kinds[page.kind, page.encoding] += 1
        column.set(Column.VALUES, I64, rewriter.values)
        column.set(Column.BYTES, I64, plain)
        column.set(Column.COMPRESSED, I64, self._output.tell() - first)
        statistics = rewriter.summary.written()
        if statistics is not None:
            column.set(Column.STATISTICS, STRUCT, statistics)
        if column.get(Column.PAGES) is not None:
            counted = [_counted(*key, count) for key, count in sorted(kinds.items())]
            column.set(Column.PAGES, LIST, Items(STRUCT, counted))


def _counted(kind: int, encoding: int, count: int) -> Struct:
    """Say how many pages of a kind and encoding there are."""
    return Struct({1: (I32, kind), 2: (I32, encoding), 3: (I32, count)})
