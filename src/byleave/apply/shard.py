"""Apply to one file: decide about every row, write those that stay, list those that do not, and count."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.covering import CoverageTables
from byleave.apply.inputs import Columns, InputFile, columns_of, damaged, open_parquet
from byleave.apply.judging import Answers, Terms
from byleave.apply.list_file import ListFile
from byleave.apply.listing import Listing, Taken
from byleave.apply.matching import Matched, Matcher
from byleave.apply.modes import Mode, Outcome, outcome_of
from byleave.apply.rewriting import batches
from byleave.apply.ruleset import Ruleset
from byleave.apply.tally import Tally
from byleave.apply.verdicts import Verdicts, kept
from byleave.consent import Preference, Regime, TargetKind

Flags = npt.NDArray[np.bool_]


class Unchecked(StrEnum):
    """What to do with rows that could not be checked against every claim. There is no default."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a row must have been compared by before it counts as checked.

    pixels
        Claimed pictures bind a requested use.
    digest
        So do claimed files without a picture.
    other
        So do texts or sounds, which this version cannot compare at all.
    """

    pixels: bool
    digest: bool
    other: bool

    @classmethod
    def of(cls, verdicts: Verdicts) -> Needs:
        """Find out what the targets that bind ask for."""
        return cls(
            pixels=verdicts.bind([TargetKind.PICTURE]),
            digest=verdicts.bind([TargetKind.DIGEST], without_pictures=True),
            other=verdicts.bind([TargetKind.TEXT, TargetKind.SOUND]),
        )

    def unchecked(self, matched: Matched) -> Flags:
        """Say which rows were not compared by all that is needed."""
        missing = np.full(len(matched.checked), self.other)
        if self.pixels:
            missing |= ~matched.checked
        if self.digest:
            missing |= ~matched.with_digest
        return missing


class Plan:
    """All that deciding needs, the same for every file. Holds working memory: one per thread."""

    def __init__(
        self,
        ruleset: Ruleset,
        coverage: CoverageTables | None,
        terms: Terms,
        regime: Regime,
        unchecked: Unchecked | None,
        mode: Mode = Mode.FILTER,
    ) -> None:
        self.mode = mode
        self.coverage = coverage
        self.regime = regime
        self.unchecked = unchecked
        self.ruleset = ruleset
        self.verdicts = Verdicts(ruleset, coverage, terms)
        self.matcher = Matcher(ruleset, coverage)
        self.needs = Needs.of(self.verdicts)
        listed = Regime.OPT_OUT if regime is Regime.RESEARCH else regime
        self.listed_regime = listed
        self.listing = Listing(ruleset, coverage, self.verdicts, listed)

    def as_mask(self) -> Self:
        """Return the same plan for listing rows alone; it shares working memory with this one."""
        other = copy(self)
        other.mode = Mode.MASK
        return other

    @property
    def drops_unchecked(self) -> bool:
        """Whether rows that could not be checked are taken out."""
        return self.unchecked is Unchecked.DROP


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about the ``n`` rows of a batch, under all regimes: bool (n,), answers uint8 (n, uses)."""

    matched: Matched
    answers: Answers
    faulty: Flags
    unchecked: Flags
    stays: dict[Regime, Flags]


def apply_to_file(
    plan: Plan, source: InputFile, output: Path, removed: Path, progress: Callable[[int], None]
) -> Tally:
    """Write what the plan's mode asks for to ``output`` and the list of rows taken out to ``removed``; return the counts.

    ``progress`` is told the number of rows done since it was last told. A mask writes nothing to ``output``.

    Raises
    ------
    FormatError
        If the file cannot be read as Parquet, or has no column to decide by.
    """
    tally = Tally()
    with open_parquet(source.path) as file:
        columns = columns_of(file.schema_arrow, source.name)
        outcome = outcome_of(plan.mode, file, columns, output)
        try:
            with ListFile(removed) as listing:
                _run(plan, file, source, columns, outcome, listing, tally, progress)
            outcome.close()
        except (pa.ArrowException, OSError) as error:
            outcome.abandon()
            raise damaged(source.path, error) from error
        except BaseException:
            outcome.abandon()
            raise
    tally.cut_names()
    return tally


