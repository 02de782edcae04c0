"""Room on the disk of a machine for what is fetched and written there, and for files that all its workers share.

Both lie in a folder of this user in the system's folder for temporary files, open to nobody else. ``TMPDIR`` moves it to another disk.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from byleave.errors import UnavailableError

UNUSED_FOR: Final = 7 * 24 * 3600.0
"""Seconds after which a shared file that nobody opened is removed."""

_LOCK = ".lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder that vanishes with the block, or, if the process is killed, with the next call on this machine."""
    parent = _room("scratch")
    with (parent / _LOCK).open("a") as order:
        fcntl.flock(order, fcntl.LOCK_EX)
        _remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def shared_file(name: str, make: Callable[[Path], None]) -> Path:
    """Return the file of this name that all processes of this machine share, made by ``make`` where it is not there yet.

    Whoever comes while it is being made waits. It appears whole or not at all.
    """
    folder = _room("shared")
    path, aside = folder / name, folder / f".{name}.part"
    with (folder / f".{name}{_LOCK}").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            os.utime(path)
            return path
        try:
            make(aside)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    _remove_unused(folder)
    return path


def _room(name: str) -> Path:
    folder = Path(tempfile.gettempdir()) / f"byleave-{os.geteuid()}"
    for wanted in (folder, folder / name):
        wanted.mkdir(mode=0o700, exist_ok=True)
        facts = wanted.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
            raise UnavailableError(
                f"{wanted} is not a folder of this user alone",
                remedy="remove it, or set TMPDIR to another place",
            )
    return folder / name


def _remove_abandoned(parent: Path) -> None:
    """Remove folders whose process is gone: the kernel let go of its lock."""
    for folder in parent.iterdir():
        if folder.is_dir():
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                continue
            finally:
                os.close(lock)


def _remove_unused(folder: Path) -> None:
    oldest = time.time() - UNUSED_FOR
    for path in folder.iterdir():
        if path.stat().st_mtime < oldest and not path.name.startswith("."):
            path.unlink(missing_ok=True)
