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
NOT_COVERED: Final = "kept_not_covered"


def count_unseen(matched: Matched, stays: Flags) -> Counter[str]:
    """Count the rows that stay, bool (n,), and were not compared by a coverage, by a digest of their file, by a fingerprint of their picture."""
    known = {
        NOT_COVERED: matched.checked,
        WITHOUT_DIGEST: matched.with_digest,
        WITHOUT_PRINT: matched.printed,
    }
    return Counter({name: int(np.count_nonzero(stays & ~flags)) for name, flags in known.items()})


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
        covered = by_coverage and not unseen.get(NOT_COVERED, 0)
        kinds = [TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN]
        kinds += [TargetKind.DIGEST] if covered or not unseen.get(WITHOUT_DIGEST, 0) else []
        kinds += [TargetKind.PICTURE] if covered or not unseen.get(WITHOUT_PRINT, 0) else []
        return cls(tuple(kinds), np.zeros(0, np.int64) if covered else pictures_without_values(ruleset))
