"""Why rows were taken out: computed by ``consent.decide`` once per combination of targets, then shared by all rows that have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.explaining import NARROWEST
from byleave.apply.naming import ClaimName, names_behind
from byleave.apply.ruleset import Ruleset
from byleave.apply.said import MOST_OF_A_TARGET, strongest_about
from byleave.apply.verdicts import Verdicts
from byleave.consent import Cause, CauseKind, Evidence, Preference, Regime, decide

CAUSE_TYPE = pa.struct(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("reference", pa.string(), nullable=False),
        pa.field("use", pa.string()),
        pa.field("preference", pa.string(), nullable=False),
        pa.field("method", pa.string()),
        pa.field("distance", pa.uint8()),
        pa.field("origin", pa.string()),
    ]
)
"""One cause; ``origin`` is the registry of a claim."""
CAUSES_TYPE = pa.list_(pa.field("cause", CAUSE_TYPE, nullable=False))
CODED_WORDS = ("kind", "use", "preference", "method", "origin")
"""Parts of a cause in which a few words return all the time."""
CODED = pa.dictionary(pa.int32(), pa.string())
CODED_CAUSE_TYPE = pa.struct(
    [field.with_type(CODED) if field.name in CODED_WORDS else field for field in CAUSE_TYPE]
)
CODED_CAUSES_TYPE = pa.list_(pa.field("cause", CODED_CAUSE_TYPE, nullable=False))
"""As :data:`CAUSES_TYPE` but for its words, each of which stands there once: what is made and written, while files and callers say text."""
REMOVED_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.binary(16)),
        pa.field("sample_key", pa.binary(16)),
        pa.field("causes", CAUSES_TYPE, nullable=False),
    ]
)
"""Columns of ``removed.parquet``. No link stands there: file and row lead to it in the input, and a list of refused works is not spread."""

CODED_SCHEMA = pa.schema(
    [
        field.with_type({"file": CODED, "causes": CODED_CAUSES_TYPE}.get(field.name, field.type))
        for field in REMOVED_SCHEMA
    ]
)
"""As :data:`REMOVED_SCHEMA`, with the words of :data:`CODED_CAUSES_TYPE`."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """The causes of one combination, as rows of ``removed.parquet`` carry them, the level of the strongest claim, and how many are not named."""

    causes: tuple[dict[str, Any], ...]
    evidence: str | None
    cut: int = 0


class Explainer:
    """Explains combinations of targets and faults. Remembers them: most rows of a dataset share a few."""

    def __init__(self, ruleset: Ruleset, verdicts: Verdicts, regime: Regime) -> None:
        self._ruleset = ruleset
        self._verdicts = verdicts
        self._regime = regime
        self._known: dict[tuple[tuple[int, ...], tuple[str, ...], bool], Reasons] = {}

    def explain(self, targets: tuple[int, ...], faults: tuple[str, ...], *, unchecked: bool) -> Reasons:
        """Return why a row with these targets and faults is taken out; ``unchecked`` if not having been compared is a reason."""
        key = (targets, faults, unchecked)
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._compute(targets, faults, unchecked=unchecked)
        return self._known[key]

    def _compute(self, targets: tuple[int, ...], faults: tuple[str, ...], *, unchecked: bool) -> Reasons:
        terms = self._verdicts.terms
        works = {work for target in targets for work in self._verdicts.works(target)}
        said, numbers, cut = strongest_about(self._ruleset, terms, works)
        decision = decide(
            said,
            uses=terms.uses,
            regime=self._regime,
            at=terms.at,
            faults=faults,
            with_pending_refusals=terms.with_pending,
            standard=terms.standard,
        )
        causes = [] if decision.keep else list(decision.causes)
        if unchecked:
            causes.append(Cause(CauseKind.UNCHECKED, "picture", Preference.UNKNOWN))
        ways = self._ways(targets, {one.claim for one in said})
        names = names_behind(self._ruleset, numbers)
        named = {cause.reference for cause in causes if cause.kind is CauseKind.CLAIM}
        levels = {one.claim.hex(): one.evidence for one in said if one.claim.hex() in named}
        told = _strongest(causes, levels, MOST_OF_A_TARGET * len(terms.uses) * max(1, len(targets)))
        plain = tuple(_plain(cause, ways, names) for cause in told)
        strongest = max(levels.values()).name if levels else None
        return Reasons(plain, strongest, cut + len(causes) - len(told))

    def _ways(self, targets: tuple[int, ...], claims: set[bytes]) -> dict[str, tuple[str, int | None]]:
        """Say for each of some claims how it reached the row: by what was compared exactly, else as a copy at a distance."""
        ways: dict[str, tuple[str, int | None]] = {}
        for target in targets:
            for copy in self._verdicts.copies(target, claims):
                ways.setdefault(copy.claim.hex(), (copy.method, copy.distance))
        exact = [(self._ruleset.kind_of(t), t) for t in targets if t < self._ruleset.targets]
        for kind, target in sorted(exact, key=lambda pair: -NARROWEST.index(pair[0])):
            reached = claims.intersection(self._ruleset.claims_of(target))
            ways |= {claim.hex(): (kind.value, None) for claim in reached}
        return ways


def _strongest(causes: list[Cause], levels: Mapping[str, Evidence], most: int) -> list[Cause]:
    """Leave at most so many causes: what is no claim first, then claims by falling evidence and their ids."""
    if len(causes) <= most:
        return causes
    claims = [cause for cause in causes if cause.kind is CauseKind.CLAIM]
    others = [cause for cause in causes if cause.kind is not CauseKind.CLAIM]
    claims.sort(key=lambda cause: (-levels[cause.reference], cause.reference))
    return [*others, *claims][:most]


def spread_causes(listed: npt.NDArray[np.bool_], causes: pa.ListArray) -> pa.ListArray:
    """Give each of ``n`` rows its causes: those of the listed rows, bool (n,), in their order, and none for the others."""
    lengths = np.zeros(len(listed), np.int32)
    lengths[listed] = pc.list_value_length(causes).to_numpy(zero_copy_only=False)
    ends = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    told = causes.cast(CAUSES_TYPE).flatten()
    return pa.ListArray.from_arrays(pa.array(ends), told, type=CAUSES_TYPE)


def _plain(
    cause: Cause, ways: dict[str, tuple[str, int | None]], names: dict[str, ClaimName]
) -> dict[str, Any]:
    method, distance, name = None, None, ClaimName(cause.reference, None)
    if cause.kind is CauseKind.CLAIM:
        method, distance = ways.get(cause.reference, (None, None))
        name = names[cause.reference]
    return {
        "kind": cause.kind.value,
        "reference": name.claim,
        "use": cause.use.value if cause.use else None,
        "preference": cause.preference.word,
        "method": method,
        "distance": distance,
        "origin": name.origin,
    }


_MOST_KNOWN = 100_000
