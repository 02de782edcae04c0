"""What was said about many rows: each claim that reaches a row once, whether it acts, and the narrowest way by which it came."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from byleave.apply.judging import Answers, Flags, spoken
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.tables import Ints
from byleave.apply.verdicts import Verdicts
from byleave.consent import TargetKind

NARROWEST = (TargetKind.DIGEST, TargetKind.URL, TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN)
"""Of several targets by which a claim reaches a row, the first of these is named as the way."""

_BREADTHS = np.array([NARROWEST.index(kind) if kind in NARROWEST else len(NARROWEST) for kind in KINDS])


@dataclass(frozen=True, slots=True)
class Said:
    """Entries by rising owner, and of one owner by the claim's id.

    owners
        int64 (k,): the row that each is about.
    rows
        int64 (k,): the row of the ruleset that holds the claim.
    kinds
        int64 (k,): the narrowest kind of target by which it came, as a place in :data:`KINDS`.
    answers
        uint8 (k, uses): what acts of it.
    evidence
        uint8 (k,): its level.
    """

    owners: Ints
    rows: Ints
    kinds: Ints
    answers: Answers
    evidence: npt.NDArray[np.uint8]

    def strongest(self, size: int) -> Answers:
        """Return the strongest answer for each of ``size`` owners, uint8 (size, uses)."""
        combined = np.zeros((size, self.answers.shape[1]), np.uint8)
        if len(self.owners):
            firsts = np.flatnonzero(np.diff(self.owners, prepend=-1))
            combined[self.owners[firsts]] = np.maximum.reduceat(self.answers, firsts, axis=0)
        return combined


def said_about(ruleset: Ruleset, verdicts: Verdicts, owners: Ints, targets: Ints) -> Said:
    """Collect what was said, from pairs of an owner and a target of the ruleset, by rising owner."""
    rows = ruleset.starts[targets]
    kinds = np.searchsorted(ruleset.bases, targets, side="right") - 1
    alone = ruleset.starts[targets + 1] - rows == 1
    told = Said(owners, rows, kinds, verdicts.of(targets), ruleset.rows["evidence"][rows])
    if not alone.all():
        told = _joined(_chosen(told, alone), _of_several(ruleset, verdicts, owners, targets, kinds, ~alone))
    return _each_claim_once(ruleset, told)


def _of_several(
    ruleset: Ruleset, verdicts: Verdicts, owners: Ints, targets: Ints, kinds: Ints, several: Flags
) -> Said:
    """Return entries for the targets about which several things were said."""
    distinct, places = np.unique(targets[several], return_inverse=True)
    told = spoken(ruleset, distinct, verdicts.terms)
    counts = told.counts[places]
    ends = np.cumsum(counts)
    entries = np.arange(ends[-1]) + np.repeat(told.firsts[places] - (ends - counts), counts)
    rows = told.rows[entries]
    owners, kinds = np.repeat(owners[several], counts), np.repeat(kinds[several], counts)
    return Said(owners, rows, kinds, told.answers[entries], ruleset.rows["evidence"][rows])


def _each_claim_once(ruleset: Ruleset, said: Said) -> Said:
    """Sort what each owner has by the claim's id, and join what one claim says by several targets."""
    beside = said.owners[1:] == said.owners[:-1]
    shared = np.flatnonzero(np.append(beside, False) | np.append(False, beside))
    if not len(shared):
        return said
    ids = ruleset.rows["claim"][said.rows[shared]].view(np.uint64).byteswap()
    order = np.lexsort((_BREADTHS[said.kinds[shared]], ids[:, 1], ids[:, 0], said.owners[shared]))
    places = np.arange(len(said.owners))
    places[shared] = shared[order]
    again = np.zeros(len(places), bool)
    again[shared[1:]] = (ids[order][1:] == ids[order][:-1]).all(axis=1) & (
        said.owners[shared[1:]] == said.owners[shared[:-1]]
    )
    said = _chosen(said, places)
    if not again.any():
        return said
    firsts = np.flatnonzero(~again)
    return replace(
        _chosen(said, firsts),
        answers=np.maximum.reduceat(said.answers, firsts, axis=0),
        evidence=np.maximum.reduceat(said.evidence, firsts),
    )


def _chosen(said: Said, which: Ints | Flags) -> Said:
    return Said(*(getattr(said, field.name)[which] for field in fields(Said)))


def _joined(one: Said, other: Said) -> Said:
    """Put the entries of both together by rising owner."""
    whole = Said(*(np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(Said)))
    return _chosen(whole, np.argsort(whole.owners, kind="stable"))
