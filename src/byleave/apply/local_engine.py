"""Work on this machine: in this process, or in several that share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from byleave.apply.engine import Counted, Failure, Result, Rows, SameMachine, Task, Work, done_elsewhere
from byleave.errors import UnavailableError
from byleave.processes import Processes, keep_freed_memory


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """``workers`` processes at most; one works in the process that asks.

    first
        What each of several processes calls before its first task. It travels to them.
    """

    workers: int = 1
    first: Callable[[], None] | None = None

    def share(self, path: Path) -> SameMachine:
        """Leave the file where it is."""
        return SameMachine(path)

    def run(
        self, work: Work[Task, Result], tasks: Sequence[Task], progress: Rows
    ) -> Iterator[tuple[int, Result]]:
        """Do all tasks; results and the first error come in the order of the tasks.

        Raises
        ------
        ByleaveError
            The first error of any task.
        UnavailableError
            If a worker was killed.
        """
        workers = min(self.workers, len(tasks))
        if workers > 1:
            yield from _in_processes(Processes(workers, _begin, work, self.first), tasks, progress)
        elif tasks:
            do = work.begin()
            for place, task in enumerate(tasks):
                yield place, do(task, progress)


def _in_processes(pool: Processes, tasks: Sequence[Any], progress: Rows) -> Iterator[tuple[int, Any]]:
    try:
        futures = [pool.submit(_do, task) for task in tasks]
        for place, future in enumerate(futures):
            told = future.result()
            if isinstance(told, Failure):
                raise told.error()
            progress(told.rows)
            yield place, told.result
    except BrokenProcessPool as error:
        raise UnavailableError(
            "a worker was ended from outside, perhaps for lack of memory",
            remedy="run the same command again: finished files are used as they are; with fewer --workers, less memory is needed",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True)
class _Bench:
    """What a worker holds: the work begins with its first task, whose error can be told."""

    work: Work[Any, Any]
    do: Callable[[Any, Rows], Any] | None = None

    def ready(self) -> Callable[[Any, Rows], Any]:
        if self.do is None:
            self.do = self.work.begin()
        return self.do


_benches: list[_Bench] = []


def _begin(work: Work[Any, Any], first: Callable[[], None] | None) -> None:
    """Make a worker ready."""
    pa.set_cpu_count(1)
    keep_freed_memory()
    if first is not None:
        first()
    _benches[:] = [_Bench(work)]


def _do(task: Any) -> Counted | Failure:
    return done_elsewhere(_benches[0].ready, task)
