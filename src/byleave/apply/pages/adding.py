"""Columns added to a Parquet file: the pages that stand there are copied as they are, and never opened."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.pages.compact import BINARY, I32, Struct, malformed
from byleave.apply.pages.file import PageReader
from byleave.apply.pages.footer import (
    ARROW_SCHEMA,
    Chunk,
    Element,
    File,
    Group,
    Note,
    read_footer,
    span_of,
)
from byleave.apply.pages.output import Output


class ColumnAdder:
    """Writes row groups of one file as they stand, each with further columns behind its own.

    Parameters
    ----------
    added
        The further columns.
    codec
        How these are compressed, as Arrow names it.
    """

    def __init__(self, source: PageReader, path: Path, added: pa.Schema, codec: str) -> None:
        self._source = source
        self._codec = codec
        self._output = Output(source, path)
        self.close, self.abandon = self._output.close, self._output.abandon
        _, footer = self._made(added.empty_table())
        _declare(source.footer, footer, added)

    def write(self, number: int, further: pa.Table) -> None:
        """Write a row group with further columns, which have as many rows; nothing if it has none. Fails as :meth:`PageRewriter.write` does."""
        if not further.num_rows:
            return
        first = self._output.tell()
        with self._source.named():
            group = self._source.group_of(number, further.num_rows)
            self._output.copy(group)
        chunks = group.structs(Group.CHUNKS)
        content, footer = self._made(further)
        for chunk in footer.structs(File.GROUPS)[0].structs(Group.CHUNKS):
            column = chunk.within(Chunk.COLUMN)
            start, size = span_of(column)
            self._output.place(column, [content[start : start + size]])
            chunks.append(chunk)
        self._output.end_group(group, first, further.num_rows)

    def _made(self, table: pa.Table) -> tuple[memoryview, Struct]:
        """Write a table as one row group; return the file, and its metadata."""
        file = io.BytesIO()
        rows = max(1, table.num_rows)
        pq.write_table(table, file, row_group_size=rows, compression=self._codec, store_schema=False)
        footer = read_footer(file)
        if footer is None:
            raise malformed("what would be added to it is too large")
        return file.getbuffer(), footer


def _declare(footer: Struct, further: Struct, added: pa.Schema) -> None:
    """Say in the metadata of a file that it has the columns of another one as well."""
    root, *elements = further.structs(File.SCHEMA)
    schema = footer.structs(File.SCHEMA)
    schema[0].set(Element.CHILDREN, I32, schema[0].number(Element.CHILDREN) + root.number(Element.CHILDREN))
    schema += elements
    if footer.get(File.ORDERS) is not None:
        footer.items(File.ORDERS).extend(further.items(File.ORDERS))
    for note in footer.structs(File.NOTES):
        if note.get(Note.KEY) == ARROW_SCHEMA:
            told = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(note.get(Note.VALUE))))
            told = pa.schema([*told, *added], told.metadata)
            note.set(Note.VALUE, BINARY, base64.b64encode(told.serialize()))
