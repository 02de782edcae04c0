"""Parquet in: links as LAION publishes them, and img2dataset's Parquet with pictures inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from byleave.datasets.records import (
    CAPTION_NAMES,
    URL_NAMES,
    Record,
    Reject,
    Shard,
    record_from_fields,
)
from byleave.errors import FormatError

LINK_ROWS = 20_000
PICTURE_ROWS = 1_000
"""Rows of one shard: a bound on memory, and what a killed ingest does again."""

BATCH_ROWS = 1_024
BATCH_BYTES = 64 * 1024 * 1024
PICTURE_NAMES = ("jpg", "jpeg", "png", "webp", "image_bytes", "img")
NO_FIELDS = frozenset({"status", "error_message"})

_FAULTS = (pa.ArrowException, OSError, ValueError, MemoryError)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of one Parquet file mean what."""

    url: str | None
    picture: str | None
    names: tuple[str, ...]


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a file by its footer; text columns stay dictionaries, so that a repeated long value costs its size once.

    Raises
    ------
    FormatError
        If the footer cannot be read.
    """
    try:
        schema = pq.read_schema(path)
        text = [column.name for column in schema if _is_text(column.type)]
        return pq.ParquetFile(path, read_dictionary=text, page_checksum_verification=True)
    except _FAULTS as error:
        raise FormatError(
            f"{path} is no readable Parquet file: {_first_line(error)}", remedy="download the file again"
        ) from error


def columns_of(path: Path) -> Columns:
    """Find the columns of URL and picture by their names.

    Raises
    ------
    FormatError
        If there is neither, or the column that should hold links holds something else.
    """
    file = open_parquet(path)
    schema = file.schema_arrow
    file.close()
    by_name = {column.name.lower(): column for column in reversed(list(schema))}
    url = next((by_name[name] for name in URL_NAMES if name in by_name), None)
    picture = next(
        (by_name[n].name for n in PICTURE_NAMES if n in by_name and _is_bytes(by_name[n].type)), None
    )
    if url is not None and not (_is_text(url.type) or _is_bytes(url.type)):
        raise FormatError(
            f"the column {url.name!r} of {path} holds {url.type}, not links",
            remedy="name the column of links 'url' or 'URL' and store it as text",
        )
    if url is None and picture is None:
        raise FormatError(
            f"{path} has no column of links; it has {', '.join(map(repr, schema.names[:40])) or 'none'}",
            remedy=f"name it one of {', '.join(URL_NAMES)} and the captions one of "
            f"{', '.join(CAPTION_NAMES)} (in any case)",
        )
    return Columns(url.name if url is not None else None, picture, tuple(schema.names))


def parquet_shards(path: Path, name: str, *, skip_keys: frozenset[str] = frozenset()) -> Iterator[Shard]:
    """Cut one Parquet file into shards of bounded row ranges.

    Rows whose ``key`` is in ``skip_keys`` are left out: their picture and fields were read elsewhere.
    """
    columns = columns_of(path)
    file = open_parquet(path)
    rows_per_shard = PICTURE_ROWS if columns.picture else LINK_ROWS
    total = max(1, file.metadata.num_rows)
    size = path.stat().st_size
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        reader = _GroupReader(path, group)
        for start in range(0, rows, rows_per_shard):
            stop = min(rows, start + rows_per_shard)
            part = _RowRange(reader, columns, f"{name} group {group}", start, stop, skip_keys)
            yield Shard(f"{name}@{group}.{start}", size * (stop - start) // total, part.read)
    file.close()


@dataclass(slots=True)
class _GroupReader:
    """Reads one row group forward; a shard that starts where the last one ended costs no second pass."""

    path: Path
    group: int
    position: int = 0
    _batches: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))
    _rest: pa.RecordBatch | None = None

    def slices(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows from ``start`` up to ``stop`` in batches."""
        if start != self.position or start == 0:
            file = open_parquet(self.path)
            rows = _rows_at_once(file.metadata.row_group(self.group))
            self._batches = file.iter_batches(rows, row_groups=[self.group], use_threads=False)
            self.position, self._rest = 0, None
        while self.position < stop:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            if batch is None:
                raise FormatError(f"{self.path} ends early", remedy="download the file again")
            first = min(max(0, start - self.position), len(batch))
            last = min(stop - self.position, len(batch))
            self._rest = batch.slice(last) if last < len(batch) else None
            self.position += last
            if first < last:
                yield batch.slice(first, last - first)


@dataclass(frozen=True, slots=True)
class _RowRange:
    reader: _GroupReader
    columns: Columns
    name: str
    start: int
    stop: int
    skip_keys: frozenset[str]

    def read(self) -> Iterator[Record | Reject]:
        row = self.start
        try:
            for batch in self.reader.slices(self.start, self.stop):
                for fields in _rows(batch):
                    if not self.skip_keys or fields.get("key") not in self.skip_keys:
                        yield self._record(fields, f"{self.name} row {row}")
                    row += 1
        except (*_FAULTS, FormatError) as error:
            self.reader.position = -1
            yield Reject("corrupt_rows", f"{self.name} rows {row} to {self.stop - 1}", _first_line(error))

    def _record(self, fields: Mapping[str, object], where: str) -> Record:
        picture = fields.get(self.columns.picture) if self.columns.picture else None
        drop = NO_FIELDS | ({self.columns.picture} if self.columns.picture else set())
        return record_from_fields(
            fields,
            where=where,
            picture=picture if isinstance(picture, bytes) and picture else None,
            drop=drop,
        )


def _rows_at_once(group: pq.RowGroupMetaData) -> int:
    """Return how many rows of a group fit the memory meant for one batch, by what its footer says."""
    bytes_per_row = max(1, int(group.total_byte_size) // max(1, int(group.num_rows)))
    return max(1, min(BATCH_ROWS, BATCH_BYTES // bytes_per_row))


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, object]]:
    """Yield the rows of a batch; text that is not UTF-8 comes as bytes."""
    columns = [_values(column) for column in batch.columns]
    names = batch.schema.names
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


def _values(column: pa.Array) -> Iterator[object]:
    if pa.types.is_dictionary(column.type):
        return _by_index(column)
    if _is_text(column.type):
        try:
            return iter(column.to_pylist())
        except UnicodeDecodeError:
            large = pa.types.is_large_string(column.type)
            return iter(column.cast(pa.large_binary() if large else pa.binary()).to_pylist())
    try:
        return iter(column.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException):
        return iter([_value_or_text(value) for value in column])


def _by_index(column: pa.DictionaryArray) -> Iterator[object]:
    """Read only the values a batch points at: the dictionary may hold those of the whole row group."""
    used = pc.unique(column.indices.drop_null())
    values = dict(zip(used.to_pylist(), _values(column.dictionary.take(used)), strict=True))
    return (values.get(index) for index in column.indices.to_pylist())


def _value_or_text(value: pa.Scalar) -> object:
    try:
        return value.as_py()
    except (ValueError, OverflowError, pa.ArrowException):
        return str(value.type)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view())


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
