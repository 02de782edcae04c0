"""Work that is done later, by Procrastinate, and that is asked for in the caller's own transaction.

A task is a function ``task(database, **arguments)`` with a name. Rooms above put theirs into one mapping and hand it
to the worker, so nothing here imports them. Every task must be *idempotent*: a job whose worker is killed
runs again. Jobs with the same ``lock`` run one after the other, in the order they were asked for; of jobs with
the same ``queueing_lock`` at most one waits.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from byleave.errors import UnavailableError
from byleave.registry.database import Database

if TYPE_CHECKING:
    from procrastinate import App

Task = Callable[..., None]

QUEUE: Final = "byleave"
# Pauses before a task is tried again after a fault that may pass; then the job is failed and kept.
PAUSES_S: Final = (0.5, 2.0)
PASSING_FAULTS: Final = (UnavailableError, OperationalError, OSError)
STALLED_AFTER_S: Final = 30.0
RESCUE_EVERY_S: Final = 30.0
RECONNECT_AFTER_S: Final = 1.0

DEFER: Final = """
SELECT procrastinate_defer_jobs_v1(ARRAY[
    ROW(%s::text, %s::text, 0, %s::text, %s::text, %s::jsonb, %s::timestamptz)::procrastinate_job_to_defer_v1
])
"""


def defer(
    session: Session,
    task: str,
    *,
    lock: str | None = None,
    queueing_lock: str | None = None,
    not_before: datetime | None = None,
    **arguments: Any,
) -> int | None:
    """Ask for ``task`` to run once this session's transaction is committed; rolled back, it never was.

    ``arguments`` are what JSON can hold. Returns the number of the job, or ``None`` if a job with the same
    ``queueing_lock`` waits already. While another transaction that asked for the same ``queueing_lock`` is open,
    this call waits for its end.
    """
    row = (QUEUE, task, lock, queueing_lock, Jsonb(arguments), not_before)
    try:
        with session.begin_nested():  # a second job is no reason to lose the caller's work
            found = session.connection().exec_driver_sql(DEFER, row).scalar_one()
    except IntegrityError as refused:
        if isinstance(refused.orig, psycopg.errors.UniqueViolation):
            return None
        raise
    return int(found[0])


def run_pending(database: Database, tasks: Mapping[str, Task]) -> int:
    """Run every job that may run now, in this thread's time, and return how many tasks ended well."""
    runner = _Runner(database, tasks)
    asyncio.run(runner.work(None))
    return runner.done


class Worker:
    """Runs jobs in a thread of this process until it is stopped: what ``byleave serve`` keeps beside the site."""

    def __init__(self, database: Database, tasks: Mapping[str, Task]) -> None:
        self._runner = _Runner(database, tasks)
        self._thread = threading.Thread(target=self._run, name="byleave-worker", daemon=True)
        self._begun = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def start(self) -> None:
        self._thread.start()
        self._begun.wait()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the job at hand, if any, and end the thread. Jobs still waiting stay in the queue."""
        if self._loop is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun.set()
        await self._runner.work_until(self._stop)


class _Runner:
    """Procrastinate's worker over our tasks and the connection parameters of an open database."""

    def __init__(self, database: Database, tasks: Mapping[str, Task]) -> None:
        self.done = 0
        self._database = database
        self._tasks = tasks

    async def work_until(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; begin again when the server went away."""
        from procrastinate.exceptions import ConnectorException

        while not stop.is_set():
            try:
                await self.work(stop)
            except (ConnectorException, psycopg.Error):
                await asyncio.to_thread(self._reach)

    async def work(self, stop: asyncio.Event | None) -> None:
        """Work until ``stop`` is set, or, without it, until nothing is left that may run now."""
        app = self._app()
        # Only the worker is ever cancelled: a connection pool that is cancelled while it opens never closes.
        async with app.open_async():
            await _rescue(app)
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    wait=stop is not None,
                    listen_notify=stop is not None,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    stalled_worker_timeout=STALLED_AFTER_S,
                )
            )
            rescuer = asyncio.create_task(_keep_rescuing(app))
            stopped = asyncio.create_task(stop.wait()) if stop is not None else worker
            await asyncio.wait({worker, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for task in (worker, rescuer, stopped):
                task.cancel()
            await asyncio.gather(rescuer, stopped, return_exceptions=True)
            with suppress(asyncio.CancelledError):
                await worker

    def _reach(self) -> None:
        """Wait a moment, then bring an embedded server back, so that the next attempt may find one."""
        time.sleep(RECONNECT_AFTER_S)
        with suppress(psycopg.OperationalError, UnavailableError):
            self._database.connect().close()

    def _app(self) -> App:
        from procrastinate import App, PsycopgConnector

        connector = PsycopgConnector(kwargs=self._database.parameters, min_size=1, max_size=3)
        app = App(connector=connector)
        for name, task in self._tasks.items():
            app.task(name=name, queue=QUEUE)(self._call(task))
        return app

    def _call(self, task: Task) -> Callable[..., None]:
        def call(**arguments: Any) -> None:
            for pause_s in PAUSES_S:
                try:
                    task(self._database, **arguments)
                except PASSING_FAULTS:
                    time.sleep(pause_s)
                else:
                    break
            else:
                task(self._database, **arguments)
            self.done += 1

        return call


async def _keep_rescuing(app: App) -> None:
    from procrastinate.exceptions import ConnectorException

    while True:
        await asyncio.sleep(RESCUE_EVERY_S)
        with suppress(ConnectorException):  # the worker meets the same fault and begins again
            await _rescue(app)


async def _rescue(app: App) -> None:
    """Put the jobs of workers that died back into the queue."""
    from procrastinate.exceptions import UniqueViolation
    from procrastinate.jobs import Status

    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:  # the same work waits already under its queueing lock
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
