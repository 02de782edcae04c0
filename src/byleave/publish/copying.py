"""Rows of a query as the server packed them, by COPY: it works on while this process does, and may use all its processors.

The first column is a value of fixed length, packed by the server; what may be missing or long follows as text. Each row is taken as it comes
over the wire in PostgreSQL's binary format: number of columns (int16), then length (int32, -1 for null) and bytes of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import psycopg
from psycopg import sql

from byleave.errors import UnavailableError

BATCH_ROWS: Final = 32_768
SORT_MEMORY: Final = "128MB"
"""For each sort and each of the server's processes."""

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_HEADER_BYTES: Final = len(_SIGNATURE) + 8
_END: Final = b"\xff\xff"
_START: Final = 6
"""Where the packed value of a row begins."""


def copied(connection: psycopg.Connection[Any], query: sql.Composed) -> Iterator[list[bytes]]:
    """Yield the rows of a query in its order, as blocks of rows as they came; a transaction is open."""
    connection.execute(sql.SQL("SET LOCAL work_mem = {}").format(SORT_MEMORY))
    rows: list[bytes] = []
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query)) as copy,
    ):
        for data in copy:  # the server sends a message for each row
            row = bytes(data)
            if row.startswith(_SIGNATURE):
                row = row[_HEADER_BYTES:]
            if not row or row == _END:
                continue
            rows.append(row)
            if len(rows) == BATCH_ROWS:
                yield rows
                rows = []
    if rows:
        yield rows


def packed(rows: list[bytes], size: int) -> bytes:
    """Return the packed values of ``size`` bytes each, one after the other."""
    end = _START + size
    alike = min(map(len, rows)) == max(map(len, rows))
    joined = b"".join(rows if alike else [row[:end] for row in rows])
    found = np.frombuffer(joined, np.uint8).reshape(len(rows), -1)
    if not np.array_equal(found[:, 2:_START], np.broadcast_to(_length(size), (len(rows), 4))):
        raise UnavailableError(
            "the database server packs rows in another way than is known here", remedy="update Byleave"
        )
    return found[:, _START:end].tobytes()


def texts(rows: list[bytes], size: int, columns: int) -> Iterator[tuple[str | None, ...]]:
    """Yield what stands behind the packed value of each row, as many texts as there are further columns."""
    nothing = (None,) * columns
    shortest = _START + size + 4 * columns
    for row in rows:
        yield nothing if len(row) == shortest else _texts(row, _START + size, columns)


def _texts(row: bytes, at: int, columns: int) -> tuple[str | None, ...]:
    found: list[str | None] = []
    for _ in range(columns):
        size = int.from_bytes(row[at : at + 4], signed=True)
        at += 4
        found.append(row[at : at + size].decode() if size >= 0 else None)
        at += max(size, 0)
    return tuple(found)


def _length(size: int) -> np.typing.NDArray[np.uint8]:
    return np.frombuffer(size.to_bytes(4), np.uint8)
