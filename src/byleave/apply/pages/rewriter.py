"""Rows taken out of the pages of a Parquet file, while all else stays as it stands.

Kept are schema, order of rows, row groups and pages less what goes, codec and encoding of every page, and what the file says of itself, whoever wrote it.
Not kept are indices, Bloom filters and statistics of single pages, which would tell of rows that went. A row group of which every row stays is copied and
never opened, and so is a file.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from byleave.apply.pages.chunk import Remade, take_out
from byleave.apply.pages.compact import I32, I64, LIST, STRUCT, Items, Struct, written
from byleave.apply.pages.file import PageReader
from byleave.apply.pages.footer import Column, Group, Kind, columns_of
from byleave.apply.pages.output import Output
from byleave.apply.pages.page import Opened, Sealed, pages_of
from byleave.apply.pages.values import Flags, Texts


class PageRewriter:
    """Writes all row groups of one file in their order, less the rows that go, to another file; the metadata that ``source`` has read are changed."""

    def __init__(self, source: PageReader, path: Path) -> None:
        self._source = source
        self._path = path
        self._kept: dict[int, list[Opened]] = {}
        self._loses = False
        self._output = Output(source, path)
        self.abandon = self._output.abandon

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
        """Write a row group with the rows that stay, bool (n,); nothing if none does, and nothing yet before one loses rows.

        Raises
        ------
        FormatError
            If it has other rows, or its pages cannot be read.
        OSError
            If they cannot be written.
        """
        kept, self._kept = self._kept, {}
        left = int(np.count_nonzero(stays))
        with self._source.named():
            group = self._source.group_of(number, len(stays))
            if left < len(stays):
                self._begin(number)
                self._take_out(group, stays, left, kept)
            elif self._loses:
                self._copy(number)

    def close(self) -> None:
        """Write the metadata, or the file as it stands if all rows stay."""
        if self._loses:
            self._output.close()
            return
        self.abandon()
        shutil.copyfile(self._source.path, self._path)

    def _begin(self, number: int) -> None:
        """Write row groups up to this one, which loses rows, if none before it did."""
        before, self._loses = () if self._loses else range(number), True
        for one in before:
            self._copy(one)

    def _copy(self, number: int) -> None:
        """Write a row group as it stands, unless it has no rows."""
        group, first = self._source.groups[number], self._output.tell()
        if rows := group.number(Group.ROWS):
            self._output.copy(group)
            self._output.end_group(group, first, rows)

    def _take_out(self, group: Struct, stays: Flags, left: int, kept: dict[int, list[Opened]]) -> None:
        """Write a row group with those rows that are ``left``, unless there are none."""
        first = self._output.tell()
        if not left:
            return
        for column, leaf in zip(columns_of(group), self._source.leaves, strict=True):
            pages: Sequence[Sealed | Opened] = kept.get(id(column), ())
            pages = pages or list(pages_of(self._source.read(column), column, leaf))
            self._write_chunk(column, take_out(column, leaf, stays, pages))
        self._output.end_group(group, first, left)

    def _write_chunk(self, column: Struct, made: Remade) -> None:
        first, plain, kinds = self._output.tell(), 0, Counter[tuple[int, int]]()
        column.drop(Column.DICTIONARY, Column.DATA, *Column.FURTHER)
        for page in made.pages:
            place = Column.DICTIONARY if page.kind == Kind.DICTIONARY else Column.DATA
            if column.get(place) is None:
                column.set(place, I64, self._output.tell())
            head = written(page.header)
            self._output.write(head)
            self._output.write(page.body)
            plain += len(head) + page.size
            kinds[page.kind, page.encoding] += 1
        column.set(Column.VALUES, I64, made.entries)
        column.set(Column.BYTES, I64, plain)
        column.set(Column.COMPRESSED, I64, self._output.tell() - first)
        if made.statistics is not None:
            column.set(Column.STATISTICS, STRUCT, made.statistics)
        if column.get(Column.PAGES) is not None:
            counted = [_counted(*key, count) for key, count in sorted(kinds.items())]
            column.set(Column.PAGES, LIST, Items(STRUCT, counted))


def _counted(kind: int, encoding: int, count: int) -> Struct:
    """Say how many pages of a kind and encoding there are."""
    return Struct({1: (I32, kind), 2: (I32, encoding), 3: (I32, count)})
