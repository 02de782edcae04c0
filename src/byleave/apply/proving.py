"""Make the proofs for everything that a list names, as files that any file server serves.

Only for what the list names: who could ask about any link could read the dataset from the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

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

_NONE: Final = np.empty(0, f"S{ID_BYTES}")


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
    targets = Targets.of(bound, releases)
    remove_leftovers(folder.parent, folder.name)
    with staged_folder(folder) as staging:
        absent = write_proofs(bound, signed.sha256, targets, staging, progress)
    return Proven(absent, len(targets) - absent, targets.without)


@dataclass(frozen=True, slots=True)
class Targets:
    """What proofs are given for, in rising order.

    ids
        S16 (n,): the first half of each digest. Zeros at its end are part of it.
    covering
        bool (n,): whether it is looked up in the tree of targets.
    without
        How many further ones cannot be looked up.
    """

    ids: npt.NDArray[np.bytes_]
    covering: npt.NDArray[np.bool_]
    without: int

    @classmethod
    def of(cls, bound: Bound, releases: Sequence[Release]) -> Self:
        """Read all that some lists name."""
        found, without = {False: [_NONE], True: [_NONE]}, 0
        for kind in TargetKind:
            named = np.unique(np.concatenate([_NONE, *(_names(release, kind) for release in releases)]))
            spoken_of = named[bound.speaks_of(kind, named)]
            found[kind is not TargetKind.URL].append(spoken_of)
            without += len(named) - len(spoken_of)
        links, others = (np.unique(np.concatenate(ids)) for ids in found.values())
        ids, covering = np.concatenate([links, others]), np.repeat([False, True], [len(links), len(others)])
        order = np.argsort(ids, kind="stable")
        return cls(ids[order], covering[order], without)

    def __len__(self) -> int:
        return len(self.ids)

    def items(self, *, covering: bool) -> Iterator[bytes]:
        """Yield the ids of those that are looked up in one of the trees."""
        return _each(self.ids[self.covering == covering])


def write_proofs(
    bound: Bound,
    attestation: bytes,
    targets: Targets,
    folder: Path,
    progress: Callable[[int, int], None],
) -> int:
    """Write the proofs for some targets, which trees of ``bound`` are spoken of, into a folder; return how many are proven to cover nothing kept."""
    index = AbsenceIndex.of(attestation, len(targets))
    trees = {False: bound.kept, True: bound.covering}
    proofs = {
        covering: tree.proofs(attestation, targets.items(covering=covering), covering=covering)
        for covering, tree in trees.items()
        if tree is not None
    }
    absent = done = 0
    order = zip(_each(targets.ids), targets.covering.tolist(), strict=True)
    for name, group in groupby(order, lambda target: index.file(target[0])):
        made = [next(proofs[covering]) for _, covering in group]
        (folder / name).write_bytes(b"".join(line + b"\n" for line, _ in made))
        absent += sum(not has_item for _, has_item in made)
        done += len(made)
        progress(done, len(targets))
    (folder / INDEX).write_bytes(index.to_bytes())
    return absent


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


def _names(release: Release, kind: TargetKind) -> npt.NDArray[np.bytes_]:
    digests = np.fromfile(release.folder / DIGESTS / f"{kind.value}.sha256", np.uint8)
    ids = np.ascontiguousarray(digests.reshape(-1, DIGEST_BYTES)[:, :ID_BYTES])
    return ids.reshape(-1).view(_NONE.dtype)


def _each(ids: npt.NDArray[np.bytes_]) -> Iterator[bytes]:
    """Yield ids as they stand: NumPy would leave zeros at their end out."""
    data = ids.tobytes()
    return (data[at : at + ID_BYTES] for at in range(0, len(data), ID_BYTES))
