"""Write ``claims.parquet``, the leaf hashes and the digest files from rows that come in order, in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from byleave.consent import TargetKind
from byleave.errors import FormatError
from byleave.release.folders import CLAIMS, LEAVES
from byleave.release.leaves import RowTree, fixed, row_hashes
from byleave.release.rows import SCHEMA

GROUP_ROWS = 131_072
"""Rows of one row group: what a reader holds at once."""

DIGESTS = "digests"
KEY_BYTES = 49
_KIND_ORDER = sorted(kind.value for kind in TargetKind)
_RANDOM = ("claim", "digest", "salt")
_UNPACKED = (*_RANDOM, "scope_host", "value", "number")
_COMPRESSION = {name: "none" if name in _RANDOM else "zstd" for name in SCHEMA.names}

Keys = npt.NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class RowFacts:
    """How many rows were written, and how many of each state and kind."""

    rows: int
    states: dict[str, int]
    kinds: dict[str, int]


class ClaimsWriter:
    """Writes rows sorted by kind, digest and claim into a folder. A context manager; :meth:`finish` gives the facts.

    A ``tree`` that is given takes the leaf hash of every row; they are written beside the rows, too.
    """

    def __init__(self, folder: Path, tree: RowTree | None) -> None:
        (folder / DIGESTS).mkdir()
        self._digests = {kind.value: _open(folder, kind.value) for kind in TargetKind}
        self._last_key = np.zeros(1, f"S{KEY_BYTES}")
        self._last_digest = ("", b"")
        self._tree = tree
        self._leaves = (folder / LEAVES).open("wb") if tree is not None else None
        self._rows = 0
        self._states: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._waiting: list[pa.RecordBatch] = []
        self._parquet = pq.ParquetWriter(
            folder / CLAIMS,
            SCHEMA,
            compression=_COMPRESSION,
            version="2.6",
            use_dictionary=[name for name in SCHEMA.names if name not in _UNPACKED],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parquet.close()
        for file in (*self._digests.values(), self._leaves):
            if file is not None:
                file.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows that follow those written before.

        Raises
        ------
        FormatError
            If they do not follow them in order.
        """
        if not batch.num_rows:
            return
        keys = sort_keys(batch)
        if (np.concatenate([self._last_key, keys[:-1]]) > keys).any():
            raise FormatError("the rows of a release are out of order", remedy="sync again")
        self._last_key = keys[-1:].copy()
        self._rows += batch.num_rows
        if self._tree is not None and self._leaves is not None:
            hashes = row_hashes(batch)
            self._tree.extend(hashes)
            self._leaves.write(b"".join(hashes))
        for counter, name in ((self._states, "state"), (self._kinds, "kind")):
            counter.update(
                {pair["values"]: pair["counts"] for pair in batch[name].value_counts().to_pylist()}
            )
        self._write_digests(batch)
        self._waiting.append(batch)
        while sum(one.num_rows for one in self._waiting) >= GROUP_ROWS:
            self._write_group(GROUP_ROWS)

    def finish(self) -> RowFacts:
        """Write what waits and return what was written."""
        if self._waiting:
            self._write_group(GROUP_ROWS)
        states, kinds = (dict(sorted(counter.items())) for counter in (self._states, self._kinds))
        return RowFacts(self._rows, states, kinds)

    def _write_group(self, rows: int) -> None:
        table = pa.Table.from_batches(self._waiting, SCHEMA).combine_chunks()
        self._parquet.write_table(table.slice(0, rows), row_group_size=rows)
        self._waiting = table.slice(rows).to_batches() if table.num_rows > rows else []

    def _write_digests(self, batch: pa.RecordBatch) -> None:
        start = 0
        for pair in (
            batch["kind"].value_counts().to_pylist()
        ):  # in order of first appearance, and kinds are sorted
            kind, count = pair["values"], pair["counts"]
            digests = fixed(batch["digest"], 32)[start : start + count]
            names = np.ascontiguousarray(digests).view("S32")[:, 0]
            fresh = np.ones(count, bool)
            fresh[1:] = names[1:] != names[:-1]
            fresh[0] = self._last_digest != (kind, digests[0].tobytes())
            self._digests[kind].write(digests[fresh].tobytes())
            self._last_digest = (kind, digests[-1].tobytes())
            start += count


def write_claims(folder: Path, batches: Iterable[pa.RecordBatch], tree: RowTree | None = None) -> RowFacts:
    """Write the rows of a release, which come sorted by kind, digest and claim; see :class:`ClaimsWriter`."""
    with ClaimsWriter(folder, tree) as writer:
        for batch in batches:
            writer.write(batch)
        return writer.finish()


def read_batches(
    path: Path, columns: list[str] | None = None, rows: int = GROUP_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a ``claims.parquet`` in order, never more than ``rows`` nor those of more than one row group at once."""
    try:
        with pq.ParquetFile(path) as file:
            if not file.schema_arrow.equals(SCHEMA):
                raise FormatError(
                    "the claims of the release have other columns than this version knows",
                    remedy="update Byleave, then sync again",
                )
            for group in range(file.num_row_groups):  # asked for all at once, it would keep what it has read
                yield from file.iter_batches(rows, [group], columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise FormatError(
            f"the claims of the release cannot be read: {error}", remedy="sync again"
        ) from error


def sort_keys(batch: pa.RecordBatch) -> Keys:
    """Return what rows are sorted by, dtype S49: kind in the order of the alphabet, digest, claim."""
    keys = np.empty((batch.num_rows, KEY_BYTES), np.uint8)
    places = pc.index_in(batch["kind"], pa.array(_KIND_ORDER))
    if places.null_count:
        raise FormatError("the release holds a kind not known here", remedy="update Byleave, then sync again")
    keys[:, 0] = places.to_numpy(zero_copy_only=False) + 1
    keys[:, 1:33] = fixed(batch["digest"], 32)
    keys[:, 33:] = fixed(batch["claim"], 16)
    return keys.view(f"S{KEY_BYTES}")[:, 0]


def _open(folder: Path, kind: str) -> BinaryIO:
    return (folder / DIGESTS / f"{kind}.sha256").open("wb")
