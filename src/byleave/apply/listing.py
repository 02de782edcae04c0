"""The list of rows taken out, and the counts of why: by arrays, but for copies, where rows that share their causes are explained once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from byleave.apply.causes import CAUSES_TYPE, CODED_CAUSES_TYPE, CODED_SCHEMA, Explainer, Reasons
from byleave.apply.covering import CoverageTables
from byleave.apply.explaining import Going, explain, survey
from byleave.apply.judging import Flags
from byleave.apply.matching import Matched
from byleave.apply.naming import ClaimName, coded
from byleave.apply.row_causes import codes_of, count_causes, listed_causes
from byleave.apply.ruleset import Ruleset
from byleave.apply.said import several_about
from byleave.apply.tables import Ints, read_only
from byleave.apply.tally import Tally, cause_key
from byleave.apply.verdicts import Verdicts
from byleave.consent import CauseKind, Preference, Regime, Use

_FAULTS = ((), ("url",), ("digest",), ("url", "digest"))


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
        self._codes = codes_of(verdicts.terms.uses, regime)

    def batch(self, taken: Taken, name: str, first_row: int, tally: Tally) -> pa.RecordBatch:
        """List rows of the file ``name`` whose batch begins at ``first_row``, as ``CODED_SCHEMA`` says, and count why they go."""
        matched, rows = taken.matched, taken.rows
        matched.count_hosts(rows, tally.seen_hosts)
        return pa.record_batch(
            [
                coded(np.zeros(len(rows), np.int32), [name]),
                pa.array(rows + first_row),
                _fixed(matched.items[rows], matched.named[rows]),
                self._sample_keys(matched, rows),
                self._causes(taken, tally),
            ],
            schema=CODED_SCHEMA,
        )

    def _causes(self, taken: Taken, tally: Tally) -> pa.Array:
        copied = self._copied(taken)
        causes = self._of_claims(taken, np.flatnonzero(~copied), tally)
        others = np.flatnonzero(copied)
        if not len(others):
            return causes
        reasons, which = self._explained(taken, others)
        times = np.bincount(which, minlength=len(reasons))
        _count_reasons(reasons, times, tally, several=self._ruleset.is_union)
        indices = np.empty(len(taken.rows), np.int64)
        indices[~copied] = np.arange(len(causes))
        indices[others] = which + len(causes)
        told = pa.array([reason.causes for reason in reasons], CAUSES_TYPE).cast(CODED_CAUSES_TYPE)
        return pa.concat_arrays([causes, told]).take(pa.array(indices))

    def _copied(self, taken: Taken) -> Flags:
        """Say which rows are copies of something: these alone are explained one combination after the other."""
        matched = taken.matched
        beyond = np.zeros(len(matched.named), bool)
        beyond[matched.rows[matched.targets >= self._ruleset.targets]] = True
        return beyond[taken.rows]

    def _of_claims(self, taken: Taken, which: Ints, tally: Tally) -> pa.Array:
        """Explain those of the rows taken that ``which`` numbers, none of them a copy, and count why they go."""
        matched, rows = taken.matched, taken.rows[which]
        going = Going(
            rows,
            matched.rows,
            matched.targets,
            matched.bad_digest[rows],
            matched.bad_link[rows],
            taken.unchecked[which],
        )
        going = Going(*map(read_only, going))
        terms, said = self._verdicts.terms, self._verdicts.said
        alone, left = survey(going, said)
        several, further, cut = several_about(self._ruleset, terms, matched.targets[left])
        if cut:
            tally.totals["causes_cut"] += cut
        causes = explain(going, said, terms.rules(), several, self._codes.against, alone + further)
        count_causes(self._ruleset, self._codes, causes, tally)
        return listed_causes(self._ruleset, self._codes, causes)

    def _explained(self, taken: Taken, places: Ints) -> tuple[list[Reasons], Ints]:
        """Explain rows one combination after the other; return the reasons, and which of them each row has."""
        known: dict[tuple[tuple[int, ...], int, bool], int] = {}
        reasons: list[Reasons] = []
        indices = np.empty(len(places), np.int64)
        matched, rows = taken.matched, taken.rows
        targets = matched.targets.tolist()
        faults = matched.bad_link[rows] + np.int64(2) * matched.bad_digest[rows]
        parts = (part[places].tolist() for part in (*_spans(matched, rows), faults, taken.unchecked))
        for at, (begin, end, fault, unchecked) in enumerate(zip(*parts, strict=True)):
            key = (tuple(sorted(targets[begin:end])), fault, unchecked)
            if key not in known:
                known[key] = len(reasons)
                reasons.append(self._explainer.explain(key[0], _FAULTS[fault], unchecked=unchecked))
            indices[at] = known[key]
        return reasons, indices

    def _sample_keys(self, matched: Matched, rows: Ints) -> pa.Array:
        if self._coverage is None:
            return pa.nulls(len(rows), pa.binary(16))
        keys: list[bytes | None] = [None] * len(rows)
        begins, ends = _spans(matched, rows)
        hit = np.flatnonzero(ends > begins)
        last = matched.targets[ends[hit] - 1] - self._ruleset.targets
        covered = (last >= 0) & (last < len(self._coverage.sample_keys))
        for row, place in zip(hit[covered].tolist(), last[covered].tolist(), strict=True):
            keys[row] = self._coverage.sample_keys[place]
        return pa.array(keys, pa.binary(16))


def _spans(matched: Matched, rows: Ints) -> tuple[Ints, Ints]:
    """Return where the targets of each row begin and end among the pairs."""
    begins, ends = (np.searchsorted(matched.rows, rows, side=side) for side in ("left", "right"))
    return begins, ends


def _fixed(values: np.ndarray[tuple[int, int], np.dtype[np.uint8]], there: Flags) -> pa.Array:
    """Make a column of 16-byte values, null where they are not there."""
    present = pa.array(there).buffers()[1]
    content = pa.py_buffer(np.ascontiguousarray(values))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [present, content])


def _count_reasons(reasons: list[Reasons], times: Ints, tally: Tally, *, several: bool) -> None:
    for reason, count in zip(reasons, times.tolist(), strict=True):
        if reason.evidence:
            tally.evidence[reason.evidence] += count
        if reason.cut:
            tally.totals["causes_cut"] += count * reason.cut
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
