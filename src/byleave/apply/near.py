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


def claims_without_values(ruleset: Ruleset, terms: Terms) -> int:
    """Count the claims on pictures that act as a refusal and whose fingerprints the list does not carry: nothing here can be compared with them."""
    pictures = ruleset.targets_of([TargetKind.PICTURE])
    hidden = np.setdiff1d(np.arange(pictures.start, pictures.stop), ruleset.picture_targets)
    binding = hidden[judge(ruleset, hidden, terms).max(axis=1, initial=0) > Preference.ALLOW]
    return len({claim for target in binding.tolist() for claim in ruleset.claims_of(target)})
