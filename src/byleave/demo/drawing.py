"""Draw many drawings in child processes that the kernel stops when one takes too long."""

from __future__ import annotations

import multiprocessing
import resource
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

from byleave.demo.drawings import Drawing
from byleave.errors import FormatError
from byleave.fingerprints import PictureFingerprint
from byleave.settings import MIB, Limits

DRAWING_SECONDS = 2.0
"""Processor time for one drawing. Time by the clock would make the choice depend on what else the machine does."""

STUCK_SECONDS = 60.0
WORKER_BYTES = 4096 * MIB
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawing as a picture file: JPEG bytes, their size in pixels and what tells it from others.

    The drawing comes back without its vectors, which nobody needs any more.
    """

    drawing: Drawing
    jpeg: bytes = field(repr=False)
    size: tuple[int, int]
    seen: PictureFingerprint = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A drawing that gave no picture, and why."""

    drawing: Drawing
    reason: str


class DrawingPool:
    """Child processes that draw. Used as a context manager; leaving it ends them."""

    def __init__(self, workers: int = WORKERS, *, seconds: float = DRAWING_SECONDS) -> None:
        self._seconds = seconds
        self._workers = [self._started() for _ in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.stop()

    def draw(self, drawings: Sequence[Drawing]) -> list[Drawn | LeftOut]:
        """Draw each; the answers come in the order asked. A child that dies costs its one drawing."""
        answers: dict[int, Drawn | LeftOut] = {}
        waiting = list(enumerate(drawings))[::-1]
        busy: dict[object, tuple[_Worker, int]] = {}
        idle = list(self._workers)
        while waiting or busy:
            while waiting and idle:
                worker, (number, drawing) = idle.pop(), waiting.pop()
                worker.connection.send(drawing)
                busy[worker.connection] = worker, number
            connections = [worker.connection for worker, _ in busy.values()]
            for connection in wait(connections, timeout=STUCK_SECONDS) or connections:
                worker, number = busy.pop(connection)
                answer = worker.answer()
                if answer is None:
                    answer = LeftOut(drawings[number], "drawing takes too long")
                    worker = self._replaced(worker)
                answers[number] = answer
                idle.append(worker)
        return [answers[number] for number in range(len(drawings))]

    def _replaced(self, worker: _Worker) -> _Worker:
        worker.stop()
        self._workers.remove(worker)
        self._workers.append(self._started())
        return self._workers[-1]

    def _started(self) -> _Worker:
        # Spawn, never fork: the parent may hold threads of Arrow and of the database.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._seconds), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


@dataclass(frozen=True, slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    connection: Connection

    def answer(self) -> Drawn | LeftOut | None:
        """Return what the child sent, or nothing when it died or is stuck."""
        try:
            if not self.connection.poll():
                return None
            answer: Drawn | LeftOut = self.connection.recv()
        except (EOFError, OSError):
            return None
        return answer

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()
        self.process.close()


def _work(connection: Connection, seconds: float) -> None:
    """Serve drawings until the other end closes."""
    resource.setrlimit(resource.RLIMIT_AS, (WORKER_BYTES, WORKER_BYTES))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            drawing: Drawing = connection.recv()
        except EOFError:
            return
        connection.send(_drawn(drawing, seconds))


def _drawn(drawing: Drawing, seconds: float) -> Drawn | LeftOut:
    from byleave.demo import vectors
    from byleave.media import Unusable, describe

    bare = replace(drawing, svg=b"")
    # The timer counts processor time and its signal ends this process even inside native code.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        picture = vectors.draw(drawing.svg)
    except FormatError as error:
        return LeftOut(bare, error.problem)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    jpeg = vectors.encode(picture, artist=drawing.creator, terms=drawing.licence)
    seen = describe(jpeg, limits=Limits(), thumbnail_px=None)
    if isinstance(seen, Unusable):
        return LeftOut(bare, seen.detail)
    return Drawn(bare, jpeg, picture.size, seen.fingerprint)
