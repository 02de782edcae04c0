"""The list of rows taken out, and the counts of why: rows that share their causes are explained once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from byleave.apply.causes import CAUSES_TYPE, REMOVED_SCHEMA, Explainer, Reasons
from byleave.apply.covering import CoverageTables
from byleave.apply.judging import Flags
from byleave.apply.matching import Matched
from byleave.apply.naming import ClaimName
from byleave.apply.plain_causes import PlainCauses, is_plain
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints
from byleave.apply.tally import Tally, cause_key
from byleave.apply.verdicts import Verdicts
from byleave.consent import CauseKind, Preference, Regime, Use

_FAULTS = ((), ("url",), ("digest",), ("url", "digest"))
_NO_TARGET = -1


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows of one batch that are taken out.

    rows
        int64 (n,): their positions in the batch, rising.
    unchecked
        bool (n,): whether not having been compared is a reason.
    """

    matched: Matched
    rows: Ints
    unchecked: Flags


class Listing:
    """Lists rows taken out under one regime."""

    def __init__(
        self, ruleset: Ruleset, coverage: CoverageTables | None, verdicts: Verdicts, regime: Regime
    ) -> None:
        self._ruleset = ruleset
        self._coverage = coverage
        self._verdicts = verdicts
        self._regime = regime
        self._explainer = Explainer(ruleset, verdicts, regime)

    def batch(self, taken: Taken, name: str, first_row: int, tally: Tally) -> pa.RecordBatch:
        """List rows of the file ``name`` whose batch begins at ``first_row``, and count why they go."""
        matched, rows = taken.matched, taken.rows
        begins = np.searchsorted(matched.rows, rows, side="left")
        ends = np.searchsorted(matched.rows, rows, side="right")
        tally.seen_hosts.add(matched.hosts_of(rows))
        return pa.record_batch(
            [
                pa.repeat(name, len(rows)),
                pa.array(rows + first_row),
                _fixed(matched.items[rows], matched.named[rows]),
                pa.array(self._sample_keys(matched, begins, ends), pa.binary(16)),
                self._causes(taken, begins, ends, tally),
            ],
            schema=REMOVED_SCHEMA,
        )

    def _causes(self, taken: Taken, begins: Ints, ends: Ints, tally: Tally) -> pa.Array:
        matched, rows = taken.matched, taken.rows
        faults = matched.bad_link[rows] + np.int64(2) * matched.bad_digest[rows]
        only = np.full(len(rows), _NO_TARGET, np.int64)
        single = ends - begins == 1
        only[single] = matched.targets[begins[single]]
        plain = is_plain(self._ruleset, only) & (faults == 0) & ~taken.unchecked
        targets, places = np.unique(only[plain], return_inverse=True)
        causes = PlainCauses.of(
            self._ruleset, self._verdicts.terms.uses, self._regime, targets, self._verdicts.of(targets)
        )
        causes.count(np.bincount(places, minlength=len(targets)), tally)
        indices = np.empty(len(rows), np.int64)
        indices[plain] = places
        others = np.flatnonzero(~plain)
        reasons, indices[others] = self._explained(taken, others, begins, ends, faults)
        times = np.bincount(indices[others], minlength=len(reasons))
        _count_reasons(reasons, times, tally, several=self._ruleset.is_union)
        indices[others] += len(targets)
        listed = [causes.listed(), pa.array([reason.causes for reason in reasons], CAUSES_TYPE)]
        return pa.concat_arrays(listed).take(pa.array(indices))

    def _explained(
        self, taken: Taken, places: Ints, begins: Ints, ends: Ints, faults: Ints
    ) -> tuple[list[Reasons], Ints]:
        """Explain rows one combination after the other; return the reasons, and which of them each row has."""
        known: dict[tuple[tuple[int, ...], int, bool], int] = {}
        reasons: list[Reasons] = []
        indices = np.empty(len(places), np.int64)
        targets = taken.matched.targets.tolist() if len(places) else []
        parts = (part[places].tolist() for part in (begins, ends, faults, taken.unchecked))
        for at, (begin, end, fault, unchecked) in enumerate(zip(*parts, strict=True)):
            key = (tuple(sorted(targets[begin:end])), fault, unchecked)
            if key not in known:
                known[key] = len(reasons)
                reasons.append(self._explainer.explain(key[0], _FAULTS[fault], unchecked=unchecked))
            indices[at] = known[key]
        return reasons, indices

    def _sample_keys(self, matched: Matched, begins: Ints, ends: Ints) -> list[bytes | None]:
        keys: list[bytes | None] = [None] * len(begins)
        if self._coverage is None:
            return keys
        hit = np.flatnonzero(ends > begins)
        last = matched.targets[ends[hit] - 1] - self._ruleset.targets
        for row, place in zip(hit[last >= 0].tolist(), last[last >= 0].tolist(), strict=True):
            keys[row] = self._coverage.sample_keys[place]
        return keys


def _fixed(values: np.ndarray[tuple[int, int], np.dtype[np.uint8]], there: Flags) -> pa.Array:
    """Make a column of 16-byte values, null where they are not there."""
    present = pa.array(there).buffers()[1]
    content = pa.py_buffer(np.ascontiguousarray(values))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [present, content])


def _count_reasons(reasons: list[Reasons], times: Ints, tally: Tally, *, several: bool) -> None:
    for reason, count in zip(reasons, times.tolist(), strict=True):
        if reason.evidence:
            tally.evidence[reason.evidence] += count
        said = [cause for cause in reason.causes if cause["kind"] == CauseKind.CLAIM]
        claims = {ClaimName(cause["reference"], cause["origin"]).key(several=several) for cause in said}
        near = {f"{c['method']}|{c['distance']}" for c in reason.causes if c["distance"] is not None}
        keys = {
            cause_key(
                CauseKind(cause["kind"]),
                Use(cause["use"]) if cause["use"] else None,
                Preference.parse(cause["preference"]),
                cause["method"],
            )
            for cause in reason.causes
        }
        tally.causes.update(dict.fromkeys(keys, count))
        tally.claims.update(dict.fromkeys(claims, count))
        tally.distances.update(dict.fromkeys(near, count))
