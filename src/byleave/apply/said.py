"""Targets about which several things were said, as ``byleave.apply.explaining`` takes them: of very many statements the strongest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from byleave.apply.judging import Answers, Flags, Spoken, Terms, spoken
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints, distinct
from byleave.consent import Preference, Statement

MOST_OF_A_TARGET: Final = 64
"""Statements about one target that are named, for each use: whoever says no to one domain half a million times must not make half a million causes a row."""


def several_about(ruleset: Ruleset, terms: Terms, targets: Ints) -> tuple[Spoken, int, int]:
    """Collect what was said about targets, some of them more than once; return also how many statements these make, and how many answers are left out.

    Of more than :data:`MOST_OF_A_TARGET` statements about one target the strongest are collected.
    """
    told, cut = _strongest_of_each(ruleset, spoken(ruleset, distinct(targets), terms))
    places = np.searchsorted(told.targets, targets)
    return told, int(told.counts()[places].sum()), int(cut[places].sum())


def strongest_about(
    ruleset: Ruleset, terms: Terms, targets: Iterable[int]
) -> tuple[list[Statement], Ints, int]:
    """Return the strongest statements about each of some targets, with what acts of them alone, their numbers, and how many answers are left out."""
    once = np.array(sorted(targets), np.int64)
    told, cut = _strongest_of_each(ruleset, spoken(ruleset, once, terms))
    owners = np.repeat(once, told.counts())
    found = [
        _acting_alone(ruleset.statement(number, target), terms, answers)
        for number, target, answers in zip(
            told.numbers.tolist(), owners.tolist(), told.answers.tolist(), strict=True
        )
    ]
    return found, told.numbers, int(cut.sum())


def _acting_alone(statement: Statement, terms: Terms, answers: Sequence[int]) -> Statement:
    """Leave of a statement what acts: whatever replaced the rest may be left out itself."""
    acting = {use.value: Preference(answer) for use, answer in zip(terms.uses, answers, strict=True)}
    return replace(statement, preferences=replace(statement.preferences, **acting))


def _strongest_of_each(ruleset: Ruleset, told: Spoken) -> tuple[Spoken, Ints]:
    """Leave, of many statements about one target, the strongest for each use; return also how many answers that leaves out of each."""
    counts = told.counts()
    cut = np.zeros(len(counts), np.int64)
    stays = np.ones(len(told.numbers), bool)
    for target in np.flatnonzero(counts > MOST_OF_A_TARGET).tolist():
        inside = slice(told.firsts[target], told.firsts[target + 1])
        stays[inside] = _strongest(ruleset, told.numbers[inside], told.answers[inside])
        cut[target] = np.count_nonzero(told.answers[inside][~stays[inside]].any(axis=1))
    if stays.all():
        return told, cut
    firsts = np.concatenate([[0], np.cumsum(stays)])[told.firsts]
    return Spoken(told.targets, firsts, told.numbers[stays], told.answers[stays]), cut


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
