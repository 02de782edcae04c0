"""Apply to one file: decide about every row, write those that stay, list those that do not, and count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from byleave.apply.checks import Needs, count_checks
from byleave.apply.covering import CoverageTables
from byleave.apply.inputs import Columns, InputFile, columns_of, damaged, open_parquet
from byleave.apply.judging import Answers, Terms
from byleave.apply.list_file import ListFile
from byleave.apply.listing import Listing, Taken
from byleave.apply.matching import Matched, Matcher
from byleave.apply.modes import Mode, Outcome, outcome_of
from byleave.apply.near import claims_without_values
from byleave.apply.noting import KeptNotes
from byleave.apply.ruleset import Ruleset
from byleave.apply.setting_aside import RulesAlone
from byleave.apply.sidecars.seeing import AnySidecars, Seeing, Sidecars
from byleave.apply.sidecars.seen import Seen
from byleave.apply.speaking import count_unseen
from byleave.apply.tally import Tally
from byleave.apply.verdicts import Verdicts, kept
from byleave.consent import Preference, Regime

Flags = npt.NDArray[np.bool_]


class Unchecked(StrEnum):
    """What to do with rows that could not be checked against every claim. There is no default."""

    KEEP = "keep"
    DROP = "drop"


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
        sidecars: AnySidecars | None = None,
        *,
        binds: bool = False,
    ) -> None:
        self.mode = mode
        self.binds = binds
        self.sidecars = sidecars
        self.at_hand: Sidecars | None = None
        self.coverage = coverage
        self.regime = regime
        self.unchecked = unchecked
        self.ruleset = ruleset
        self.verdicts = Verdicts(ruleset, coverage, terms)
        self.matcher = Matcher(ruleset, coverage)
        withheld = claims_without_values(ruleset, terms) if sidecars is not None else 0
        self.needs = Needs.of(self.verdicts, withheld)
        self.rules_alone = RulesAlone.beside(ruleset, coverage, terms, withheld)
        listed = Regime.OPT_OUT if regime is Regime.RESEARCH else regime
        self.listed_regime = listed
        self.listing = Listing(ruleset, coverage, self.verdicts, listed)

    @contextmanager
    def with_what_is_beside(self, name: str) -> Iterator[Self]:
        """Give the same plan with what stands beside the rows of one part at hand; it shares working memory with this one."""
        if self.sidecars is None:
            yield self
            return
        other = copy(self)
        with self.sidecars.here(name) as other.at_hand:
            yield other

    def beside(self, name: str) -> Seeing:
        """Read what stands beside the rows of the part for which that is at hand."""
        if self.sidecars is None:
            return Seeing(None)
        assert self.at_hand is not None  # noqa: S101 - rows are read where it is
        return self.at_hand.beside(name)

    def notes(self, removed: Path) -> KeptNotes | None:
        """Begin to note rows that stay, beside the list of those that go, if they are to be bound."""
        return KeptNotes(removed, self.ruleset, self.coverage) if self.binds else None

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
        columns = deciding_columns(plan, file, source)
        outcome = outcome_of(plan.mode, file, columns, source.path, output)
        try:
            with ListFile(removed, plan.notes(removed)) as listing:
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
    seeing = plan.beside(source.name)
    with open_parquet(source.path) as file:
        columns = deciding_columns(plan, file, source)
        try:
            for batch in file.iter_batches(columns=columns.names(), use_threads=False):
                rows += batch.num_rows
                progress(batch.num_rows)
                unchecked = plan.needs.unchecked(_match(plan, batch, columns, seeing.take(batch.num_rows)))
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
    row, seeing = 0, plan.beside(source.name)
    for group in range(file.metadata.num_row_groups):
        for batch in outcome.batches(group):
            decided = decide_batch(plan, batch, columns, seeing.take(batch.num_rows))
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
    listing.keep(decided.matched, decided.stays[plan.regime])
    _count(plan, decided, tally)
    if not len(taken):
        return listed, None
    unchecked = decided.unchecked[taken] & plan.drops_unchecked
    described = plan.listing.batch(Taken(decided.matched, taken, unchecked), name, row, tally)
    listing.add(described)
    return listed, described.column("causes")


def decide_batch(plan: Plan, batch: pa.RecordBatch, columns: Columns, seen: Seen | None = None) -> Decided:
    """Decide about the rows of one batch, and what stands beside them, under all three regimes at once."""
    matched = _match(plan, batch, columns, seen)
    answers = plan.verdicts.answers(matched.rows, matched.targets, batch.num_rows)
    faulty = matched.bad_link | matched.bad_digest
    unchecked = plan.needs.unchecked(matched)
    stays = {regime: kept(answers, faulty, regime) for regime in Regime}
    if plan.drops_unchecked:
        stays[Regime.OPT_OUT] &= ~unchecked
        stays[Regime.OPT_IN] &= ~unchecked
    return Decided(matched, answers, faulty, unchecked, stays)


def deciding_columns(plan: Plan, file: pq.ParquetFile, source: InputFile) -> Columns:
    """Find the columns that decide; a file with fingerprints beside it needs none."""
    return columns_of(file.schema_arrow, source.name, required=plan.beside(source.name).path is None)


def _match(plan: Plan, batch: pa.RecordBatch, columns: Columns, seen: Seen | None) -> Matched:
    link = batch.column(columns.link) if columns.link else None
    digest = batch.column(columns.digest) if columns.digest else None
    return plan.matcher.match(link, digest, batch.num_rows, seen)


def _count(plan: Plan, decided: Decided, tally: Tally) -> None:
    matched, size = decided.matched, len(decided.faulty)
    tally.totals["rows"] += size
    tally.totals["unreadable"] += int(np.count_nonzero(matched.bad_link))
    tally.totals["bad_digest"] += int(np.count_nonzero(matched.bad_digest))
    tally.totals.update(count_checks(matched))
    tally.totals["unchecked"] += int(np.count_nonzero(decided.unchecked))
    tally.reasons.update(plan.needs.reasons(matched))
    if plan.binds:
        tally.totals.update(count_unseen(matched, decided.stays[plan.regime]))
    tally.totals["review"] += int(np.count_nonzero(matched.review))
    if plan.coverage is not None and plan.coverage.in_review:
        items = [item.tobytes() for item in matched.items[matched.checked]]
        tally.totals["review"] += sum(item in plan.coverage.in_review for item in items)
    if plan.rules_alone is not None:
        chosen, drops = plan.listed_regime, plan.drops_unchecked
        plan.rules_alone.count(matched, decided.stays[chosen], chosen, tally.totals, drops_unchecked=drops)
    for regime, stays in decided.stays.items():
        tally.kept[regime.value] += int(np.count_nonzero(stays))
    for place, use in enumerate(plan.verdicts.terms.uses):
        for preference in Preference:
            count = np.count_nonzero(decided.answers[:, place] == int(preference))
            tally.answers[f"{use.value}|{preference.word}"] += int(count)
