"""Shards in one process or several: one task is one file, and what is written does not depend on how many work.

Each worker maps the same ruleset, of which the system keeps one copy in memory. A worker ends when its parent does, even by a kill.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

import pyarrow as pa

from byleave import errors
from byleave.apply.coverages import CoverageFile, tables_of
from byleave.apply.forms.applying import apply_to_unit
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.apply.judging import Terms
from byleave.apply.modes import Mode
from byleave.apply.ruleset import Ruleset, load_ruleset
from byleave.apply.shard import Plan, Unchecked, apply_to_file
from byleave.apply.sidecars.seeing import Sidecars
from byleave.apply.since import apply_since
from byleave.apply.staging import Staging, empty_folder
from byleave.apply.tally import Tally
from byleave.consent import Regime
from byleave.errors import ByleaveError, UnavailableError
from byleave.release import Coverage


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """All that a process needs to make the plan for itself.

    ruleset, number, manifest_digest
        The compiled file, and the release it must be of.
    coverages, asking
        The coverage files, and the places of the registries whose claimed pictures bind.
    sidecars
        Files of fingerprints that were held to the input.
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
    sidecars: Sidecars | None = None

    def open(self) -> Plan:
        """Map the ruleset and read the coverage."""
        ruleset = load_ruleset(self.ruleset, self.number, self.manifest_digest)
        return self.open_with(ruleset, {one.place: one.open() for one in self.coverages})

    def open_with(self, ruleset: Ruleset, coverages: Mapping[int, Coverage]) -> Plan:
        """Make the plan of what is open already."""
        tables = tables_of(coverages, ruleset, self.asking)
        return Plan(ruleset, tables, self.terms, self.regime, self.unchecked, self.mode, self.sidecars)


@dataclass(frozen=True, slots=True)
class Task:
    """One file, or one unit of several, and where in the order of all it stands."""

    place: int
    source: InputFile | Unit


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error, as words: exceptions with words of their own do not travel between processes."""

    kind: str
    problem: str
    remedy: str

    def error(self) -> ByleaveError:
        kind: type[ByleaveError] = getattr(errors, self.kind, ByleaveError)
        return kind(self.problem, remedy=self.remedy)


def run_task(
    plan: Plan, staging: Staging, task: Task, progress: Callable[[int], None], *, since: bool = False
) -> Tally:
    """Apply to one file, unless a killed run finished it, and note that it is done.

    With ``since``, a file that loses nothing is copied as it is.
    """
    output = _output(plan, staging, task)
    tally = staging.finished(task.place, output)
    if tally is not None:
        progress(tally.totals["rows"])
        return tally
    target, removed = output or staging.part(task.place), staging.part(task.place)
    target.parent.mkdir(parents=True, exist_ok=True)
    if output is not None and not isinstance(task.source, InputFile):
        empty_folder(output)
    if since and plan.mode is Mode.FILTER:
        tally = apply_since(plan, task.source, target, removed, progress)
    elif isinstance(task.source, InputFile):
        tally = apply_to_file(plan, task.source, target, removed, progress)
    else:
        tally = apply_to_unit(plan, task.source, target, removed, progress)
    staging.record(task.place, output, tally)
    return tally


def _output(plan: Plan, staging: Staging, task: Task) -> Path | None:
    if plan.mode is Mode.MASK:
        return None
    return staging.out / task.source.name if isinstance(task.source, InputFile) else staging.unit(task.place)


def run_tasks(
    facts: PlanFacts,
    staging: Staging,
    tasks: Sequence[Task],
    workers: int,
    progress: Callable[[int], None],
) -> Iterator[Tally]:
    """Apply to all files by several processes; yield their counts in order. ``progress`` is told once for each file.

    Raises
    ------
    ByleaveError
        The first error of any file, in their order.
    UnavailableError
        If a worker was killed. What others finished stays for the next run.
    """
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(facts, staging))
    try:
        for future in [pool.submit(_work, task) for task in tasks]:
            result = future.result()
            if isinstance(result, _Failure):
                raise result.error()
            progress(result.totals["rows"])
            yield result
    except BrokenProcessPool as error:
        raise UnavailableError(
            "a worker was ended from outside, perhaps for lack of memory",
            remedy="run the same command again: finished files are used as they are; with fewer --workers, less memory is needed",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True)
class _Bench:
    """What a worker holds: the plan is made with its first task, whose error can be told."""

    facts: PlanFacts
    staging: Staging
    plan: Plan | None = None


_benches: list[_Bench] = []


def _begin(facts: PlanFacts, staging: Staging) -> None:
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_await_end, args=(parent.sentinel,), daemon=True).start()
    pa.set_cpu_count(1)
    _benches[:] = [_Bench(facts, staging)]


def _await_end(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _work(task: Task) -> Tally | _Failure:
    bench = _benches[0]
    try:
        if bench.plan is None:
            bench.plan = bench.facts.open()
        return run_task(bench.plan, bench.staging, task, _silent, since=bench.facts.since)
    except ByleaveError as error:
        return _Failure(type(error).__name__, error.problem, error.remedy)


def _silent(rows: int) -> None:
    """Tell nobody: only the parent shows progress."""