def first_unchecked(plan: Plan, source: InputFile, progress: Callable[[int], None]) -> tuple[int, int]:
    """Count rows up to the end of the first batch that holds one not checked: rows read, rows not checked among them."""
    rows = 0
    with open_parquet(source.path) as file:
        columns = columns_of(file.schema_arrow, source.name)
        try:
            for batch in file.iter_batches(columns=columns.names(), use_threads=False):
                rows += batch.num_rows
                progress(batch.num_rows)
                unchecked = plan.needs.unchecked(_match(plan, batch, columns))
                if unchecked.any():
                    return rows, int(unchecked.sum())
        except (pa.ArrowException, OSError) as error:
            raise damaged(source.path, error) from error
    return rows, 0


def _run(
    plan: Plan,
    file: pq.ParquetFile,
    source: InputFile,
    columns: Columns,
    outcome: Outcome,
    listing: ListFile,
    tally: Tally,
    progress: Callable[[int], None],
) -> None:
    row = 0
    for group in range(file.metadata.num_row_groups):
        for batch in batches(file, group, outcome.columns):
            decided = decide_batch(plan, batch, columns)
            listed, causes = list_rows(plan, decided, source.name, row, listing, tally)
            outcome.add(batch, decided.stays[plan.regime], listed, causes)
            row += batch.num_rows
            progress(batch.num_rows)
        outcome.end_row_group()


def list_rows(
    plan: Plan, decided: Decided, name: str, row: int, listing: ListFile, tally: Tally
) -> tuple[Flags, pa.Array | None]:
    """Count the rows of one batch, which begins at ``row`` of the file ``name``, and list those that go.

    Returns which rows are listed and the causes of each of these, ``None`` if there are none.
    """
    listed = ~decided.stays[plan.listed_regime]
    taken = np.flatnonzero(listed)
    _count(plan, decided, tally)
    if not len(taken):
        return listed, None
    unchecked = decided.unchecked[taken] & plan.drops_unchecked
    described = plan.listing.batch(Taken(decided.matched, taken, unchecked), name, row, tally)
    listing.add(described)
    return listed, described.column("causes")


def decide_batch(plan: Plan, batch: pa.RecordBatch, columns: Columns) -> Decided:
    """Decide about the rows of one batch under all three regimes at once."""
    matched = _match(plan, batch, columns)
    answers = plan.verdicts.answers(matched.rows, matched.targets, batch.num_rows)
    faulty = matched.bad_link | matched.bad_digest
    unchecked = plan.needs.unchecked(matched)
    stays = {regime: kept(answers, faulty, regime) for regime in Regime}
    if plan.drops_unchecked:
        stays[Regime.OPT_OUT] &= ~unchecked
        stays[Regime.OPT_IN] &= ~unchecked
    return Decided(matched, answers, faulty, unchecked, stays)


def _match(plan: Plan, batch: pa.RecordBatch, columns: Columns) -> Matched:
    link = batch.column(columns.link) if columns.link else None
    digest = batch.column(columns.digest) if columns.digest else None
    return plan.matcher.match(link, digest, batch.num_rows)


def _count(plan: Plan, decided: Decided, tally: Tally) -> None:
    matched, size = decided.matched, len(decided.faulty)
    tally.totals["rows"] += size
    tally.totals["unreadable"] += int(matched.bad_link.sum())
    tally.totals["bad_digest"] += int(matched.bad_digest.sum())
    tally.totals["checked"] += int(matched.checked.sum())
    tally.totals["unchecked"] += int(decided.unchecked.sum())
    if plan.coverage is not None and plan.coverage.in_review:
        items = [item.tobytes() for item in matched.items[matched.checked]]
        tally.totals["review"] += sum(item in plan.coverage.in_review for item in items)
    for regime, stays in decided.stays.items():
        tally.kept[regime.value] += int(stays.sum())
    for place, use in enumerate(plan.verdicts.terms.uses):
        counts = np.bincount(decided.answers[:, place], minlength=len(Preference))
        for preference in Preference:
            tally.answers[f"{use.value}|{preference.word}"] += int(counts[preference])
