"""Make the proofs for everything that a list names, as files that any file server serves.

Only for what the list names: who could ask about any link could read the dataset from the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from byleave.apply.opening import Bound
from byleave.consent import TargetKind
from byleave.errors import VerificationError
from byleave.release import Release
from byleave.release.absences import INDEX, AbsenceIndex
from byleave.release.attestations import Attestation
from byleave.release.claims_file import DIGESTS
from byleave.release.statements import Signed
from byleave.storage import remove_leftovers, staged_folder
from byleave.urls.names import DIGEST_BYTES, ID_BYTES


@dataclass(frozen=True, slots=True)
class Proven:
    """How many targets of the lists are proven to cover nothing kept, and how many cover something, say because they are a yes or wait for confirmation.

    ``without`` is how many have no proof, because not every row kept was compared with them.
    """

    absent: int
    kept: int
    without: int


def write_absences(
    bound: Bound,
    signed: Signed[Attestation],
    releases: Sequence[Release],
    folder: Path,
    progress: Callable[[int, int], None],
) -> Proven:
    """Write, for every target of the lists applied, the proof that nothing it covers was kept, or that something was, below a new folder that appears at once.

    Raises
    ------
    VerificationError
        If the attestation is about other lists or other items.
    ConflictError
        If the folder is there already.
    """
    _check_lists(signed.said, releases)
    bound.check(signed.said)
    targets, without = _targets(bound, releases)
    index = AbsenceIndex.of(signed.sha256, len(targets))
    remove_leftovers(folder.parent, folder.name)
    absent = done = 0
    trees = {False: bound.kept, True: bound.covering}
    proofs = {
        covering: tree.absences(signed.sha256, _items(targets, covering=covering), covering=covering)
        for covering, tree in trees.items()
        if tree is not None
    }
    with staged_folder(folder) as staging:
        for name, group in groupby(targets, lambda target: index.file(target[0])):
            with (staging / name).open("wb") as file:
                for _, covering in group:
                    done += 1
                    proof = next(proofs[covering])
                    file.write(proof.to_bytes() + b"\n")
                    absent += not proof.has_item
            progress(done, len(targets))
        (staging / INDEX).write_bytes(index.to_bytes())
    return Proven(absent, len(targets) - absent, without)


def _check_lists(said: Attestation, releases: Sequence[Release]) -> None:
    wanted = {one.name: one for one in said.lists}
    named = {release.name for release in releases}
    if further := [release for release in releases if release.name not in wanted]:
        raise VerificationError(
            f"list no. {further[0].number} of {further[0].origin} is none that the attestation is about",
            remedy="name the synced folder of the list that was applied",
        )
    if lacking := [one for one in said.lists if one.name not in named]:
        raise VerificationError(
            f"list no. {lacking[0].name.number} of {lacking[0].origin} was applied, and is not named",
            remedy="name the synced folder of every list that was applied",
        )


def _targets(bound: Bound, releases: Sequence[Release]) -> tuple[list[tuple[bytes, bool]], int]:
    """Return the ids of all targets of some lists that can be looked up, rising, each with whether that is in the tree of targets; and how many cannot be."""
    found, without = set[tuple[bytes, bool]](), 0
    for kind in TargetKind:
        names = {name for release in releases for name in _names(release, kind)}
        spoken_of = {name for name in names if bound.speaks_of(kind, name)}
        found |= {(name, kind is not TargetKind.URL) for name in spoken_of}
        without += len(names) - len(spoken_of)
    return sorted(found), without


def _items(targets: Sequence[tuple[bytes, bool]], *, covering: bool) -> Iterator[bytes]:
    return (item for item, its in targets if its is covering)


def _names(release: Release, kind: TargetKind) -> Iterator[bytes]:
    digests = np.fromfile(release.folder / DIGESTS / f"{kind.value}.sha256", np.uint8)
    return (row.tobytes() for row in np.ascontiguousarray(digests.reshape(-1, DIGEST_BYTES)[:, :ID_BYTES]))
