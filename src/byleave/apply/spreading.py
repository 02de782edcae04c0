"""All shards of a run, spread over workers by an engine, and what comes of them put together in one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from byleave.apply.desks import Done, Staging
from byleave.apply.engine import Engine, Work
from byleave.apply.list_file import ListFile, listed_rows
from byleave.apply.local_engine import LocalEngine
from byleave.apply.reading import Reading, Show
from byleave.apply.report import FileFacts
from byleave.apply.shard import Plan
from byleave.apply.tally import Tally
from byleave.apply.workers import PlanFacts, Shards, ShardWork, ShardWorkHere, Task
from byleave.release.values import PartRoot
from byleave.storage.outputs import Written


@dataclass(frozen=True, slots=True)
class Spread:
    """What came of all shards.

    files
        Facts of all input files, in the order of parts.
    kept
        How many rows of each shard stay; where they are to be bound, with the root over what they state.
    """

    shards: int
    tally: Tally
    written: tuple[Written, ...]
    files: tuple[FileFacts, ...]
    kept: tuple[PartRoot, ...]


def spread(
    engine: Engine, facts: PlanFacts, plan: Plan, reading: Reading, staging: Staging, show: Show
) -> Spread:
    """Apply to all shards; ``show`` is told of rows, or where their number is not known, of shards."""
    tasks = reading.tasks()
    shards = Shards(staging.desks, reading.objects, facts.since)
    written: list[tuple[Written, ...]] = [()] * len(tasks)
    read: list[tuple[FileFacts, ...]] = [()] * len(tasks)
    kept = [PartRoot(0, None)] * len(tasks)
    rows = 0

    def step(done: int) -> None:
        nonlocal rows
        rows += done
        if reading.rows is not None:
            show(rows, reading.rows)

    def tallies() -> Iterator[Tally]:
        work = _work(engine, facts, plan, shards, len(tasks))
        for finished, (place, done) in enumerate(engine.run(work, tasks, step), 1):
            written[place], read[place] = done.written, done.read
            root = bytes.fromhex(done.stated) if done.stated is not None else None
            kept[place] = PartRoot(done.tally.kept[facts.regime.value], root)
            if reading.rows is None:
                show(finished, len(tasks))
            yield done.tally

    tally = Tally.total(tallies())
    files = reading.files or tuple(file for part in read for file in part)
    every = tuple(file for part in written for file in part)
    return Spread(len(tasks), tally, every, files, tuple(kept))


def join_lists(staging: Staging, shards: int, path: Path) -> None:
    """Put the lists of rows taken out of all shards together, in the order of shards."""
    with ListFile(path) as joined:
        for one in staging.lists(shards):
            for batch in listed_rows(one):
                joined.add(batch)


def _work(engine: Engine, facts: PlanFacts, plan: Plan, shards: Shards, tasks: int) -> Work[Task, Done]:
    if isinstance(engine, LocalEngine) and min(engine.workers, tasks) <= 1:
        return ShardWorkHere(plan, shards)
    coverages = tuple(engine.share(one.path) for one in facts.coverages)
    return ShardWork(facts, engine.share(facts.ruleset), coverages, shards)
