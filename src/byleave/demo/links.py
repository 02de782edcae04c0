"""The demo's links as Parquet files with the columns of LAION-2B-en, and back.

``similarity``, ``punsafe`` and ``pwatermark`` are invented: plausible numbers that follow from the link and mean nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from byleave.demo.entries import Entry, RepostKind

ROWS_PER_PART = 1_000

SCHEMA = pa.schema(
    [
        ("URL", pa.string()),
        ("TEXT", pa.string()),
        ("WIDTH", pa.int32()),
        ("HEIGHT", pa.int32()),
        ("similarity", pa.float32()),
        ("punsafe", pa.float32()),
        ("pwatermark", pa.float32()),
        ("LICENSE", pa.string()),
        ("title", pa.string()),
        ("creator", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("simulated_repost", pa.bool_()),
        ("repost_kind", pa.string()),
        ("repost_of", pa.string()),
    ]
)
"""LAION's columns first, by LAION's names and types; then what is known of these pictures and marks the simulated ones."""


def row_of(entry: Entry) -> dict[str, object]:
    """Write one entry as a row: column → value."""
    invented = hashlib.sha256(entry.url.encode()).digest()
    return {
        "URL": entry.url,
        "TEXT": entry.caption,
        "WIDTH": entry.width,
        "HEIGHT": entry.height,
        "similarity": round(0.28 + invented[0] / 2048, 4),
        "punsafe": round(invented[1] / 8192, 4),
        "pwatermark": round(invented[2] / 1024, 4),
        "LICENSE": entry.licence,
        "title": entry.title,
        "creator": entry.creator,
        "tags": list(entry.tags),
        "simulated_repost": entry.repost_of is not None,
        "repost_kind": entry.repost_kind,
        "repost_of": entry.repost_of,
    }


def write_links(folder: Path, entries: Sequence[Entry]) -> None:
    """Write ``part-00000.parquet`` and so on, a thousand rows each."""
    folder.mkdir(parents=True)
    for start in range(0, len(entries), ROWS_PER_PART):
        rows = [row_of(entry) for entry in entries[start : start + ROWS_PER_PART]]
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        pq.write_table(table, folder / f"part-{start // ROWS_PER_PART:05d}.parquet", compression="zstd")


def read_links(folder: Path) -> Iterator[Entry]:
    """Yield the entries that :func:`write_links` wrote, in their order."""
    for part in sorted(folder.glob("part-*.parquet")):
        for row in pq.read_table(part, schema=SCHEMA).to_pylist():
            yield Entry(
                url=row["URL"],
                caption=row["TEXT"],
                title=row["title"],
                creator=row["creator"],
                tags=tuple(row["tags"]),
                licence=row["LICENSE"],
                width=row["WIDTH"],
                height=row["HEIGHT"],
                repost_kind=RepostKind(row["repost_kind"]) if row["repost_kind"] else None,
                repost_of=row["repost_of"],
            )
