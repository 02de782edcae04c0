"""Make the proofs for every link that a list names, as files that any file server serves.

Only for what the list names: who could ask about any link could read the dataset from the answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from byleave.apply.opening import Bound
from byleave.consent import TargetKind
from byleave.errors import ConflictError, VerificationError
from byleave.release import Release
from byleave.release.absences import INDEX, AbsenceIndex
from byleave.release.attestations import Attestation
from byleave.release.claims_file import DIGESTS
from byleave.release.statements import Signed
from byleave.storage import publish_folder
from byleave.urls.names import DIGEST_BYTES, ID_BYTES


@dataclass(frozen=True, slots=True)
class Proven:
    """How many links of the list are proven absent, and how many were kept, say because they are a yes or wait for confirmation."""

    absent: int
    kept: int


def write_absences(
    bound: Bound,
    signed: Signed[Attestation],
    release: Release,
    folder: Path,
    progress: Callable[[int, int], None],
) -> Proven:
    """Write, for every link of a list, the proof that it was not kept, or that it was, below a new folder that appears at once.

    Raises
    ------
    VerificationError
        If the attestation is about another list or other items.
    ConflictError
        If the folder is there already.
    """
    applied = signed.said.applied.name
    if (applied.number, applied.manifest_digest) != (release.number, release.manifest_digest):
        raise VerificationError(
            f"the attestation is about list no. {applied.number}, and list no. {release.number} is named",
            remedy="name the synced folder of that list",
        )
    if signed.said.commitments != bound.commitments:
        raise VerificationError(
            "the attestation binds other items than this folder",
            remedy="name the folder that `byleave apply --bind` or `byleave attest bind` wrote for that run",
        )
    if folder.exists():
        raise ConflictError(f"{folder} is there already", remedy="name a new folder")
    items = _items(release)
    index = AbsenceIndex.of(signed.sha256, len(items))
    staging = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    absent = done = 0
    for name, group in groupby(items, index.file):
        with (staging / name).open("wb") as file:
            for item in group:
                done += 1
                file.write(bound.kept.absence(signed.sha256, item).to_bytes() + b"\n")
                absent += item not in bound.kept
        progress(done, len(items))
    (staging / INDEX).write_bytes(AbsenceIndex(signed.sha256, index.digits, len(items)).to_bytes())
    publish_folder(staging, folder)
    return Proven(absent, len(items) - absent)


def _items(release: Release) -> list[bytes]:
    """Return the item ids of all links of a list, rising."""
    path = release.folder / DIGESTS / f"{TargetKind.URL.value}.sha256"
    digests = np.fromfile(path, np.uint8).reshape(-1, DIGEST_BYTES)
    return sorted({row.tobytes() for row in np.ascontiguousarray(digests[:, :ID_BYTES])})
