"""Numbers for "a copy of this registered picture, so many bits away", which follow those of targets and of places in a coverage.

They are made by counting and hold nothing, so a ruleset with any number of pictures costs no memory for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from byleave.apply.covering import CoverageTables
from byleave.apply.judging import Terms, judge
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints
from byleave.consent import Preference, TargetKind
from byleave.fingerprints import SAME_WORK_RADIUS

DISTANCES = SAME_WORK_RADIUS + 1

Number = TypeVar("Number", int, Ints)


@dataclass(frozen=True, slots=True)
class NearNumbers:
    """Numbers from ``first`` on: for each picture target from ``pictures`` on, one for each distance of 0 to 31 bits."""

    first: int
    pictures: int

    @classmethod
    def of(cls, ruleset: Ruleset, coverage: CoverageTables | None) -> NearNumbers:
        """Begin behind the numbers that are in use."""
        places = len(coverage.places) if coverage is not None else 0
        return cls(ruleset.targets + places, ruleset.targets_of([TargetKind.PICTURE]).start)

    def number(self, targets: Ints, distances: Ints) -> Ints:
        """Return the numbers of picture targets at distances."""
        return self.first + (targets - self.pictures) * DISTANCES + distances

    def target(self, number: Number) -> Number:
        """Return the picture target that is near."""
        return self.pictures + (number - self.first) // DISTANCES

    def distance(self, number: int) -> int:
        """Return how many bits away it is."""
        return (number - self.first) % DISTANCES


def exact_pairs(
    rows: Ints, targets: Ints, ruleset: Ruleset, coverage: CoverageTables | None
) -> tuple[Ints, Ints]:
    """Return pairs of a row and a target with, in place of places in the coverage and pictures at a distance, the targets behind them."""
    beyond = targets >= ruleset.targets
    if not beyond.any():
        return rows, targets
    near = NearNumbers.of(ruleset, coverage)
    behind: list[tuple[int, int]] = []
    for row, target in zip(rows[beyond].tolist(), targets[beyond].tolist(), strict=True):
        if target >= near.first:
            behind.append((row, near.target(target)))
        elif coverage is not None:
            copies = coverage.places[target - ruleset.targets]
            behind += [(row, work) for copy in copies for work in copy.targets]
    found = np.array(behind, np.int64).reshape(-1, 2)
    every = np.concatenate([np.stack([rows[~beyond], targets[~beyond]], axis=1), found])
    every = every[np.argsort(every[:, 0], kind="stable")]
    return every[:, 0], every[:, 1]


def pictures_without_values(ruleset: Ruleset) -> Ints:
    """Return the pictures, int64 (n,), whose fingerprints the list does not carry: nothing here can be compared with them."""
    pictures = ruleset.targets_of([TargetKind.PICTURE])
    return np.setdiff1d(np.arange(pictures.start, pictures.stop), ruleset.picture_targets)


def claims_without_values(ruleset: Ruleset, terms: Terms) -> int:
    """Count the claims on such pictures that act as a refusal."""
    hidden = pictures_without_values(ruleset)
    binding = hidden[judge(ruleset, hidden, terms).max(axis=1, initial=0) > Preference.ALLOW]
    return len({claim for target in binding.tolist() for claim in ruleset.claims_of(target)})
