"""What a trainer's own standard does to a dataset: rows that stay, or go, only because answers were set aside. Never done silently."""

from __future__ import annotations

from collections import Counter

from byleave.apply.checks import Needs
from byleave.apply.covering import CoverageTables
from byleave.apply.judging import Flags, Terms
from byleave.apply.matching import Matched
from byleave.apply.ruleset import Ruleset
from byleave.apply.verdicts import Verdicts, kept
from byleave.consent import RULES_ALONE, Regime

KEPT_ASIDE, REMOVED_ASIDE = "kept_aside", "removed_aside"


class RulesAlone:
    """Decides as the rules alone would, beside a run under a standard."""

    def __init__(
        self, ruleset: Ruleset, coverage: CoverageTables | None, terms: Terms, withheld: int
    ) -> None:
        self._verdicts = Verdicts(ruleset, coverage, terms.by_rules())
        self._needs = Needs.of(self._verdicts, withheld)

    @classmethod
    def beside(
        cls, ruleset: Ruleset, coverage: CoverageTables | None, terms: Terms, withheld: int
    ) -> RulesAlone | None:
        """Return ``None`` where nothing is asked for beyond the rules."""
        return cls(ruleset, coverage, terms, withheld) if terms.standard != RULES_ALONE else None

    def count(
        self, matched: Matched, stays: Flags, regime: Regime, totals: Counter[str], *, drops_unchecked: bool
    ) -> None:
        """Count the rows of a batch, of which ``stays`` stay, bool (n,), that the rules alone would decide otherwise."""
        answers = self._verdicts.answers(matched.rows, matched.targets, len(stays))
        by_rules = kept(answers, matched.bad_link | matched.bad_digest, regime)
        if drops_unchecked:
            by_rules &= ~self._needs.unchecked(matched)
        totals[KEPT_ASIDE] += int((stays & ~by_rules).sum())
        totals[REMOVED_ASIDE] += int((~stays & by_rules).sum())
