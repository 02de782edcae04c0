"""The coverage files of a run: one for each registry that has one, each bound to it by whoever signed it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from byleave.apply.covering import CoverageTables, coverage_tables, union_tables
from byleave.apply.judging import Terms
from byleave.apply.registries import Registries
from byleave.apply.ruleset import Ruleset
from byleave.apply.sources import Input
from byleave.apply.verdicts import Verdicts
from byleave.consent import TargetKind
from byleave.errors import InputError, VerificationError
from byleave.fingerprints import PICTURE_VERSION
from byleave.log import VerifierKey
from byleave.release import Coverage, Release, open_coverage

_REMEDY = "make the coverage again with `byleave copies cover`, for this dataset and this release"


@dataclass(frozen=True, slots=True)
class CoverageFile:
    """What another process needs to open a coverage: the file, the keys it must be signed with, and the place of its registry."""

    path: Path
    keys: tuple[VerifierKey, ...]
    place: int

    def open(self) -> Coverage:
        """Open it, verified."""
        return open_coverage(self.path, self.keys)


def open_coverages(paths: Sequence[Path], registries: Registries) -> dict[int, Coverage]:
    """Open coverage files, and say for each which registry it is of.

    Raises
    ------
    NotFoundError, FormatError, VerificationError
        If one cannot be read, is signed by none of the registries, or is of another release than the one in force.
    InputError
        If two are of one registry.
    """
    found: dict[int, Coverage] = {}
    for path in paths:
        coverage = open_coverage(path, [key for one in registries.members for key in one.keys])
        place = _place(coverage, registries)
        _check_release(coverage, registries.members[place].release)
        if place in found:
            raise InputError(
                f"two coverage files are of {registries.members[place].release.origin}",
                remedy="give one coverage file for each registry",
            )
        found[place] = coverage
    return found


def check_dataset(coverages: Collection[Coverage], source: Input) -> None:
    """Refuse coverage files of another dataset, or another version of it, than the input.

    Raises
    ------
    VerificationError
        If one is.
    """
    for covers in (coverage.covers for coverage in coverages):
        if source.dataset is not None and covers.dataset != source.dataset:
            raise VerificationError(f"the coverage is for the dataset {covers.dataset!r}", remedy=_REMEDY)
        if covers.dataset_version != source.version:
            raise VerificationError(
                f"the coverage is for another version of {covers.dataset!r} than the input",
                remedy=f"apply to the dataset by its name, {covers.dataset!r}, or make the coverage again",
            )


def asking(registries: Registries, terms: Terms) -> tuple[int, ...]:
    """Return the places of the registries whose claimed pictures bind: a row is checked if each of them compared it."""
    return tuple(
        place
        for place, one in enumerate(registries.members)
        if Verdicts(one.ruleset, None, terms).bind([TargetKind.PICTURE])
    )


def tables_of(
    coverages: Mapping[int, Coverage], ruleset: Ruleset, asking: Collection[int]
) -> CoverageTables | None:
    """Read coverage files against the ruleset of a run; ``None`` if there are none."""
    if ruleset.is_union:
        return union_tables(coverages, ruleset, asking)
    return coverage_tables(coverages[0], ruleset) if coverages else None


def _place(coverage: Coverage, registries: Registries) -> int:
    for place, one in enumerate(registries.members):
        if any(signer in one.keys for signer in coverage.signed.signers):
            return place
    raise VerificationError(
        f"{coverage.path} is signed by none of the registries", remedy="give the coverage of a registry named"
    )


def _check_release(coverage: Coverage, release: Release) -> None:
    covers = coverage.covers
    if (covers.release_number, covers.release_manifest) != (release.number, release.manifest_digest):
        raise VerificationError(
            f"the coverage is for release {covers.release_number}, the registry here is at {release.number}",
            remedy=_REMEDY,
        )
    if covers.fingerprint_version not in {release.fingerprint_version, PICTURE_VERSION}:
        raise VerificationError("the coverage compared fingerprints of another version", remedy=_REMEDY)
