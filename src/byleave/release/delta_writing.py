"""Make deltas between releases that stand in one folder, and keep those that lead to recent ones."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.consent import TargetKind
from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.log import JSON, VerifierKey
from byleave.release.claims_file import DIGESTS, read_batches
from byleave.release.deltas import (
    ADDITIONS,
    GONE_DIGESTS,
    INDEX,
    KEPT,
    PLACES,
    REMOVALS,
    SPANS,
    Delta,
    Index,
    delta_name,
    open_delta,
)
from byleave.release.folders import CLAIMS, LEAVES
from byleave.release.keys import SigningKey
from byleave.release.leaves import KIND_NUMBERS
from byleave.release.manifest import MANIFEST, NOTE, file_entry_of, sign_manifest
from byleave.release.reading import Release, open_release
from byleave.release.rows import SCHEMA
from byleave.release.splicing import Places, compared, read_records
from byleave.storage import alone_in, remove_leftovers, staged_folder, write_atomically


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

    Rows are compared by their leaf hashes, so that whatever changed is in it.

    Raises
    ------
    VerificationError
        If the two have too little in common.
    """
    final = folder / delta_name(older.number, newer.number)
    final.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(final.parent, final.name)
    changes, added = compared(read_records(older.folder / LEAVES), read_records(newer.folder / LEAVES))
    with staged_folder(final, replace=True) as staging:
        (staging / REMOVALS).write_bytes(_places(changes.gone))
        (staging / PLACES).write_bytes(_places(changes.before))
        (staging / GONE_DIGESTS).write_bytes(_gone_digests(older, newer))
        _write_additions(staging / ADDITIONS, newer, added)
        names = (ADDITIONS, GONE_DIGESTS, PLACES, REMOVALS)
        files: list[JSON] = [file_entry_of(staging / name, name) for name in names]
        members: dict[str, JSON] = {
            "counts": {"added": len(added), "removed": len(changes.gone)},
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


def _places(places: Places) -> bytes:
    return places.astype(">i8").tobytes()


def _gone_digests(older: Release, newer: Release) -> bytes:
    """Return the targets that the newer release does not name any more, as numbers of their kinds and digests."""
    records = []
    for kind in TargetKind:
        name = f"{DIGESTS}/{kind.value}.sha256"
        before = read_records(older.folder / name)
        changes, _ = compared(before, read_records(newer.folder / name))
        number = np.full((len(changes.gone), 1), KIND_NUMBERS[kind], np.uint8)
        records.append(np.hstack([number, before[changes.gone]]).tobytes())
    return b"".join(records)


def _write_additions(path: Path, newer: Release, added: Places) -> None:
    start = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", version="2.6") as writer:
        for batch in read_batches(newer.folder / CLAIMS):
            inside = slice(*np.searchsorted(added, [start, start + batch.num_rows]))
            chosen = added[inside] - start
            start += batch.num_rows
            if len(chosen):
                writer.write_batch(batch.take(pa.array(chosen)))


def _drop_old(folder: Path, kept: Sequence[int]) -> None:
    for start, end in Index.of_folder(folder).deltas:
        if end not in kept:
            shutil.rmtree(folder / delta_name(start, end))
