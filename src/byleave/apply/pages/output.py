"""A Parquet file made of the row groups of another one: what is said of these changes as they are written, all else stands as it did."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from byleave.apply.pages.compact import I16, I64, LIST, STRUCT, Items, Struct, written
from byleave.apply.pages.file import PageReader
from byleave.apply.pages.footer import MAGIC, SIZE_BYTES, Chunk, Column, File, Group, columns_of, span_of


class Output:
    """Takes pages, row group by row group; the metadata that ``source`` has read are changed, and written behind them."""

    def __init__(self, source: PageReader, path: Path) -> None:
        self._source = source
        self._groups: list[Struct] = []
        self._out = path.open("wb")
        self._out.write(MAGIC)
        self.write, self.tell = self._out.write, self._out.tell

    def place(self, column: Struct, parts: Iterable[bytes | memoryview]) -> None:
        """Write the pages of a column as they stand, and say where they are."""
        first, start, data = self.tell(), span_of(column)[0], column.number(Column.DATA)
        for part in parts:
            self.write(part)
        column.drop(Column.DICTIONARY, *Column.ELSEWHERE)
        if start != data:
            column.set(Column.DICTIONARY, I64, first)
        column.set(Column.DATA, I64, first + data - start)

    def copy(self, group: Struct) -> None:
        """Write the pages of all columns of a row group as they stand."""
        for column in columns_of(group):
            self.place(column, self._source.parts(column))

    def end_group(self, group: Struct, first: int, rows: int) -> None:
        """Take note of a row group whose pages begin at ``first``. Indices of its pages stand in the file it comes from, and are not named."""
        for chunk in group.structs(Group.CHUNKS):
            chunk.set(Chunk.OFFSET, I64, 0)
            chunk.drop(*Chunk.INDEX)
        group.set(Group.ROWS, I64, rows)
        group.set(Group.BYTES, I64, sum(column.number(Column.BYTES) for column in columns_of(group)))
        if group.get(Group.OFFSET) is not None:
            group.set(Group.OFFSET, I64, first)
        if group.get(Group.COMPRESSED) is not None:
            group.set(Group.COMPRESSED, I64, self.tell() - first)
        if group.get(Group.ORDINAL) is not None:
            group.set(Group.ORDINAL, I16, len(self._groups))
        self._groups.append(group)

    def close(self) -> None:
        """Write the metadata."""
        footer = self._source.footer
        footer.set(File.GROUPS, LIST, Items(STRUCT, self._groups))
        footer.set(File.ROWS, I64, sum(group.number(Group.ROWS) for group in self._groups))
        content = written(footer)
        self.write(content + len(content).to_bytes(SIZE_BYTES, "little") + MAGIC)
        self.abandon()

    def abandon(self) -> None:
        """Close both files; what stands in the new one is of no use unless it was closed."""
        self._out.close()
        self._source.close()
