"""A coverage file, opened against the ruleset it must belong to, as tables from item id to the claims that cover it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from byleave.apply.merging import place_of
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.tables import Table, new_table
from byleave.consent import TargetKind
from byleave.errors import VerificationError
from byleave.fingerprints import Band
from byleave.release import Coverage

REMEDY = "make the coverage again with `byleave copies cover` for this dataset and this release"
ITEM_BYTES = 16
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
    return _tables([(coverage, claim_targets(ruleset))], coverage.checked(), ruleset)


def union_tables(
    coverages: Mapping[int, Coverage], union: Ruleset, asking: Collection[int]
) -> CoverageTables | None:
    """Read the verified coverages of several registries, by their places in the union; ``None`` if there are none.

    An item counts as checked only if each registry of ``asking``, whose claimed pictures bind, compared it.

    Raises
    ------
    VerificationError
        If one names a claim its registry does not hold.
    """
    if not coverages:
        return None
    needed = [coverages.get(place) for place in asking] if asking else list(coverages.values())
    checked = [one.checked() if one else np.zeros(0, f"V{ITEM_BYTES}") for one in needed]
    # As texts they can be sorted; none is cut, since all are of one length.
    shared = reduce(
        lambda a, b: np.intersect1d(a, b, assume_unique=True), (one.view(f"S{ITEM_BYTES}") for one in checked)
    )
    parts = [(one, claim_targets(union, place)) for place, one in sorted(coverages.items())]
    return _tables(parts, shared, union)


_Targets = Mapping[bytes, tuple[bytes, tuple[int, ...]]]


def claim_targets(ruleset: Ruleset, place: int | None = None) -> _Targets:
    """Return, per claim on a work, its id in the ruleset and the numbers of its picture and digest targets.

    ``place`` is that of one registry in a union: claims are then found by the ids that it gave them.
    """
    found: dict[bytes, tuple[bytes, tuple[int, ...]]] = {}
    for kind in WORK_KINDS:
        number = KINDS.index(kind)
        for target in range(int(ruleset.bases[number]), int(ruleset.bases[number + 1])):
            rows = slice(int(ruleset.starts[target]), int(ruleset.starts[target + 1]))
            claims = ruleset.rows["claim"][rows]
            filed = ruleset.filed_as[rows] if ruleset.filed_as is not None else claims
            of_it = place_of(claims) == place if place is not None else np.ones(len(claims), bool)
            for claim, name in zip(claims[of_it], filed[of_it], strict=True):
                _, others = found.get(name.tobytes(), (b"", ()))
                found[name.tobytes()] = (claim.tobytes(), (*others, target))
    return found


def _tables(
    parts: Sequence[tuple[Coverage, _Targets]], checked: npt.NDArray[Any], ruleset: Ruleset
) -> CoverageTables:
    found: dict[bytes, list[Copy]] = {}
    keys: dict[bytes, set[bytes]] = {}
    review: set[bytes] = set()
    for coverage, targets in parts:
        for row in coverage.matches().to_pylist():
            item = row["item_id"]
            if row["band"] != Band.SAME_WORK.value:
                review.add(item)
                continue
            if row["claim"] not in targets:
                raise VerificationError("the coverage names a claim the release does not hold", remedy=REMEDY)
            copy = Copy(*targets[row["claim"]], row["method"], int(row["distance"]))
            found.setdefault(item, []).append(copy)
            keys.setdefault(item, set()).add(row["sample_key"])
    items = sorted(found)
    return CoverageTables(
        checked=new_table(np.frombuffer(checked.tobytes(), np.uint64).reshape(-1, 2), ruleset.secret),
        matched=new_table(np.frombuffer(b"".join(items), np.uint64).reshape(-1, 2), ruleset.secret),
        places=tuple(tuple(_distinct(found[item])) for item in items),
        sample_keys=tuple(next(iter(keys[item])) if len(keys[item]) == 1 else None for item in items),
        in_review=frozenset(review - found.keys()),
    )


def _distinct(copies: list[Copy]) -> list[Copy]:
    """Keep, of several matches of one claim on one item, the nearest."""
    best: dict[bytes, Copy] = {}
    for copy in sorted(copies, key=lambda copy: (copy.distance, copy.method)):
        best.setdefault(copy.claim, copy)
    return sorted(best.values(), key=lambda copy: copy.claim)
