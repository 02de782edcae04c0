"""The Lance table of one dataset: opened anew for every question, so that a reader sees what another process added."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pyarrow.compute as pc

from byleave.catalog.schema import KEY_BYTES

INDEXED_ROWS = 50_000
"""Below this many rows every search is exact and reads all vectors; from here on indexes are built."""

KEYS_AT_ONCE = 1_000
TWINS_AT_ONCE = 262_144
COMPACT_FRAGMENTS = 32
READERS_END_WITHIN = timedelta(days=1)
"""Nobody reads one version of a table for longer, not even who covers a large dataset."""


class SampleTable:
    """All samples of one dataset, by sample key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether the table was made, with its word index."""
        return (
            self.path.is_dir() and any(self.path.glob("_versions/*")) and bool(self.open().describe_indices())
        )

    def create(self, schema: pa.Schema) -> None:
        """Make an empty table, in the place of a half-made one. Its word index comes first, so that rows are found by words from their first commit on."""
        shutil.rmtree(self.path, ignore_errors=True)
        table = lance.write_dataset(schema.empty_table(), str(self.path), mode="create")
        _index_words(table)

    def open(self, version: int | None = None) -> lance.LanceDataset:
        """Open the newest version, or one that is named."""
        return lance.dataset(str(self.path), version=version)

    def merge(self, rows: pa.Table) -> None:
        """Insert rows, or replace those with the same key, in one commit."""
        builder = self.open().merge_insert("sample_key")
        builder.when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def by_keys(
        self, keys: Sequence[bytes], columns: list[str] | dict[str, str] | None = None
    ) -> Iterator[pa.Table]:
        """Yield the rows that stand under these keys, in parts and in no particular order."""
        table = self.open()
        for start in range(0, len(keys), KEYS_AT_ONCE):
            part = keys[start : start + KEYS_AT_ONCE]
            yield table.to_table(columns=columns, filter=in_list("sample_key", part))

    def light_rows(self, keys: Sequence[bytes], columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Yield rows with the named columns, each made by an SQL expression, in no particular order."""
        for part in self.by_keys(keys, dict(columns)):
            yield from part.to_pylist()

    def twins_elsewhere(self, twins: Iterable[bytes], *, source: str, shard: str) -> Counter[bytes]:
        """Count how many rows other shards of the same source hold with each of these twin keys."""
        wanted = pa.array(sorted(set(twins)), pa.binary(KEY_BYTES))
        if not self._twins(wanted):
            return Counter()  # The usual case asks for one column alone.
        return self._twins(wanted, f"source = {text(source)} AND shard != {text(shard)}")

    def _twins(self, wanted: pa.Array, where: str | None = None) -> Counter[bytes]:
        counts: Counter[bytes] = Counter()
        scanner = self.open().scanner(columns=["twin_key"], filter=where, batch_size=TWINS_AT_ONCE)
        for batch in scanner.to_batches():
            keys = batch.column(0)
            counts.update(keys.filter(pc.is_in(keys, value_set=wanted)).to_pylist())
        return counts

    def restore(self, version: int) -> None:
        """Make an earlier version the newest one."""
        self.open(version).restore()  # type: ignore[no-untyped-call]  # lance leaves it unannotated

    def digest(self) -> str:
        """Return one SHA-256 (hex) over all rows in key order; how they are spread over files does not count."""
        table = self.open()
        lines: list[bytes] = []
        for batch in table.to_batches(columns=table.schema.names, batch_size=1024):
            lines.extend(key + _row_digest(row) for key, row in _keyed_rows(batch))
        return hashlib.sha256(b"".join(sorted(lines))).hexdigest()

    def forget_old_versions(self) -> None:
        """Remove the files of versions that no reader can still have open. None is left to return to."""
        self.open().cleanup_old_versions(older_than=READERS_END_WITHIN)

    def settle(self) -> None:
        """Join small files and bring the indexes up to date; called when a source is finished."""
        table = self.open()
        if len(table.get_fragments()) > COMPACT_FRAGMENTS:
            table.optimize.compact_files()
        _index_words(table)
        table.create_scalar_index("sample_key", "BTREE", replace=True)
        if table.count_rows() < INDEXED_ROWS:
            return
        for column in ("domain", "host", "digest"):
            table.create_scalar_index(column, "BTREE", replace=True)
        for column in ("caption_vector", "embedding"):
            vectors = table.count_rows(f"{column} IS NOT NULL")
            if vectors >= INDEXED_ROWS:
                partitions = max(16, min(4096, int(vectors**0.5) // 4))
                table.create_index(
                    column, "IVF_RQ", metric="cosine", num_partitions=partitions, num_bits=1, replace=True
                )


def _index_words(table: lance.LanceDataset) -> None:
    table.create_scalar_index("words", "INVERTED", with_position=False, replace=True)


def text(value: str) -> str:
    """Write a text literal for a filter."""
    return "'" + value.replace("'", "''") + "'"


def in_list(column: str, values: Sequence[bytes]) -> str:
    """Write a filter for binary values."""
    literals = ", ".join(f"X'{value.hex()}'" for value in values)
    return f"{column} IN ({literals})" if values else "false"


def _keyed_rows(batch: pa.RecordBatch) -> Iterator[tuple[bytes, dict[str, object]]]:
    for row in batch.to_pylist():
        yield row["sample_key"], row


def _row_digest(row: dict[str, object]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(row):
        digest.update(name.encode() + b"\0" + repr(row[name]).encode() + b"\0")
    return digest.digest()
