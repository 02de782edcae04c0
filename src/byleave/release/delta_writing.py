"""Make deltas between releases that stand in one folder, and keep those that lead to recent ones."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.log import JSON, VerifierKey
from byleave.release.claims_file import GROUP_ROWS, read_batches
from byleave.release.deltas import (
    ADDITIONS,
    CLAIMANTS,
    ID_BYTES,
    INDEX,
    KEPT,
    REMOVALS,
    SPANS,
    Delta,
    Index,
    delta_name,
    open_delta,
)
from byleave.release.keys import SigningKey
from byleave.release.leaves import fixed
from byleave.release.manifest import MANIFEST, NOTE, file_entry_of, sign_manifest
from byleave.release.reading import CLAIMS, Release, open_release
from byleave.release.rows import SCHEMA
from byleave.storage import alone_in, remove_leftovers, staged_folder, write_atomically

_VERSION_BYTES = ID_BYTES + 8


def keep_deltas(
    folder: Path,
    release: Release,
    published: Sequence[int],
    key: SigningKey,
    earlier_keys: Sequence[VerifierKey] = (),
) -> tuple[Delta, ...]:
    """Make the deltas that lead to ``release`` and are not there yet, drop those to old lists, and write ``index.json``.

    ``published`` are the numbers of the lists before it, in their order, signed with ``key`` or one of the earlier ones. A list that does not verify any more, or that no delta can
    lead from, is passed over: clients fetch the whole release instead.
    """
    made = []
    with alone_in(folder):
        earlier = [number for number in published if number < release.number]
        for span in SPANS:
            if span > len(earlier):
                break
            number = earlier[-span]
            if (folder / delta_name(number, release.number)).exists() or not (folder / str(number)).exists():
                continue
            with suppress(NotFoundError, FormatError, VerificationError):
                older = open_release(folder / str(number), [key.verifier, *earlier_keys])
                made.append(write_delta(folder, older, release, key=key))
        _drop_old(folder, [*earlier, release.number][-KEPT:])
        write_atomically(folder / INDEX, Index.of_folder(folder).to_bytes())
    return tuple(made)


def write_delta(folder: Path, older: Release, newer: Release, *, key: SigningKey) -> Delta:
    """Write the delta from one release to another below ``folder`` and return it, verified.

    Raises
    ------
    VerificationError
        If the two releases do not fit together: a row changed without an event of its claim, or a party's rows were told apart.
    """
    final = folder / delta_name(older.number, newer.number)
    final.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(final.parent, final.name)
    before, after = _Versions.of(older), _Versions.of(newer)
    stays = pc.is_in(before.versions, after.versions).to_numpy(zero_copy_only=False)
    stood = pc.is_in(after.versions, before.versions).to_numpy(zero_copy_only=False)
    names = _renamed(before.claimants.filter(pa.array(stays)), after.claimants.filter(pa.array(stood)))
    gone = np.unique(_ids(before.versions, ~stays))
    with staged_folder(final, replace=True) as staging:
        (staging / REMOVALS).write_bytes(gone.tobytes())
        (staging / CLAIMANTS).write_bytes(names)
        _write_additions(staging / ADDITIONS, newer, ~stood)
        files: list[JSON] = [
            file_entry_of(staging / name, name) for name in sorted((ADDITIONS, CLAIMANTS, REMOVALS))
        ]
        members: dict[str, JSON] = {
            "counts": {
                "added": int((~stood).sum()),
                "claims_removed": len(gone),
                "removed": int((~stays).sum()),
            },
            "files": files,
            "from": older.name.members(),
            "root": newer.rows_root.hex(),
            "rows": newer.rows,
            "to": newer.name.members(),
        }
        subject = f"{older.number}-{newer.number}"
        manifest, note = sign_manifest(members, kind="delta", subject=subject, key=key)
        (staging / MANIFEST).write_bytes(manifest)
        (staging / NOTE).write_bytes(note)
    return open_delta(final, [key.verifier])


class _Versions:
    """Of every row of a release, in order: which claim it is of at which event (24 bytes), and its claimant."""

    def __init__(self, versions: pa.Array, claimants: pa.Array) -> None:
        self.versions = versions
        self.claimants = claimants

    @classmethod
    def of(cls, release: Release) -> _Versions:
        versions, claimants = [], []
        for batch in read_batches(release.folder / CLAIMS, ["claim", "claimant", "number"], GROUP_ROWS):
            packed = np.empty((batch.num_rows, _VERSION_BYTES), np.uint8)
            packed[:, :ID_BYTES] = fixed(batch["claim"], ID_BYTES)
            numbers = np.asarray(batch["number"].to_numpy()).astype(">i8")
            packed[:, ID_BYTES:] = numbers.view(np.uint8).reshape(-1, 8)
            versions.append(packed)
            claimants.append(batch["claimant"])
        joined = np.concatenate([np.empty((0, _VERSION_BYTES), np.uint8), *versions])
        kind = pa.binary(_VERSION_BYTES)
        array = pa.FixedSizeBinaryArray.from_buffers(kind, len(joined), [None, pa.py_buffer(joined.data)])
        return cls(array, pa.concat_arrays([pa.array([], pa.binary(ID_BYTES)), *claimants]))


def _renamed(before: pa.Array, after: pa.Array) -> bytes:
    """Return the new names of the parties of rows that stay, in the order in which those parties first appear."""
    old, new = before.dictionary_encode(), after.dictionary_encode()
    if not old.indices.equals(new.indices):
        raise VerificationError(
            "the rows that stay are not of the same parties in both releases",
            remedy="publish without a delta",
        )
    return fixed(new.dictionary, ID_BYTES).tobytes()


def _ids(versions: pa.Array, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bytes_]:
    ids = np.ascontiguousarray(fixed(versions, _VERSION_BYTES)[chosen, :ID_BYTES])
    return ids.view(f"S{ID_BYTES}")[:, 0]


def _write_additions(path: Path, newer: Release, added: npt.NDArray[np.bool_]) -> None:
    start = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", version="2.6") as writer:
        for batch in read_batches(newer.folder / CLAIMS):
            chosen = added[start : start + batch.num_rows]
            start += batch.num_rows
            if chosen.any():
                writer.write_batch(batch.filter(pa.array(chosen)))


def _drop_old(folder: Path, kept: Sequence[int]) -> None:
    for start, end in Index.of_folder(folder).deltas:
        if end not in kept:
            shutil.rmtree(folder / delta_name(start, end))
