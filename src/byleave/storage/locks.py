"""One worker at a time in a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from byleave.errors import ConflictError

LOCK_FILE = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only one at work in ``folder`` while the block runs. The kernel frees the place of whoever is killed.

    Raises
    ------
    ConflictError
        If another process is at work there.
    """
    with (folder / LOCK_FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"another process is at work in {folder}", remedy="wait until it is done"
            ) from error
        yield
