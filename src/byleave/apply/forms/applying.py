"""Apply to one unit: decide about its rows, list those that go, and write what stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from byleave.apply.forms.units import DECIDING, Unit, no_rows, place_for, refuse
from byleave.apply.judging import Flags
from byleave.apply.list_file import ListFile
from byleave.apply.modes import Mode
from byleave.apply.ruleset import Ruleset
from byleave.apply.shard import Plan, decide_batch, list_rows
from byleave.apply.tally import Tally
from byleave.consent import TargetKind
from byleave.errors import InputError
from byleave.storage import refuse_disk_faults


def apply_to_unit(
    plan: Plan,
    unit: Unit,
    out: Path,
    removed: Path,
    progress: Callable[[int], None],
    *,
    since: bool = False,
) -> Tally:
    """Write what the plan's mode asks for below ``out`` and the list of rows taken out to ``removed``; return the counts.

    With ``since`` the unit is what an earlier run wrote: if all its rows stay, its files are copied as they stand.

    Raises
    ------
    FormatError
        If a file of the unit cannot be read, has nothing to decide by, or does not agree with the others.
    InputError
        If the mode is ``annotate``, which only Parquet has room for.
    UnavailableError
        If nothing more can be written.
    """
    if plan.mode is Mode.ANNOTATE:
        raise InputError(
            f"{unit.name} cannot be annotated: only Parquet takes further columns",
            remedy="use --mode mask, which lists the rows, or --mode filter",
        )
    tally, stays, seeing = Tally(), [no_rows()], plan.beside(unit.name)
    try:
        with ListFile(removed, plan.notes(removed)) as listing:
            for rows in unit.rows(digests=wants_digests(plan.ruleset)):
                decided = decide_batch(plan, rows.batch, DECIDING, seeing.take(rows.batch.num_rows))
                list_rows(plan, decided, rows.file, rows.first, listing, tally)
                stays.append(decided.stays[plan.regime])
                progress(rows.batch.num_rows)
        if plan.mode is Mode.FILTER:
            _write(unit, np.concatenate(stays), out, since=since)
    except (pa.ArrowException, OSError) as error:
        refuse_disk_faults(error, unit.files[0].path)
        raise refuse(unit.name, f"cannot be read or written: {str(error)[:200]}") from error
    tally.cut_names()
    return tally


def _write(unit: Unit, stays: Flags, out: Path, *, since: bool) -> None:
    """Write the rows that stay, or copy the files of what an earlier run wrote if these are all."""
    if not since or not stays.all():
        unit.write(stays, out)
        return
    for file in unit.files:
        shutil.copyfile(file.path, place_for(file, out))


def first_unchecked_of(plan: Plan, unit: Unit, progress: Callable[[int], None]) -> int:
    """Count the rows that could not be checked, up to the end of the first batch that has some."""
    seeing = plan.beside(unit.name)
    for rows in unit.rows(digests=wants_digests(plan.ruleset)):
        progress(rows.batch.num_rows)
        seen = seeing.take(rows.batch.num_rows)
        unchecked = int(decide_batch(plan, rows.batch, DECIDING, seen).unchecked.sum())
        if unchecked:
            return unchecked
    return 0


def wants_digests(ruleset: Ruleset) -> bool:
    """Whether the list names exact files, so that files at hand are worth hashing."""
    return len(ruleset.targets_of([TargetKind.DIGEST])) > 0
