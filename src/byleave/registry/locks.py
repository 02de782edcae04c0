"""Locks between processes that the kernel frees when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from byleave.errors import ConflictError, UnavailableError

POLL_S = 0.02


class FileLock:
    """An advisory lock on a file of ours, shared or exclusive, tied to this object's open file.

    Two objects in one process are two holders. Children started by ``exec`` do not inherit it.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as failure:
            raise UnavailableError(
                f"{path} cannot be opened: {failure.strerror}",
                remedy="choose a BYLEAVE_HOME that you can write to",
            ) from failure
        self._path = path

    def share(self, timeout_s: float) -> None:
        """Hold together with other sharers; wait for an exclusive holder to go."""
        self._wait(fcntl.LOCK_SH, timeout_s)

    def claim(self, timeout_s: float) -> None:
        """Hold alone; wait for all others to go."""
        self._wait(fcntl.LOCK_EX, timeout_s)

    def try_claim(self) -> bool:
        """Hold alone if nobody else holds it now; a share that this object has is given up for it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @property
    def closed(self) -> bool:
        return self._file < 0

    def close(self) -> None:
        """Give up the lock and the file; calling it twice is harmless."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _wait(self, kind: int, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(self._file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ConflictError(
                        f"another process has held {self._path} for {timeout_s:.0f} s",
                        remedy="wait for the other `byleave` process to finish, or end it",
                    ) from None
                time.sleep(POLL_S)
            else:
                return


@contextmanager
def alone(path: Path, timeout_s: float) -> Iterator[None]:
    """Run the block while no other process runs a block on the same file."""
    lock = FileLock(path)
    try:
        lock.claim(timeout_s)
        yield
    finally:
        lock.close()
