"""What was said about many rows: each claim that reaches a row once, whether it acts, and the narrowest way by which it came."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from byleave.apply.judging import Answers, Flags, Spoken, spoken
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.tables import Ints
from byleave.apply.verdicts import Verdicts
from byleave.consent import TargetKind

NARROWEST = (TargetKind.DIGEST, TargetKind.URL, TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN)
"""Of several targets by which a claim reaches a row, the first of these is named as the way."""

MOST_OF_A_TARGET: Final = 64
"""Statements about one target that are named, for each use: whoever says no to one domain half a million times must not make half a million causes a row."""

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


def said_about(ruleset: Ruleset, verdicts: Verdicts, owners: Ints, targets: Ints) -> tuple[Said, int]:
    """Collect what was said, from pairs of an owner and a target of the ruleset, by rising owner.

    Of more than :data:`MOST_OF_A_TARGET` statements about one target the strongest are collected; also returns how many answers were not,
    each as often as it reaches an owner.
    """
    rows, counts = ruleset.spans(targets)
    kinds = np.searchsorted(ruleset.bases, targets, side="right") - 1
    alone = counts == 1
    told = Said(owners, rows, kinds, verdicts.of(targets), ruleset.rows["evidence"][rows])
    cut = 0
    if not alone.all():
        others, cut = _of_several(ruleset, verdicts, owners, targets, kinds, ~alone)
        told = _joined(_chosen(told, alone), others)
    return _each_claim_once(ruleset, told), cut


def _of_several(
    ruleset: Ruleset, verdicts: Verdicts, owners: Ints, targets: Ints, kinds: Ints, several: Flags
) -> tuple[Said, int]:
    """Return entries for the targets about which several things were said, and how many answers are left out."""
    distinct, places = np.unique(targets[several], return_inverse=True)
    told, cut = _strongest_of_each(ruleset, spoken(ruleset, distinct, verdicts.terms))
    counts = told.counts[places]
    ends = np.cumsum(counts)
    entries = np.arange(ends[-1]) + np.repeat(told.firsts[places] - (ends - counts), counts)
    rows = told.rows[entries]
    owners, kinds = np.repeat(owners[several], counts), np.repeat(kinds[several], counts)
    said = Said(owners, rows, kinds, told.answers[entries], ruleset.rows["evidence"][rows])
    return said, int(cut[places].sum())


def _strongest_of_each(ruleset: Ruleset, told: Spoken) -> tuple[Spoken, Ints]:
    """Leave, of many statements about one target, the strongest for each use; return also how many answers that leaves out of each."""
    cut = np.zeros(len(told.counts), np.int64)
    stays = np.ones(len(told.rows), bool)
    for target in np.flatnonzero(told.counts > MOST_OF_A_TARGET).tolist():
        inside = slice(told.firsts[target], told.firsts[target] + told.counts[target])
        stays[inside] = _strongest(ruleset, told.rows[inside], told.answers[inside])
        cut[target] = np.count_nonzero(told.answers[inside][~stays[inside]].any(axis=1))
    if stays.all():
        return told, cut
    counts = np.add.reduceat(stays, told.firsts, dtype=np.int64)
    kept = Spoken(np.cumsum(counts) - counts, counts, told.rows[stays], told.answers[stays])
    return kept, cut


def _strongest(ruleset: Ruleset, rows: Ints, answers: Answers) -> Flags:
    """Say which statements are among the strongest for some use: by their answer, then by their evidence, then by the claim's id."""
    found = np.zeros(len(rows), bool)
    ids = ruleset.rows["claim"][rows].view(np.uint64).byteswap()
    evidence = -ruleset.rows["evidence"][rows].astype(np.int64)
    for answer in answers.T:
        found[np.lexsort((ids[:, 1], ids[:, 0], evidence, -answer.astype(np.int64)))[:MOST_OF_A_TARGET]] = (
            True
        )
    return found


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
