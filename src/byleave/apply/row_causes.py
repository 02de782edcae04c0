"""Why rows go, for all rows of a batch at once: what ``consent.decide`` names as causes, by arrays and without an object for each row.

Rows that are near a claimed picture at a distance are explained one combination after the other, see ``byleave.apply.causes``. A property test holds
both ways to ``consent.decide``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from byleave.apply.causes import CODED_CAUSE_TYPE, CODED_CAUSES_TYPE, CODED_WORDS
from byleave.apply.judging import Flags
from byleave.apply.naming import ClaimNames, claim_names, coded
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.said import Said
from byleave.apply.tables import Ints, distinct
from byleave.apply.tally import Tally, cause_key
from byleave.consent import CauseKind, Evidence, Preference, Regime, Use, keeps

_NO_CLAIM = -1
_METHODS = len(KINDS) + 1
_PREFERENCES = len(Preference)
_FAULT_DIGEST, _FAULT_LINK, _UNCHECKED = range(3)
_FURTHER = 3
"""Slots behind those of the uses: for a digest that cannot be read, a link that cannot, and pixels that were not compared."""


@dataclass(frozen=True, slots=True)
class Wanting:
    """What was wanting of ``n`` rows: bool (n,) each. A link or digest that could not be read, and a comparison that was not made."""

    link: Flags
    digest: Flags
    unchecked: Flags


class RowCauses:
    """The causes of ``n`` rows that are taken out.

    Parameters
    ----------
    said
        What was said about them. A use that nobody answered is against a row under ``opt_in`` alone.
    """

    def __init__(
        self, ruleset: Ruleset, uses: Sequence[Use], regime: Regime, said: Said, wanting: Wanting
    ) -> None:
        self._ruleset = ruleset
        self._codes = _codes_of(tuple(uses), regime)
        self._said = said
        self._size = len(wanting.link)
        parts = [*self._of_uses(regime), *self._of_faults(wanting)]
        owners, slots, entries = (np.concatenate(part) for part in zip(*parts, strict=True))
        if len(parts) > 1:
            order = np.argsort(owners * np.int64(len(uses) + _FURTHER) + slots, kind="stable")
            owners, slots, entries = owners[order], slots[order], entries[order]
        self._owners, self._entries = owners, entries
        self._claimed = entries != _NO_CLAIM
        self._code = self._coded(slots)

    def _of_uses(self, regime: Regime) -> list[tuple[Ints, Ints, Ints]]:
        said, parts = self._said, []
        lets = np.array([keeps(preference, regime) for preference in Preference])
        strongest = said.strongest(self._size)
        for place in range(len(self._codes.uses)):
            most, answers = strongest[:, place], said.answers[:, place]
            against = ~lets[most]
            named = against[said.owners] & (answers == most[said.owners]) & (answers != Preference.UNKNOWN)
            parts.append(_part(said.owners[named], place, np.flatnonzero(named)))
            silent = np.flatnonzero(against & (most == Preference.UNKNOWN))
            if len(silent):
                parts.append(_part(silent, place, np.full(len(silent), _NO_CLAIM)))
        return parts

    def _of_faults(self, wanting: Wanting) -> list[tuple[Ints, Ints, Ints]]:
        parts = []
        for slot, flags in (
            (_FAULT_DIGEST, wanting.digest),
            (_FAULT_LINK, wanting.link),
            (_UNCHECKED, wanting.unchecked),
        ):
            owners = np.flatnonzero(flags)
            if len(owners):
                parts.append(_part(owners, len(self._codes.uses) + slot, np.full(len(owners), _NO_CLAIM)))
        return parts

    def _coded(self, slots: Ints) -> Ints:
        """Return one number for all that a cause says but its reference, see :class:`_Codes`."""
        codes = self._codes.alone[slots]
        claimed, said = self._claimed, self._said
        entries, uses = self._entries[claimed], slots[claimed]
        answers = said.answers[entries, uses].astype(np.int64)
        codes[claimed] = (uses * _PREFERENCES + answers) * _METHODS + said.kinds[entries] + 1
        return codes

    def listed(self) -> pa.ListArray:
        """Return the causes of each row, as ``CODED_CAUSES_TYPE`` says."""
        ends = np.cumsum(np.bincount(self._owners + 1, minlength=self._size + 1))
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), self._structs(), type=CODED_CAUSES_TYPE)

    def _structs(self) -> pa.StructArray:
        parts = {"distance": pa.nulls(len(self._code), pa.uint8())}
        parts |= {"reference": self._named.claims, "origin": self._named.origins}
        if len(self._named.claims) != len(self._code):
            places = np.full(len(self._code), len(self._named.claims), np.int64)
            places[self._claimed] = self._places
            places[~self._claimed] += self._code[~self._claimed] // (_PREFERENCES * _METHODS)
            further = self._codes.references
            parts["reference"] = pa.concat_arrays([parts["reference"], further]).take(pa.array(places))
            none = pa.nulls(len(further), parts["origin"].type)
            parts["origin"] = pa.concat_arrays([parts["origin"], none]).take(pa.array(places))
        for name in CODED_WORDS[:-1]:
            parts[name] = coded(self._codes.places[name][self._code], self._codes.words[name])
        return pa.StructArray.from_arrays(
            [parts[field.name] for field in CODED_CAUSE_TYPE], fields=list(CODED_CAUSE_TYPE)
        )

    @property
    def _places(self) -> Ints:
        """Which of the claims in :attr:`_named` each cause by a claim has."""
        entries = self._entries[self._claimed]
        return (
            np.arange(len(entries)) if len(self._codes.uses) == 1 else np.searchsorted(self._heard, entries)
        )

    @cached_property
    def _heard(self) -> Ints:
        """Entries of what was said that some cause names, each once."""
        entries = self._entries[self._claimed]
        return entries if len(self._codes.uses) == 1 else distinct(entries)

    @cached_property
    def _named(self) -> ClaimNames:
        return claim_names(self._ruleset, self._said.rows[self._heard])

    def count(self, tally: Tally) -> None:
        """Count why these rows go."""
        if self._ruleset.is_union:
            tally.seen_claims.add(self._named.keys(several=True))
        else:
            tally.seen_ids.add_rows(self._named.ids)
        heard = self._said.owners[self._heard]
        if len(heard):
            firsts = np.flatnonzero(np.diff(heard, prepend=-1))
            levels = np.bincount(np.maximum.reduceat(self._said.evidence[self._heard], firsts))
            tally.evidence.update({Evidence(level).name: n for level, n in enumerate(levels.tolist()) if n})
        counts = np.bincount(self._once())
        for code in np.flatnonzero(counts).tolist():
            tally.causes[self._codes.key(code)] += int(counts[code])

    def _once(self) -> Ints:
        """Return the codes of all causes, equal ones of one row once."""
        if len(self._owners) == self._size:
            return self._code
        return distinct(self._owners * np.int64(self._codes.number) + self._code) % self._codes.number


@dataclass(frozen=True)
class _Codes:
    """One small number for each pair of a slot, which is a use or a fault, with a preference and a method."""

    uses: tuple[Use, ...]
    regime: Regime

    @property
    def number(self) -> int:
        """How many numbers there are."""
        return (len(self.uses) + _FURTHER) * _PREFERENCES * _METHODS

    @cached_property
    def alone(self) -> Ints:
        """The number of the one cause that each slot has without a claim, int64 (slots,)."""
        answers = [Preference.UNKNOWN] * len(self.uses) + [Preference.DENY] * 2 + [Preference.UNKNOWN]
        numbers: Ints = (np.arange(len(answers)) * _PREFERENCES + np.array(answers)) * _METHODS
        return numbers

    @cached_property
    def references(self) -> pa.Array:
        """What such a cause refers to, by slot."""
        return pa.array([self.regime.value] * len(self.uses) + ["digest", "url", "picture"])

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
        rest, method = divmod(code, _METHODS)
        slot, answer = divmod(rest, _PREFERENCES)
        preference, fault = Preference(answer), slot - len(self.uses)
        if fault >= 0:
            kind = CauseKind.UNCHECKED if fault == _UNCHECKED else CauseKind.UNREADABLE
            return kind, None, preference, None
        if not method:
            return CauseKind.REGIME, self.uses[slot], preference, None
        return CauseKind.CLAIM, self.uses[slot], preference, KINDS[method - 1].value


@cache
def _codes_of(uses: tuple[Use, ...], regime: Regime) -> _Codes:
    return _Codes(uses, regime)


def _part(owners: Ints, slot: int, entries: Ints) -> tuple[Ints, Ints, Ints]:
    return owners, np.full(len(owners), slot), entries
