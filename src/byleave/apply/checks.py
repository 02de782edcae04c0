"""By what rows were checked, and why some could not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow.compute as pc

from byleave.apply.judging import Flags
from byleave.apply.matching import Matched
from byleave.apply.verdicts import Verdicts
from byleave.consent import TargetKind

CHECKED_BY = ("link", "digest", "fingerprint", "coverage")

NO_DIGEST = "no_digest"
OTHER_WORKS = "texts_or_sounds"
VALUES_WITHHELD = "values_withheld"
NOT_COMPARED = "not_compared"
NO_FINGERPRINT = "no_fingerprint"
"""Reasons why a row could not be checked: it states no file's digest; claims name texts or sounds; claims on pictures whose values the list
does not carry; nothing says what the picture is; and, followed by a colon and the sidecar's reason, there is no fingerprint of it."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a row must have been compared by before it counts as checked.

    pixels
        Claimed pictures bind a requested use.
    digest
        So do claimed files without a picture.
    other
        So do texts or sounds, which this version cannot compare at all.
    withheld
        How many claims on pictures bind whose values the list does not carry, so that a fingerprint alone does not settle a row. Counted
        where fingerprints are given.
    """

    pixels: bool
    digest: bool
    other: bool
    withheld: int = 0

    @classmethod
    def of(cls, verdicts: Verdicts, withheld: int = 0) -> Self:
        """Find out what the targets that bind ask for."""
        return cls(
            pixels=verdicts.bind([TargetKind.PICTURE]),
            digest=verdicts.bind([TargetKind.DIGEST], without_pictures=True),
            other=verdicts.bind([TargetKind.TEXT, TargetKind.SOUND]),
            withheld=withheld,
        )

    def names(self) -> list[str]:
        """Say what claims are on that ask for a comparison."""
        asked = {"pictures": self.pixels, "exact files": self.digest, "texts or sounds": self.other}
        return [name for name, needed in asked.items() if needed]

    def why(self, *, has_fingerprints: bool = False) -> str:
        """Say, as a part of a sentence, why rows cannot be checked, where fingerprints were given and where not."""
        held = f"the registry holds claims on {' and '.join(self.names())}"
        if self.withheld:
            return f"{held}, {self.withheld:,} of those on pictures without their values, so that fingerprints do not settle it"
        if self.pixels or self.digest:
            lacks = (
                "these rows have no fingerprint"
                if has_fingerprints
                else "nothing says what stands behind these links"
            )
            return f"{held}, and {lacks}"
        return f"{held}, which cannot be compared yet"

    def unchecked(self, matched: Matched) -> Flags:
        """Say which rows were not compared by all that is needed."""
        missing = np.full(len(matched.checked), self.other)
        if self.pixels:
            missing |= self._pixels_missing(matched)
        if self.digest:
            missing |= ~matched.with_digest
        return missing

    def reasons(self, matched: Matched) -> Counter[str]:
        """Count the rows that could not be checked by each reason; a row counts under every one it has."""
        counts: Counter[str] = Counter()
        if self.other:
            counts[OTHER_WORKS] = len(matched.checked)
        if self.digest:
            counts[NO_DIGEST] = int(np.count_nonzero(~matched.with_digest))
        if self.pixels:
            missing = self._pixels_missing(matched)
            counts[VALUES_WITHHELD] = int(np.count_nonzero(missing & matched.printed))
            counts.update(_without_print(matched, missing & ~matched.printed))
        return +counts

    def _pixels_missing(self, matched: Matched) -> Flags:
        return ~matched.checked if self.withheld else ~(matched.checked | matched.printed)


def _without_print(matched: Matched, rows: Flags) -> Counter[str]:
    if matched.seen is None:
        return Counter({NOT_COMPARED: int(np.count_nonzero(rows))})
    told = pc.value_counts(matched.seen.reasons.filter(rows))
    return Counter({f"{NO_FINGERPRINT}:{one['values']}": int(one["counts"]) for one in told.to_pylist()})


def count_checks(matched: Matched) -> Counter[str]:
    """Count rows by what they were compared by, under the names of the totals of a tally."""
    flags: Sequence[Flags] = (matched.linked, matched.with_digest, matched.printed, matched.checked)
    return Counter(
        {f"by_{name}": int(np.count_nonzero(flag)) for name, flag in zip(CHECKED_BY, flags, strict=True)}
    )
