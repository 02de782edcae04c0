"""What a worker does: one task is one shard, and what is written does not depend on which engine spreads the tasks, or over how many workers.

Each process maps the same ruleset, of which the system keeps one copy in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from byleave.apply.coverages import CoverageFile, tables_of
from byleave.apply.desks import Desk, Desks, Done, Made
from byleave.apply.engine import Rows, Shared
from byleave.apply.forms.applying import apply_to_unit
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.apply.judging import Terms
from byleave.apply.list_file import rows_listed
from byleave.apply.modes import Mode
from byleave.apply.object_input import ObjectInput, Wanted
from byleave.apply.report import FileFacts
from byleave.apply.ruleset import Ruleset, load_ruleset
from byleave.apply.shard import Plan, Unchecked, apply_to_file
from byleave.apply.sidecars.carrying import carry_over
from byleave.apply.sidecars.seeing import AnySidecars
from byleave.apply.sources import files_of, rows_are_those_of
from byleave.apply.tally import Tally
from byleave.consent import Regime
from byleave.errors import InputError
from byleave.release import Coverage
from byleave.storage.outputs import Written, written_below


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """All that a process needs to make the plan for itself.

    ruleset, number, manifest_digest
        The compiled file, and the release it must be of.
    coverages, asking
        The coverage files, and the places of the registries whose claimed pictures bind.
    sidecars
        Files of fingerprints that were held to the input.
    binds
        Whether the item ids of rows that stay are kept, see :mod:`byleave.apply.binding`.
    """

    ruleset: Path
    number: int
    manifest_digest: bytes
    coverages: tuple[CoverageFile, ...]
    asking: tuple[int, ...]
    terms: Terms
    regime: Regime
    unchecked: Unchecked | None
    mode: Mode
    since: bool = False
    sidecars: AnySidecars | None = None
    binds: bool = False

    def open(self) -> Plan:
        """Map the ruleset and read the coverage."""
        ruleset = load_ruleset(self.ruleset, self.number, self.manifest_digest)
        return self.open_with(ruleset, {one.place: one.open() for one in self.coverages})

    def open_with(self, ruleset: Ruleset, coverages: Mapping[int, Coverage]) -> Plan:
        """Make the plan of what is open already."""
        tables = tables_of(coverages, ruleset, self.asking)
        return Plan(
            ruleset,
            tables,
            self.terms,
            self.regime,
            self.unchecked,
            self.mode,
            self.sidecars,
            binds=self.binds,
        )


@dataclass(frozen=True, slots=True)
class Task:
    """One file, or one unit of several, and where in the order of all it stands.

    wanted
        The objects it is fetched from, in the order of its files; none where it stands on disks that workers see.
    """

    place: int
    source: InputFile | Unit
    wanted: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Shards:
    """Where shards come from and where they go."""

    desks: Desks
    objects: ObjectInput | None
    since: bool


@dataclass(frozen=True, slots=True)
class ShardWork:
    """Shards for workers that make the plan for themselves, once in each process.

    ruleset, coverages
        The files that ``facts`` name, as they reach workers.
    """

    facts: PlanFacts
    ruleset: Shared
    coverages: tuple[Shared, ...]
    shards: Shards

    def begin(self) -> Callable[[Task, Rows], Done]:
        """Map the ruleset and read the coverage."""
        pairs = zip(self.facts.coverages, self.coverages, strict=True)
        coverages = tuple(replace(one, path=shared.here()) for one, shared in pairs)
        plan = replace(self.facts, ruleset=self.ruleset.here(), coverages=coverages).open()
        return partial(do_shard, plan, self.shards)


@dataclass(frozen=True, slots=True)
class ShardWorkHere:
    """Shards for the process that has the plan already."""

    plan: Plan
    shards: Shards

    def begin(self) -> Callable[[Task, Rows], Done]:
        """Take the plan as it is."""
        return partial(do_shard, self.plan, self.shards)


def do_shard(whole: Plan, shards: Shards, task: Task, progress: Rows) -> Done:
    """Apply to one shard, unless an earlier try finished it, and note that it is done.

    Raises
    ------
    FormatError
        If it cannot be read.
    InputError
        If rows could not be checked and nobody said what becomes of them.
    """
    done = shards.desks.finished(task.place)
    if done is not None:
        progress(done.tally.totals["rows"])
        return done
    with (
        _here(shards, task) as (source, digests),
        whole.with_what_is_beside(source.name) as plan,
        shards.desks.desk(task.place) as desk,
    ):
        tally = _applied(plan, source, desk, progress, since=shards.since)
        if plan.unchecked is None and tally.totals["unchecked"]:
            raise not_said(tally.totals["unchecked"], tally.totals["rows"], plan)
        read = _facts(task, digests, tally.totals["rows"])
        written = list(written_below(desk.out))
        written += _carried(plan, source, desk, tally, written)
        made = Made(tally, tuple(sorted(written)), read, desk.stated)
        return shards.desks.record(task.place, desk, made)


def not_said(unchecked: int, seen: int, plan: Plan) -> InputError:
    """Return the error for rows that could not be checked where nobody said what becomes of them."""
    has_fingerprints = plan.sidecars is not None
    if has_fingerprints and not plan.needs.withheld:
        first = "the report of a run says why each of them could not;"
    else:
        others = "" if has_fingerprints else ", or --fingerprints FOLDER"
        first = f"pass --coverage FILE, made with `byleave copies cover`{others}, and"
    return InputError(
        f"{unchecked:,} of the first {seen:,} rows could not be checked against all claims: "
        f"{plan.needs.why(has_fingerprints=has_fingerprints)}",
        remedy=f"{first} say what becomes of rows that stay unchecked with --unchecked keep or --unchecked drop",
    )


@contextmanager
def _here(shards: Shards, task: Task) -> Iterator[tuple[InputFile | Unit, tuple[str, ...]]]:
    if shards.objects is None:
        yield task.source, ()
        return
    with shards.objects.brought(task.source, task.wanted) as brought:
        yield brought


def _applied(plan: Plan, source: InputFile | Unit, desk: Desk, progress: Rows, *, since: bool) -> Tally:
    """Write what the plan asks for; a Parquet file that loses nothing is copied as it is, and with ``since`` any shard."""
    if not isinstance(source, InputFile):
        return apply_to_unit(plan, source, desk.out, desk.removed, progress, since=since)
    target = desk.out / source.name if plan.mode is not Mode.MASK else desk.removed
    target.parent.mkdir(parents=True, exist_ok=True)
    return apply_to_file(plan, source, target, desk.removed, progress)


def _carried(
    plan: Plan, source: InputFile | Unit, desk: Desk, tally: Tally, written: Sequence[Written]
) -> list[Written]:
    """Let what stands beside the rows of a shard stand beside those of its output."""
    sidecar = plan.beside(source.name).path
    if sidecar is None or plan.mode is Mode.MASK:
        return []
    takes_out = plan.mode is Mode.FILTER and plan.regime is not Regime.RESEARCH
    gone = rows_listed(desk.removed) if takes_out else np.zeros(0, np.int64)
    return [carry_over(sidecar, gone, tally.totals["rows"], desk.out, written)]


def _facts(task: Task, digests: tuple[str, ...], rows: int) -> tuple[FileFacts, ...]:
    if not digests:
        return ()
    named = rows_are_those_of(task.source)
    return tuple(
        FileFacts(file.name, wanted.stored.size, rows if file is named else 0, digest)
        for file, wanted, digest in zip(files_of(task.source), task.wanted, digests, strict=True)
    )
