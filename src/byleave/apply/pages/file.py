"""A Parquet file read page by page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from byleave.apply.inputs import damaged
from byleave.apply.pages.compact import Reader, Struct, malformed
from byleave.apply.pages.footer import (
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
    stands_here,
)
from byleave.apply.pages.page import IN_DICTIONARY, Facts, Opened, has_known_encoding, pages_of
from byleave.apply.pages.values import Speller, Texts
from byleave.errors import FormatError

PEEKED_BYTES = 64 * 1024
"""Of each column chunk of the first row group, to see of what kind its pages are."""
COPIED_BYTES = 8 * 1024 * 1024
"""So many are held at a time where pages are copied as they stand."""


class PageReader:
    """Reads pages of one file.

    is_known
        Whether all that it holds can be taken apart here; if not, its pages can only be copied.
    """

    def __init__(self, path: Path, source: BinaryIO, footer: Struct) -> None:
        self.path = path
        self._source = source
        self.footer = footer
        self.leaves = leaves_of(footer.structs(File.SCHEMA))
        self.groups = footer.structs(File.GROUPS)
        self.is_known = _is_known(source, self.leaves, self.groups)
        self.close = source.close

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Open a file; ``None`` if its pages are encrypted or stand elsewhere, or its metadata are too large."""
        file = path.open("rb")
        with suppress(FormatError, ValueError, KeyError):
            footer = read_footer(file)
            if footer is not None and _stand_here(footer):
                return cls(path, file, footer)
        file.close()
        return None

    def texts(self, number: int, name: str) -> Texts | None:
        """Return the texts of a column in a row group.

        ``None`` if it holds nulls or lists, or not all of its pages hold plain values, or the file is not :attr:`is_known`: others may read it.

        Raises
        ------
        FormatError
            If its pages cannot be read.
        """
        found = self.text_column(number, name) if self.is_known else None
        return self.spell(*found, None) if found is not None else None

    def spell(self, column: Struct, leaf: Leaf, keep: list[Opened] | None) -> Texts | None:
        """Return the texts of a column, and its pages in ``keep``, if it is given; ``None`` if not all of these hold plain values."""
        with self.named():
            speller = Speller(column.number(Column.BYTES), column.number(Column.VALUES))
            for sealed in pages_of(self.read(column), column, leaf):
                page = sealed.opened()
                if not page.is_plain:
                    return None
                speller.add(np.frombuffer(page.values, np.uint8), page.entries)
                if keep is not None:
                    keep.append(page)
            return speller.texts()

    def group_of(self, number: int, rows: int) -> Struct:
        """Return a row group, after making sure that it has so many rows, and each column that has an entry to a row as many entries.

        Raises
        ------
        FormatError
            If it has others, which nobody would have decided about.
        """
        group = self.groups[number]
        flat = [
            column.number(Column.VALUES)
            for column, leaf in zip(columns_of(group), self.leaves, strict=True)
            if not leaf.repetitions
        ]
        if {group.number(Group.ROWS), *flat} != {rows}:
            raise malformed("a row group has other rows than it says")
        return group

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
        return memoryview(self._read(*span_of(column)))

    def parts(self, column: Struct) -> Iterator[bytes]:
        """Yield the bytes of a column's pages in parts of a bounded size."""
        start, size = span_of(column)
        for first in range(start, start + size, COPIED_BYTES):
            yield self._read(first, min(COPIED_BYTES, start + size - first))

    def _read(self, start: int, size: int) -> bytes:
        self._source.seek(start)
        data = self._source.read(size)
        if len(data) != size:
            raise malformed("a column ends behind the file")
        return data

    @contextmanager
    def named(self) -> Iterator[None]:
        """Name the file in what is said of its pages."""
        try:
            yield
        except FormatError as error:
            raise damaged(self.path, error) from error


def _stand_here(footer: Struct) -> bool:
    """Whether the pages of all columns stand in the file itself, for everybody to read."""
    groups = footer.structs(File.GROUPS)
    columns = len(leaves_of(footer.structs(File.SCHEMA)))
    chunks = [group.structs(Group.CHUNKS) for group in groups]
    return footer.get(File.ENCRYPTION) is None and all(
        len(listed) == columns and all(map(stands_here, listed)) for listed in chunks
    )


def _is_known(file: BinaryIO, leaves: list[Leaf], groups: list[Struct]) -> bool:
    """Whether a file holds nothing but what is taken apart here, as far as its metadata and the first pages of its columns say."""
    columns = [columns_of(group) for group in groups]
    if not all(is_known(column) for listed in columns for column in listed):
        return False
    first = [column for listed in columns[:1] for column in listed]
    with suppress(FormatError, ValueError, KeyError):
        return all(_begins_well(file, column, leaf) for column, leaf in zip(first, leaves, strict=False))
    return False


def _begins_well(file: BinaryIO, column: Struct, leaf: Leaf) -> bool:
    """Whether the first data page of a column, if it has one, is of a kind that is known here."""
    at = column.number(Column.DATA)
    while column.number(Column.VALUES):
        file.seek(at)
        reader = Reader(file.read(PEEKED_BYTES))
        header = reader.struct()
        said = Facts.of(header)
        if said.kind != Kind.DICTIONARY:
            return has_known_encoding(header, said.encoding, leaf)
        at += reader.at + header.number(Page.COMPRESSED)
    return True
