"""A coverage file, opened against the ruleset it must belong to, as tables from item id to the claims that cover it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.tables import Table, new_table
from byleave.consent import TargetKind
from byleave.errors import VerificationError
from byleave.fingerprints import Band
from byleave.release import Coverage

REMEDY = "make the coverage again with `byleave copies cover` for this dataset and this release"
WORK_KINDS = (TargetKind.DIGEST, TargetKind.PICTURE)
"""What a coverage may match: the exact file, or the same picture."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One match of the coverage on one item: the claim's targets, how and how near it was found."""

    claim: bytes
    targets: tuple[int, ...]
    method: str
    distance: int


@dataclass(frozen=True, slots=True)
class CoverageTables:
    """What the matcher probes, and what stands behind a hit.

    checked, matched
        Tables of item ids. ``places[i]`` lists the matches of the same work behind row ``i`` of ``matched``.
    sample_keys
        The sample key of row ``i``, where the item is one sample only.
    in_review
        Item ids with a match that a person should look at, and none of the same work. They are counted and never act.
    """

    checked: Table
    matched: Table
    places: tuple[tuple[Copy, ...], ...]
    sample_keys: tuple[bytes | None, ...]
    in_review: frozenset[bytes]


def coverage_tables(coverage: Coverage, ruleset: Ruleset) -> CoverageTables:
    """Read a verified coverage.

    Raises
    ------
    VerificationError
        If it was made for another release, or names a claim the release does not hold.
    """
    covers = coverage.covers
    if (covers.release_number, covers.release_manifest) != (ruleset.number, ruleset.manifest_digest):
        raise VerificationError(
            f"the coverage is for release {covers.release_number}, the ruleset is release {ruleset.number}",
            remedy=REMEDY,
        )
    found: dict[bytes, list[Copy]] = {}
    keys: dict[bytes, set[bytes]] = {}
    review: set[bytes] = set()
    targets = claim_targets(ruleset)
    for row in coverage.matches().to_pylist():
        item = row["item_id"]
        if row["band"] != Band.SAME_WORK.value:
            review.add(item)
            continue
        if row["claim"] not in targets:
            raise VerificationError("the coverage names a claim the release does not hold", remedy=REMEDY)
        copy = Copy(row["claim"], targets[row["claim"]], row["method"], int(row["distance"]))
        found.setdefault(item, []).append(copy)
        keys.setdefault(item, set()).add(row["sample_key"])
    items = sorted(found)
    checked = np.frombuffer(coverage.checked().tobytes(), np.uint64).reshape(-1, 2)
    return CoverageTables(
        checked=new_table(checked, ruleset.secret),
        matched=new_table(np.frombuffer(b"".join(items), np.uint64).reshape(-1, 2), ruleset.secret),
        places=tuple(tuple(_distinct(found[item])) for item in items),
        sample_keys=tuple(next(iter(keys[item])) if len(keys[item]) == 1 else None for item in items),
        in_review=frozenset(review - found.keys()),
    )


def claim_targets(ruleset: Ruleset) -> Mapping[bytes, tuple[int, ...]]:
    """Return, per claim on a work, the numbers of its picture and digest targets."""
    found: dict[bytes, tuple[int, ...]] = {}
    for kind in WORK_KINDS:
        place = KINDS.index(kind)
        for target in range(int(ruleset.bases[place]), int(ruleset.bases[place + 1])):
            for claim in ruleset.claims_of(target):
                found[claim] = (*found.get(claim, ()), target)
    return found


def _distinct(copies: list[Copy]) -> list[Copy]:
    """Keep, of several matches of one claim on one item, the nearest."""
    best: dict[bytes, Copy] = {}
    for copy in sorted(copies, key=lambda copy: (copy.distance, copy.method)):
        best.setdefault(copy.claim, copy)
    return sorted(best.values(), key=lambda copy: copy.claim)
