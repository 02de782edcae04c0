"""Work for a cluster that shows what a cluster does: where tasks are done, and what becomes of those whose worker is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from byleave.apply.desks import Done
from byleave.apply.engine import Engine, Result, Rows, Shared, Task, Work
from byleave.apply.workers import Task as ShardTask
from byleave.errors import FormatError

MOST_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Tells the machine that did a task, and what a shared file holds there; a task ends when so many machines have one in hand."""

    shared: Shared
    met: Path
    machines: int

    def begin(self) -> Callable[[int, Rows], tuple[str, str]]:
        content = self.shared.here().read_text()
        util: Any = ray.util
        machine = str(util.get_node_ip_address())

        def tell(_: int, progress: Rows) -> tuple[str, str]:
            (self.met / machine).touch()
            deadline = time.monotonic() + MOST_SECONDS
            while len(list(self.met.iterdir())) < self.machines and time.monotonic() < deadline:
                time.sleep(0.05)
            progress(1)
            return machine, content

        return tell


@dataclass(frozen=True, slots=True)
class Slow:
    """Takes a while for every task, and tells from when to when; the machines of these tests have one clock."""

    seconds: float

    def begin(self) -> Callable[[int, Rows], tuple[float, float]]:
        return self._wait

    def _wait(self, _: int, progress: Rows) -> tuple[float, float]:
        begun = time.monotonic()
        time.sleep(self.seconds)
        return begun, time.monotonic()


@dataclass(frozen=True, slots=True)
class Refusing:
    """Finds every task damaged."""

    def begin(self) -> Callable[[str, Rows], None]:
        return self._refuse

    def _refuse(self, name: str, progress: Rows) -> None:
        raise FormatError(f"{name} cannot be read", remedy="fetch it again")


@dataclass(frozen=True, slots=True)
class Dying:
    """Does shards, but once, amid shard ``place``, its process is killed; ``marker`` says that it was."""

    work: Work[ShardTask, Done]
    place: int
    marker: Path

    def begin(self) -> Callable[[ShardTask, Rows], Done]:
        do = self.work.begin()

        def die_once(task: ShardTask, progress: Rows) -> Done:
            def told(rows: int) -> None:
                if task.place == self.place and not self.marker.exists():
                    self.marker.write_text(str(os.getpid()))
                    os.kill(os.getpid(), signal.SIGKILL)
                progress(rows)

            return do(task, told)

        return die_once


@dataclass(frozen=True, slots=True)
class Deadly:
    """An engine that lets one worker die in the middle of a shard."""

    engine: Engine
    place: int
    marker: Path

    def share(self, path: Path) -> Shared:
        return self.engine.share(path)

    def run(
        self, work: Work[Task, Result], tasks: Sequence[Task], progress: Rows
    ) -> Iterator[tuple[int, Result]]:
        dying: object = Dying(work, self.place, self.marker)  # type: ignore[arg-type]  # shards are all it is given
        return self.engine.run(dying, tasks, progress)  # type: ignore[arg-type]
