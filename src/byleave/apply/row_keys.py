"""The rows of a dataset by what they are, wherever they stand: a key of link and caption, and what tells a person about the row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.forms.parquet_rows import bytes_of, parquet_columns
from byleave.apply.forms.units import DECIDING, Unit
from byleave.apply.inputs import Columns, InputFile, check_single, columns_of, open_parquet, reading_parquet
from byleave.apply.matching import Matched, Matcher
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.sources import Input
from byleave.apply.statements import RECORD_WORDS
from byleave.apply.tables import new_table
from byleave.datasets.records import CAPTION_NAMES, CREATOR_NAMES

KEY_BYTES = 16
UNREADABLE = "(no link that can be read)"

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Told:
    """Some rows of a dataset: what decides, and the columns that tell of them, ``None`` where a form has none."""

    batch: pa.RecordBatch
    columns: Columns
    captions: pa.Array | None
    creators: pa.Array | None

    def filter(self, wanted: npt.NDArray[np.bool_]) -> Told:
        """Return the rows that are wanted, bool (n,)."""
        mask = pa.array(wanted)
        captions, creators = (
            column.filter(mask) if column is not None else None for column in (self.captions, self.creators)
        )
        return Told(self.batch.filter(mask), self.columns, captions, creators)


class KeyMaker:
    """Makes keys of rows. Holds working memory: one per thread."""

    def __init__(self) -> None:
        self._matcher = Matcher(empty_ruleset(), None)

    def keys(self, rows: Told) -> Keys:
        """Return a key for each row, uint64 (n, 2): equal for rows of one item, or of the same unreadable bytes, with one caption."""
        size = rows.batch.num_rows
        matched = self._match(rows)
        absent: list[bytes | None] = [None] * size
        links = bytes_of(_column(rows, rows.columns.link)) if rows.columns.link else absent
        captions = bytes_of(rows.captions) if rows.captions is not None else absent
        items = matched.items.tobytes()
        content = bytearray()
        for row, (link, caption) in enumerate(zip(links, captions, strict=True)):
            name = items[16 * row : 16 * row + 16] if matched.named[row] else b"unread" + (link or b"")
            parts = len(name).to_bytes(8, "little") + name + (caption or b"")
            content += hashlib.blake2b(parts, digest_size=KEY_BYTES).digest()
        return np.frombuffer(bytes(content), np.uint64).reshape(-1, 2)

    def hosts(self, rows: Told) -> pa.Array:
        """Return the host of each row."""
        matched = self._match(rows)
        return pa.array([matched.host(row) or UNREADABLE for row in range(rows.batch.num_rows)])

    def _match(self, rows: Told) -> Matched:
        link = _column(rows, rows.columns.link) if rows.columns.link else None
        digest = _column(rows, rows.columns.digest) if rows.columns.digest else None
        return self._matcher.match(link, digest, rows.batch.num_rows)


def read_rows(source: Input) -> Iterator[Told]:
    """Yield all rows of a dataset, in bounded batches.

    Raises
    ------
    FormatError
        If a file cannot be read, or has nothing to tell rows apart by.
    """
    for part in source.parts:
        if isinstance(part, InputFile):
            yield from _parquet(part)
        else:
            yield from _unit(part)


def count_rows(source: Input) -> int:
    """Count the rows of a dataset without reading them, where its form says how many there are."""
    total = 0
    for part in source.parts:
        if isinstance(part, InputFile):
            with open_parquet(part.path) as file:
                total += int(file.metadata.num_rows)
        else:
            total += part.count()
    return total


def _parquet(file: InputFile) -> Iterator[Told]:
    with open_parquet(file.path) as opened:
        schema = opened.schema_arrow
        columns = columns_of(schema, file.name)
        told = [_first(schema, names) for names in (CAPTION_NAMES, CREATOR_NAMES)]
        wanted = sorted({*columns.names(), *filter(None, told)})
        check_single(schema, wanted, file.name)
        with reading_parquet(file.path):
            for batch in opened.iter_batches(columns=wanted, use_threads=False):
                captions, creators = (batch.column(name) if name else None for name in told)
                yield Told(batch, columns, captions, creators)


def _unit(unit: Unit) -> Iterator[Told]:
    """Yield the rows of a unit; what tells of them stands in a Parquet file beside, where the unit takes its rows from one."""
    beside = next((file for file in unit.files if file.name == unit.name), None)
    names: list[str | None] = [None, None]
    if beside is not None and beside.path.suffix == ".parquet":
        with open_parquet(beside.path) as opened:
            names = [_first(opened.schema_arrow, known) for known in (CAPTION_NAMES, CREATOR_NAMES)]
            check_single(opened.schema_arrow, filter(None, names), beside.name)
    columns = [_whole(beside, name) if beside is not None and name else None for name in names]
    first = 0
    for rows in unit.rows(digests=False):
        size = rows.batch.num_rows
        captions, creators = (
            column.slice(first, size).combine_chunks() if column is not None else None for column in columns
        )
        first += size
        yield Told(rows.batch, DECIDING, captions, creators)


def _whole(file: InputFile, name: str) -> pa.ChunkedArray:
    """Read one column of one shard."""
    batches = [batch.column(name) for batch in parquet_columns(file, name)]
    return pa.chunked_array(batches) if batches else pa.chunked_array([pa.array([], pa.string())])


def _column(rows: Told, name: str | None) -> pa.Array:
    return rows.batch.column(name)


def _first(schema: pa.Schema, names: Sequence[str]) -> str | None:
    """Return the first column that holds text and has one of some names, in any case."""
    by_lower = {
        field.name.lower(): field.name
        for field in reversed(list(schema))
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    }
    return next((by_lower[name] for name in names if name in by_lower), None)


def words_of(captions: pa.Array) -> pa.Array:
    """Return the words of captions in lower case, each as often as it stands there; text that is no Unicode is passed over."""
    try:
        lower = pc.utf8_lower(captions.cast(pa.large_string()))
        parts = pc.split_pattern_regex(lower, pattern=r"[^\p{L}\p{M}\p{N}]+")
    except pa.ArrowInvalid:
        texts = [value.decode("utf-8", "replace") if value else None for value in bytes_of(captions)]
        return words_of(pa.array(texts, pa.large_string()))
    words = parts.flatten()
    return words.filter(pc.greater_equal(pc.utf8_length(words), SHORTEST_WORD))


SHORTEST_WORD = 3


def empty_ruleset() -> Ruleset:
    """Return a ruleset that covers nothing: matching against it names items and finds hosts."""
    secret = np.zeros(2, np.uint64)
    nothing = new_table(np.zeros((0, 4), np.uint64), secret)
    return Ruleset(
        number=0,
        manifest_digest=b"",
        secret=secret,
        bases=np.zeros(len(KINDS) + 1, np.int64),
        starts=np.zeros(1, np.uint32),
        tables=dict.fromkeys(KINDS, nothing),
        prefix_hosts=nothing,
        records=np.zeros((0, RECORD_WORDS), np.uint64),
        picture_values=np.zeros((0, 32), np.uint8),
        picture_targets=np.zeros(0, np.int64),
    )
