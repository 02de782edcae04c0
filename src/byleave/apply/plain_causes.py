"""Causes of rows that exactly one statement covers, which are most: made for all of them at once, as ``consent.decide`` would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.causes import CAUSE_TYPE, CAUSES_TYPE
from byleave.apply.judging import Answers, Flags
from byleave.apply.naming import ClaimNames, claim_names
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.tables import Ints
from byleave.apply.tally import Tally, cause_key
from byleave.consent import CauseKind, Evidence, Preference, Regime, Use, keeps

_KINDS = pa.array([kind.value for kind in KINDS])
_WORDS = pa.array([preference.word for preference in Preference])


def is_plain(ruleset: Ruleset, targets: Ints) -> Flags:
    """Say which targets are of the ruleset, and not places in a coverage, and have one statement only."""
    plain = (targets >= 0) & (targets < ruleset.targets)
    known = np.where(plain, targets, 0)
    if ruleset.targets:
        plain &= ruleset.starts[known + 1] - ruleset.starts[known] == 1
    return plain


@dataclass(frozen=True, slots=True)
class PlainCauses:
    """Why rows go that plain targets cover.

    targets
        int64 (n,): the targets, distinct.
    answers
        uint8 (n, uses): what each answers.
    against
        bool (n, uses): the uses for which a row does not stay. A use that was not answered is against it under ``opt_in`` alone.
    """

    ruleset: Ruleset
    uses: Sequence[Use]
    regime: Regime
    targets: Ints
    answers: Answers
    against: Flags

    @classmethod
    def of(
        cls, ruleset: Ruleset, uses: Sequence[Use], regime: Regime, targets: Ints, answers: Answers
    ) -> PlainCauses:
        """Find the uses that speak against staying."""
        lets = np.array([keeps(preference, regime) for preference in Preference])
        return cls(ruleset, uses, regime, targets, answers, ~lets[answers])

    def listed(self) -> pa.Array:
        """Return the causes of each target, as ``removed.parquet`` carries them."""
        names = self._names()
        places, uses = np.nonzero(self.against)
        answered = self.answers[places, uses]
        claimed = pa.array(answered != Preference.UNKNOWN)
        method = _KINDS.take(pa.array(self._kinds()[places]))
        parts = [
            pc.if_else(claimed, CauseKind.CLAIM.value, CauseKind.REGIME.value),
            pc.if_else(claimed, names.claims.take(pa.array(places)), self.regime.value),
            pa.array([use.value for use in self.uses]).take(pa.array(uses)),
            _WORDS.take(pa.array(answered)),
            pc.if_else(claimed, method, pa.scalar(None, pa.string())),
            pa.nulls(len(places), pa.uint8()),
            pc.if_else(claimed, names.origins.take(pa.array(places)), pa.scalar(None, pa.string())),
        ]
        ends = np.cumsum(np.concatenate([[0], self.against.sum(axis=1)]))
        causes = pa.StructArray.from_arrays(parts, fields=list(CAUSE_TYPE))
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), causes, type=CAUSES_TYPE)

    def count(self, times: Ints, tally: Tally) -> None:
        """Count the causes of rows, of which each target covers so many."""
        claimed = self.against & (self.answers != Preference.UNKNOWN)
        named = claimed.any(axis=1)
        levels = np.bincount(self._rows("evidence")[named], times[named], minlength=len(Evidence))
        tally.evidence.update({level.name: int(levels[level]) for level in Evidence if levels[level]})
        for place, use in enumerate(self.uses):
            self._count_use(use, self.against[:, place], self.answers[:, place], times, tally)
        tally.seen_claims.add(
            self._names().keys(several=self.ruleset.is_union).filter(pa.array(named)), times[named]
        )

    def _count_use(self, use: Use, against: Flags, answered: Answers, times: Ints, tally: Tally) -> None:
        keys = answered[against] * np.int64(len(KINDS)) + self._kinds()[against]
        counts = np.bincount(keys, times[against])
        for key in np.flatnonzero(counts).tolist():
            preference, kind = Preference(key // len(KINDS)), KINDS[key % len(KINDS)]
            claimed = preference is not Preference.UNKNOWN
            said = CauseKind.CLAIM if claimed else CauseKind.REGIME
            name = cause_key(said, use, preference, kind.value if claimed else None)
            tally.causes[name] += int(counts[key])

    def _kinds(self) -> Ints:
        return np.searchsorted(self.ruleset.bases, self.targets, side="right") - 1

    def _names(self) -> ClaimNames:
        return claim_names(self.ruleset, self.ruleset.starts[self.targets])

    def _rows(self, name: str) -> npt.NDArray[np.uint8]:
        return self.ruleset.rows[name][self.ruleset.starts[self.targets]]
