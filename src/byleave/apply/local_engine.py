"""Work on this machine: in this process, or in several that share it.

A worker ends when its parent does, even by a kill.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any

import pyarrow as pa

from byleave.apply.engine import Counted, Failure, Result, Rows, SameMachine, Task, Work, done_elsewhere
from byleave.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """``workers`` processes at most; one works in the process that asks."""

    workers: int = 1

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
            yield from _in_processes(work, tasks, workers, progress)
        elif tasks:
            do = work.begin()
            for place, task in enumerate(tasks):
                yield place, do(task, progress)


def _in_processes(
    work: Work[Task, Result], tasks: Sequence[Task], workers: int, progress: Rows
) -> Iterator[tuple[int, Result]]:
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(work,))
    try:
        with _no_interrupts():
            futures = [pool.submit(_do, task) for task in tasks]
        for place, future in enumerate(futures):
            told: Any = future.result()
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


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Put Ctrl-C off while processes are started, so that none is left half begun. They inherit that, and are not interrupted amid their imports."""
    pressed: list[int] = []
    # No other thread is interrupted, nor may it ask.
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number)) if in_main else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
        if pressed:
            signal.raise_signal(signal.SIGINT)


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


def _begin(work: Work[Any, Any]) -> None:
    """Make a worker ready: it ends with its parent, and at once where somebody presses Ctrl-C."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_await_end, args=(parent.sentinel,), daemon=True).start()
    pa.set_cpu_count(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    _benches[:] = [_Bench(work)]


def _await_end(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _do(task: Any) -> Counted | Failure:
    return done_elsewhere(_benches[0].ready, task)
