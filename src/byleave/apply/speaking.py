"""Of which targets a tree of those that cover a row can speak: only of those with which every row kept was compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from byleave.apply.judging import Flags
from byleave.apply.near import pictures_without_values
from byleave.consent import TargetKind

if TYPE_CHECKING:
    from byleave.apply.matching import Matched
    from byleave.apply.ruleset import Ruleset
    from byleave.apply.tables import Ints

WITHOUT_DIGEST: Final = "kept_without_digest"
WITHOUT_PRINT: Final = "kept_without_print"


def count_unseen(matched: Matched, stays: Flags) -> Counter[str]:
    """Count the rows that stay, bool (n,), of whose file no digest and of whose picture no fingerprint is known."""
    return Counter(
        {
            WITHOUT_DIGEST: int(np.count_nonzero(stays & ~matched.with_digest)),
            WITHOUT_PRINT: int(np.count_nonzero(stays & ~matched.printed)),
        }
    )


@dataclass(frozen=True, slots=True)
class SpokenOf:
    """What was compared with every row kept.

    kinds
        Kinds of targets other than links.
    without_values
        Those pictures among them, int64 (n,), whose values no list carries: they were compared with nothing, and nothing is said of them.
    """

    kinds: tuple[TargetKind, ...]
    without_values: Ints

    @classmethod
    def of(cls, ruleset: Ruleset, unseen: Mapping[str, int], *, by_coverage: bool) -> Self:
        """Find out what may be said.

        Parameters
        ----------
        unseen
            As :func:`count_unseen` counts over all rows kept.
        by_coverage
            Whether a coverage of every registry was applied, which compares files and pictures, those without values too.
        """
        kinds = [TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN]
        kinds += [TargetKind.DIGEST] if by_coverage or not unseen.get(WITHOUT_DIGEST, 0) else []
        kinds += [TargetKind.PICTURE] if by_coverage or not unseen.get(WITHOUT_PRINT, 0) else []
        hidden = np.zeros(0, np.int64) if by_coverage else pictures_without_values(ruleset)
        return cls(tuple(kinds), hidden)
