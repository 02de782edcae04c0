"""Rows of a query in blocks, while the server is still at work on it, which may use all its processors: a cursor's query may not.

The first column is a value of fixed length, packed by the server; what may be missing or long follows as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import sql

from byleave.errors import UnavailableError

BATCH_ROWS: Final = 32_768
CHUNK_ROWS: Final = 1024
"""Rows that are taken over from the driver's library at once: each taking over costs as much as several rows."""

SORT_MEMORY: Final = "128MB"
"""For each sort and each of the server's processes."""


def streamed(connection: psycopg.Connection[Any], query: sql.Composed) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a query in its order, in blocks of :data:`BATCH_ROWS`; a transaction is open."""
    connection.execute(sql.SQL("SET LOCAL work_mem = {}").format(SORT_MEMORY))
    at_once = CHUNK_ROWS if psycopg.capabilities.has_stream_chunked() else 1
    with connection.cursor() as cursor:
        rows = cursor.stream(query, binary=True, size=at_once)
        while block := list(islice(rows, BATCH_ROWS)):
            yield block


def packed(rows: Sequence[tuple[Any, ...]], size: int) -> bytes:
    """Return the packed values of ``size`` bytes each, one after the other."""
    joined = b"".join([row[0] for row in rows])
    if len(joined) != len(rows) * size:
        raise UnavailableError(
            "the database server packs rows in another way than is known here", remedy="update Byleave"
        )
    return joined
