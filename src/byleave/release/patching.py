"""Apply a delta: the rows of a release become those of a later one, byte for byte, in memory that grows with the change only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.errors import VerificationError
from byleave.release.claims_file import Keys, read_batches, sort_keys, write_claims
from byleave.release.deltas import ADDITIONS, CLAIMANTS, ID_BYTES, REMOVALS, Delta
from byleave.release.reading import CLAIMS
from byleave.release.rows import SCHEMA

_CLAIMANT = SCHEMA.get_field_index("claimant")
_REMEDY = "sync the whole release instead"


def patch(held: Path, delta: Delta, folder: Path) -> None:
    """Write into ``folder`` the claims and digests that a delta makes of the release in ``held``: removals, additions, checksum.

    The checksum is the caller's: the files must be those that the target's signed manifest names.

    Raises
    ------
    VerificationError
        If the delta does not fit the release.
    """
    removals = _ids((delta.folder / REMOVALS).read_bytes())
    names = _ids((delta.folder / CLAIMANTS).read_bytes())
    places = _parties(held, removals, len(names))
    staying = _staying(held, removals, names, places)
    write_claims(folder, _merged(staying, _read_additions(delta.folder / ADDITIONS)))


def _parties(held: Path, removals: pa.Array, expected: int) -> npt.NDArray[np.int32]:
    """Return for every row that stays the place of its party among all that stay, in the order of first appearance."""
    claimants = (
        batch["claimant"].filter(pc.invert(pc.is_in(batch["claim"], removals)))
        for batch in read_batches(held / CLAIMS, ["claim", "claimant"])
    )
    encoded = pa.concat_arrays([pa.array([], pa.binary(ID_BYTES)), *claimants]).dictionary_encode()
    if len(encoded.dictionary) != expected:
        raise VerificationError("the delta names another number of parties than there are", remedy=_REMEDY)
    return np.asarray(encoded.indices.to_numpy())


def _staying(
    held: Path, removals: pa.Array, names: pa.Array, places: npt.NDArray[np.int32]
) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in read_batches(held / CLAIMS):
        left = batch.filter(pc.invert(pc.is_in(batch["claim"], removals)))
        renamed = names.take(pa.array(places[start : start + left.num_rows]))
        start += left.num_rows
        yield left.set_column(_CLAIMANT, SCHEMA.field(_CLAIMANT), renamed)


def _merged(staying: Iterator[pa.RecordBatch], added: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Merge two sorted runs of rows; no row of one has the claim of a row of the other."""
    keys = sort_keys(added)
    start = 0
    for batch in staying:
        if not batch.num_rows:
            continue
        held = sort_keys(batch)
        end = int(np.searchsorted(keys, held[-1]))
        yield (
            _interleaved(batch, held, added.slice(start, end - start), keys[start:end])
            if end > start
            else batch
        )
        start = end
    yield added.slice(start)


def _interleaved(batch: pa.RecordBatch, held: Keys, added: pa.RecordBatch, keys: Keys) -> pa.RecordBatch:
    behind = np.arange(len(held), len(held) + len(keys))
    order = np.insert(np.arange(len(held)), np.searchsorted(held, keys), behind)
    joined = pa.Table.from_batches([batch, added]).combine_chunks().to_batches()[0]
    return joined.take(pa.array(order))


def _read_additions(path: Path) -> pa.RecordBatch:
    table = pa.Table.from_batches(list(read_batches(path)), SCHEMA).combine_chunks()
    return table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], SCHEMA)


def _ids(content: bytes) -> pa.Array:
    kind = pa.binary(ID_BYTES)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(content) // ID_BYTES, [None, pa.py_buffer(content)])
