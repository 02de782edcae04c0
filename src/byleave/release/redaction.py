"""Take claims out of a release that stands, and show that everything else in it is as it was published.

What is left of a row is its leaf hash. Its salt goes with it, so nobody can find out what the row said by trying.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.log import JSON
from byleave.release.claims_file import DIGESTS, write_claims
from byleave.release.deltas import DELTAS, INDEX, Index, delta_name
from byleave.release.folders import CLAIMS
from byleave.release.keys import SigningKey
from byleave.release.leaves import RowTree, row_hashes
from byleave.release.manifest import MANIFEST, NOTE, file_entry_of, sign_manifest
from byleave.release.patching import read_rows
from byleave.release.reading import (
    REDACTED,
    REDACTED_BYTES,
    REDACTION,
    REDACTION_NOTE,
    Release,
    open_release,
)
from byleave.storage import alone_in, staged_folder, write_atomically

Places = npt.NDArray[np.int64]


def redact(release: Release, claims: Collection[bytes], *, at: datetime, key: SigningKey) -> Release:
    """Replace every row of ``claims`` (16-byte ids) in a release by its leaf hash; return the release as it then stands.

    Deltas that lead to or from it may hold the same rows, so they go too.

    Raises
    ------
    NotFoundError
        If the release has no row of them.
    ConflictError
        If another process is at work in the folder of releases.
    """
    folder = release.folder.parent
    with alone_in(folder):
        taken = dict(_taken(release))
        before = len(taken)
        with staged_folder(release.folder, replace=True) as staging:
            write_claims(staging, _left(release, claims, taken))
            if len(taken) == before:
                raise NotFoundError(
                    f"list no. {release.number} has no row of these claims",
                    remedy="check the ids of the claims",
                )
            _copy_others(release, staging)
            _sign(release, staging, taken, at, key)
        _drop_deltas(folder, release.number)
    redacted = open_release(release.folder, [*release.signed.signers, key.verifier])
    verify_rows(redacted)
    return redacted


def verify_rows(release: Release) -> None:
    """Compute the Merkle root over the rows of a release, with the leaf hashes of redacted ones in their places.

    Raises
    ------
    VerificationError
        If it is not the root that the signed manifest names.
    """
    tree = RowTree()
    taken = dict(_taken(release))
    for places, batch in _placed(release, taken):
        _extend(tree, places, batch, taken)
    tree.extend(taken[place] for place in range(tree.count, release.rows) if place in taken)
    if (tree.count, tree.root()) != (release.rows, release.rows_root):
        raise VerificationError(
            f"the rows of list no. {release.number} are not those that were published",
            remedy="sync again; if it stays so, ask the registry's operator in public",
        )


def _extend(tree: RowTree, places: Places, batch: pa.RecordBatch, taken: dict[int, bytes]) -> None:
    hashes = row_hashes(batch)
    if places[-1] - tree.count + 1 == len(hashes):
        tree.extend(hashes)
        return
    for place, one in zip(places.tolist(), hashes, strict=True):
        tree.extend(taken[earlier] for earlier in range(tree.count, place))
        tree.extend([one])


def _placed(release: Release, taken: dict[int, bytes]) -> Iterator[tuple[Places, pa.RecordBatch]]:
    """Yield the rows that are left, with the places they had when the release was published."""
    stands = np.ones(release.rows, bool)
    stands[list(taken)] = False
    places = np.flatnonzero(stands)
    start = 0
    for batch in read_rows(release):
        if start + batch.num_rows > len(places):
            raise VerificationError("the release has more rows than it names", remedy="sync again")
        yield places[start : start + batch.num_rows], batch
        start += batch.num_rows


def _left(release: Release, claims: Collection[bytes], taken: dict[int, bytes]) -> Iterator[pa.RecordBatch]:
    """Yield the rows that stay and put the leaf hashes of the others into ``taken``."""
    wanted = pa.array(sorted(claims), pa.binary(16))
    for places, batch in _placed(release, dict(taken)):
        goes = pc.is_in(batch["claim"], wanted)
        gone = places[goes.to_numpy(zero_copy_only=False)].tolist()
        taken |= dict(zip(gone, row_hashes(batch.filter(goes)), strict=True)) if gone else {}
        yield batch.filter(pc.invert(goes))


def _taken(release: Release) -> list[tuple[int, bytes]]:
    if release.redaction is None:
        return []
    content = (release.folder / REDACTED).read_bytes()
    entries = [content[at : at + REDACTED_BYTES] for at in range(0, len(content), REDACTED_BYTES)]
    found = [(int.from_bytes(entry[:8]), entry[8:]) for entry in entries]
    ordered = all(here < there for (here, _), (there, _) in pairwise(found))
    if len(content) % REDACTED_BYTES or not ordered or (found and found[-1][0] >= release.rows):
        raise FormatError("the redacted rows cannot be read", remedy="sync again")
    return found


def _copy_others(release: Release, staging: Path) -> None:
    for name in (MANIFEST, NOTE, *(entry.name for entry in release.signed.files)):
        if name != CLAIMS and not name.startswith(f"{DIGESTS}/"):
            shutil.copyfile(release.folder / name, staging / name)


def _sign(release: Release, staging: Path, taken: dict[int, bytes], at: datetime, key: SigningKey) -> None:
    ordered = sorted(taken.items())
    (staging / REDACTED).write_bytes(b"".join(place.to_bytes(8) + leaf for place, leaf in ordered))
    digests = sorted(path.relative_to(staging).as_posix() for path in (staging / DIGESTS).iterdir())
    files: list[JSON] = [file_entry_of(staging / name, name) for name in (CLAIMS, *digests, REDACTED)]
    members: dict[str, JSON] = {
        **release.name.members(),
        "files": files,
        "made_at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "rows": len(ordered),
    }
    manifest, note = sign_manifest(members, kind="redaction", subject=str(release.number), key=key)
    (staging / REDACTION).write_bytes(manifest)
    (staging / REDACTION_NOTE).write_bytes(note)


def _drop_deltas(folder: Path, number: int) -> None:
    if not (folder / DELTAS).is_dir():
        return
    for step in Index.of_folder(folder).deltas:
        if number in step:
            shutil.rmtree(folder / delta_name(*step))
    write_atomically(folder / INDEX, Index.of_folder(folder).to_bytes())
