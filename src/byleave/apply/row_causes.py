"""The causes of rows that are taken out, as columns of the list, and what of them is counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from byleave.apply.causes import CODED_CAUSE_TYPE, CODED_CAUSES_TYPE, CODED_WORDS
from byleave.apply.explaining import FAULTS, METHODS, NO_STATEMENT, PREFERENCES, Against, Causes
from byleave.apply.naming import claim_names, coded
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.tables import Ints, read_only
from byleave.apply.tally import Tally, cause_key
from byleave.consent import CauseKind, Evidence, Preference, Regime, Use, keeps

_FIELDS = list(CODED_CAUSE_TYPE)
_UNCHECKED = 2
"""Which of the slots behind those of the uses is that of pixels that were not compared."""


def listed_causes(ruleset: Ruleset, codes: Codes, causes: Causes) -> pa.ListArray:
    """Return the causes of each row, as ``CODED_CAUSES_TYPE`` says."""
    claimed = causes.numbers != NO_STATEMENT
    names = claim_names(ruleset, causes.numbers if claimed.all() else causes.numbers[claimed])
    parts = {"distance": pa.nulls(len(causes.codes), pa.uint8())}
    parts |= {"reference": names.claims, "origin": names.origins}
    if len(names.claims) != len(causes.codes):
        places = np.cumsum(claimed) - 1
        places[~claimed] = len(names.claims) + causes.codes[~claimed] // (PREFERENCES * METHODS)
        further = codes.references
        parts["reference"] = pa.concat_arrays([names.claims, further]).take(pa.array(places))
        none = pa.nulls(len(further), names.origins.type)
        parts["origin"] = pa.concat_arrays([names.origins, none]).take(pa.array(places))
    for name in CODED_WORDS[:-1]:
        parts[name] = coded(codes.places[name][causes.codes], codes.words[name])
    structs = pa.StructArray.from_arrays([parts[field.name] for field in _FIELDS], fields=_FIELDS)
    return pa.ListArray.from_arrays(pa.array(causes.ends), structs, type=CODED_CAUSES_TYPE)


def count_causes(ruleset: Ruleset, codes: Codes, causes: Causes, tally: Tally) -> None:
    """Count why rows go."""
    tally.seen_claims.add(ruleset, causes.heard)
    for level in np.flatnonzero(causes.levels).tolist():
        tally.evidence[Evidence(level).name] += int(causes.levels[level])
    for code in np.flatnonzero(causes.times).tolist():
        tally.causes[codes.key(code)] += int(causes.times[code])


@dataclass(frozen=True)
class Codes:
    """One small number for each pair of a slot, which is a use or a fault, with a preference and a method."""

    uses: tuple[Use, ...]
    regime: Regime

    @property
    def number(self) -> int:
        """How many numbers there are."""
        return (len(self.uses) + FAULTS) * PREFERENCES * METHODS

    @cached_property
    def alone(self) -> Ints:
        """The number of the one cause that each slot has without a claim, int64 (slots,)."""
        answers = [Preference.UNKNOWN] * len(self.uses) + [Preference.DENY] * 2 + [Preference.UNKNOWN]
        numbers: Ints = (np.arange(len(answers)) * PREFERENCES + np.array(answers)) * METHODS
        return numbers

    @cached_property
    def references(self) -> pa.Array:
        """What such a cause refers to, by slot."""
        return pa.array([self.regime.value] * len(self.uses) + ["digest", "url", "picture"])

    @cached_property
    def against(self) -> Against:
        """What takes rows out."""
        lets = [keeps(preference, self.regime) for preference in Preference]
        return Against(read_only(np.array(lets, np.uint8)), read_only(self.alone))

    @cached_property
    def words(self) -> dict[str, list[str | None]]:
        """The words of each column of a cause, each once."""
        return {name: list(dict.fromkeys(column)) for name, column in self._columns.items()}

    @cached_property
    def places(self) -> dict[str, npt.NDArray[np.int32]]:
        """Which of these words each number says, int32, by the columns of a cause."""
        return {
            name: np.array([self.words[name].index(word) for word in column], np.int32)
            for name, column in self._columns.items()
        }

    @cached_property
    def _columns(self) -> dict[str, list[str | None]]:
        parts = [self._parts(code) for code in range(self.number)]
        return {
            "kind": [kind.value for kind, *_ in parts],
            "use": [use.value if use else None for _, use, *_ in parts],
            "preference": [preference.word for _, _, preference, _ in parts],
            "method": [method for *_, method in parts],
        }

    def key(self, code: int) -> str:
        """Return the name under which a number is counted."""
        return cause_key(*self._parts(code))

    def _parts(self, code: int) -> tuple[CauseKind, Use | None, Preference, str | None]:
        rest, method = divmod(code, METHODS)
        slot, answer = divmod(rest, PREFERENCES)
        preference, fault = Preference(answer), slot - len(self.uses)
        if fault >= 0:
            kind = CauseKind.UNCHECKED if fault == _UNCHECKED else CauseKind.UNREADABLE
            return kind, None, preference, None
        if not method:
            return CauseKind.REGIME, self.uses[slot], preference, None
        return CauseKind.CLAIM, self.uses[slot], preference, KINDS[method - 1].value


@cache
def codes_of(uses: tuple[Use, ...], regime: Regime) -> Codes:
    """Return the numbers of what causes say under some choices."""
    return Codes(uses, regime)
