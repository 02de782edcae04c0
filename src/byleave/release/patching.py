"""Follow a delta: read the rows of a release that was reached by some, and make the files that its manifest names from those of the one before.

Removals, then additions, then a checksum: the leaf hashes of all rows, in their order, must be those that the target's signed manifest names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.consent import TargetKind
from byleave.errors import VerificationError
from byleave.release.claims_file import DIGESTS, read_batches
from byleave.release.deltas import ADDITIONS, GONE_DIGEST_BYTES, GONE_DIGESTS, PLACES, REMOVALS, Delta
from byleave.release.folders import CLAIMS, LEAVES
from byleave.release.leaves import HASH_BYTES, KIND_NUMBERS, fixed, row_hashes
from byleave.release.reading import Release
from byleave.release.rows import SCHEMA
from byleave.release.splicing import Changes, Records, read_records, spliced

_REMEDY = "sync the whole release instead"


def read_rows(release: Release, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a release in order, as it was fetched or as deltas left it."""
    if release.patched is None:
        return read_batches(release.folder / CLAIMS, columns)
    rows = read_batches(release.patched.claims, columns)
    for delta in release.patched.deltas:
        rows = _followed(rows, _Delta.read(delta, columns))
    return rows


def read_table(release: Release) -> pa.Table:
    """Return all rows of a release."""
    return pa.Table.from_batches(read_rows(release), SCHEMA)


def patch(held: Path, delta: Delta, folder: Path) -> None:
    """Write into ``folder`` the leaf hashes and digest files to which a delta leads from those in ``held``.

    The checksum is the caller's: the files must be those that the target's signed manifest names.

    Raises
    ------
    VerificationError
        If the delta does not fit what is held.
    """
    added = _Delta.read(delta, None)
    hashes = b"".join(row_hashes(added.rows))
    _splice(held / LEAVES, folder / LEAVES, added.changes, np.frombuffer(hashes, np.uint8))
    (folder / DIGESTS).mkdir(exist_ok=True)
    gone = _gone_digests(delta)
    for kind in TargetKind:
        rows = added.rows.filter(pc.equal(added.rows["kind"], kind.value))
        come = fixed(rows["digest"], HASH_BYTES)
        name = f"{DIGESTS}/{kind.value}.sha256"
        old = read_records(held / name)
        changes, new = _set_changes(old, gone[gone[:, 0] == KIND_NUMBERS[kind]][:, 1:], come)
        _splice(held / name, folder / name, changes, new)


@dataclass(frozen=True, slots=True)
class _Delta:
    """A delta as arrays: which rows go, which come, and where."""

    changes: Changes
    rows: pa.RecordBatch

    @classmethod
    def read(cls, delta: Delta, columns: list[str] | None) -> _Delta:
        read = list(read_batches(delta.folder / ADDITIONS, columns))
        schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
        table = pa.Table.from_batches(read, schema).combine_chunks()
        rows = table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], schema)
        changes = Changes(_places(delta.folder / REMOVALS), _places(delta.folder / PLACES))
        if len(changes.before) != rows.num_rows:
            raise VerificationError("the delta does not say where its rows stand", remedy=_REMEDY)
        return cls(changes, rows)


def _followed(rows: Iterable[pa.RecordBatch], delta: _Delta) -> Iterator[pa.RecordBatch]:
    gone, before = delta.changes.gone, delta.changes.before
    start = 0
    for batch in rows:
        end = start + batch.num_rows
        goes = gone[slice(*np.searchsorted(gone, [start, end]))] - start
        first, last = np.searchsorted(before, [start, end]).tolist()
        start = end
        if len(goes) or last > first:
            added = delta.rows.slice(first, last - first)
            batch = _changed(batch, goes, before[first:last] - (end - batch.num_rows), added)  # noqa: PLW2901 - the same rows, changed
        if batch.num_rows:
            yield batch
    delta.changes.check(start)
    rest = delta.rows.slice(int(np.searchsorted(before, start)))
    if rest.num_rows:
        yield rest


def _changed(
    batch: pa.RecordBatch, goes: npt.NDArray[np.int64], before: npt.NDArray[np.int64], added: pa.RecordBatch
) -> pa.RecordBatch:
    held = np.arange(batch.num_rows)
    stays = np.ones(batch.num_rows + added.num_rows, bool)
    stays[goes] = False
    order = np.insert(held, before, np.arange(batch.num_rows, len(stays)))
    joined = pa.Table.from_batches([batch, added]).combine_chunks().to_batches()[0]
    return joined.take(pa.array(order[stays[order]]))


def _set_changes(old: Records, gone: Records, come: Records) -> tuple[Changes, Records]:
    """Return how a sorted file of distinct digests changes: some go, and those come that are not in it yet."""
    held, wanted = _names(old), np.unique(_names(come))
    left = np.searchsorted(held, _names(gone))
    before = np.searchsorted(held, wanted)
    fresh = np.ones(len(wanted), bool)
    inside = before < len(held)
    fresh[inside] = held[before[inside]] != wanted[inside]
    new = wanted[fresh].view(np.uint8).reshape(-1, HASH_BYTES)
    return Changes(np.sort(left), before[fresh]), new


def _splice(source: Path, to: Path, changes: Changes, new: npt.NDArray[np.uint8]) -> None:
    old = read_records(source)
    changes.check(len(old))
    with to.open("wb") as file:
        for piece in spliced(old, changes, new.reshape(-1, HASH_BYTES)):
            file.write(piece)


def _names(records: Records) -> npt.NDArray[np.bytes_]:
    return np.ascontiguousarray(records).view(f"S{HASH_BYTES}").reshape(-1)


def _places(path: Path) -> npt.NDArray[np.int64]:
    return np.fromfile(path, ">i8").astype(np.int64)


def _gone_digests(delta: Delta) -> Records:
    return np.fromfile(delta.folder / GONE_DIGESTS, np.uint8).reshape(-1, GONE_DIGEST_BYTES)
