"""Work on a Ray cluster: one task after the other wherever a processor is free, and again elsewhere if a worker is lost.

Byleave joins a cluster that is there and starts none. A file that all need is copied to each machine once and found whole there before it is used.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from byleave.apply.engine import Counted, Failure, Result, Rows, Task, Work, done_elsewhere
from byleave.errors import MissingExtraError, UnavailableError
from byleave.settings import MIB
from byleave.storage.scratch import shared_file

RETRIES: Final = 3

IN_FLIGHT: Final = 2048
"""Usual number of tasks handed out at a time: enough for as many processors, few enough for the memory of this process."""

CHUNK_BYTES: Final = 64 * MIB
KNOCK_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class RayShared:
    """A file in the memory of the cluster, in chunks; each machine writes it to its disk once."""

    sha256: str
    chunks: tuple[Any, ...]

    def here(self) -> Path:
        """Return where it stands on this machine, written there first if need be.

        Raises
        ------
        UnavailableError
            If what arrived is not what was sent.
        """
        return shared_file(self.sha256, self._write)

    def _write(self, path: Path) -> None:
        ray, digest = _ray(), hashlib.sha256()
        with path.open("wb") as file:
            path.chmod(0o600)
            for chunk in self.chunks:
                content = ray.get(chunk)
                digest.update(content)
                file.write(content)
        if digest.hexdigest() != self.sha256:
            raise UnavailableError(
                "a file was damaged on its way to a machine of the cluster",
                remedy="run the same command again",
            )


@dataclass(frozen=True, slots=True)
class RayEngine:
    """The cluster this process is connected to, see :func:`joined`.

    retries
        How often a task is done again after the loss of its worker or its machine.
    in_flight
        How many tasks are handed to the cluster at a time.
    """

    retries: int = RETRIES
    in_flight: int = IN_FLIGHT

    def share(self, path: Path) -> RayShared:
        """Put a file into the memory of the cluster."""
        ray, digest, chunks = _ray(), hashlib.sha256(), []
        with path.open("rb") as file:
            while content := file.read(CHUNK_BYTES):
                digest.update(content)
                chunks.append(ray.put(np.frombuffer(content, np.uint8)))
        return RayShared(digest.hexdigest(), tuple(chunks))

    def run(
        self, work: Work[Task, Result], tasks: Sequence[Task], progress: Rows
    ) -> Iterator[tuple[int, Result]]:
        """Do all tasks; results come as they finish, wherever that is.

        Raises
        ------
        ByleaveError
            The error of a task.
        UnavailableError
            If a task lost its worker more than ``retries`` times, or the cluster is gone.
        """
        ray = _ray()
        do = ray.remote(num_cpus=1, max_retries=self.retries, scheduling_strategy="SPREAD")(_do)
        token, sent = secrets.token_hex(8), ray.put(work)
        waiting = iter(enumerate(tasks))
        places: dict[Any, int] = {}
        try:
            while True:
                for place, task in islice(waiting, self.in_flight - len(places)):
                    places[do.remote(token, sent, task)] = place
                if not places:
                    return
                ready, _ = ray.wait(list(places), num_returns=len(places), timeout=_LOOK_SECONDS)
                for reference in ready:
                    told = self._told(ray, reference)
                    progress(told.rows)
                    result: Any = told.result
                    yield places.pop(reference), result
        finally:
            for reference in places:
                ray.cancel(reference, force=False)

    def _told(self, ray: Any, reference: Any) -> Counted:
        try:
            told: Counted | Failure = ray.get(reference)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise UnavailableError(
                f"the cluster lost a task {self.retries + 1} times: {lines[0][:200]}",
                remedy="look at the memory and disks of its machines, then run the same command again: finished files are used as they are",
            ) from error
        if isinstance(told, Failure):
            raise told.error()
        return told


@contextmanager
def joined(address: str | None = None, own_address: str | None = None) -> Iterator[RayEngine]:
    """Join a cluster and leave it with the block; a process that is connected stays so.

    Parameters
    ----------
    address
        ``host:port`` of the cluster; left out, that in ``RAY_ADDRESS`` or the one that runs on this machine.
    own_address
        The address of this machine in the cluster, where Ray cannot tell.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    UnavailableError
        If there is no cluster, or it does not let us in.
    """
    ray = _ray()
    if ray.is_initialized():
        yield RayEngine()
        return
    try:
        _knock(address or "")
        ray.init(
            address=address or "auto",
            log_to_driver=False,
            configure_logging=False,
            _node_ip_address=own_address,
        )
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise UnavailableError(
            f"no Ray cluster at {address or 'RAY_ADDRESS or on this machine'} can be joined: {str(error)[:200]}",
            remedy="start one with `ray start --head`, name it with --ray-address, or leave out --engine ray; "
            "if it asks for a token, set RAY_AUTH_MODE=token and give that token to this machine, too",
        ) from error
    try:
        yield RayEngine()
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Find out whether anything listens at ``host:port``. Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("Ray is not installed", remedy="install byleave[ray]") from error
    return ray


_begun: dict[str, Callable[[Any, Rows], Any]] = {}
"""What this worker process made ready, by run: one at a time, so that memory does not hold the lists of earlier runs."""


def _do(token: str, work: Work[Any, Any], task: Any) -> Counted | Failure:
    def ready() -> Callable[[Any, Rows], Any]:
        if token not in _begun:
            pa.set_cpu_count(1)
            _begun.clear()
            _begun[token] = work.begin()
        return _begun[token]

    return done_elsewhere(ready, task)
