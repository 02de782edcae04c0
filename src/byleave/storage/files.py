"""Files and folders that appear at once or not at all: written aside, flushed to the disk, renamed."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from byleave.errors import ConflictError, UnavailableError

OWN_FOLDER = "_byleave"
"""The folder in which our commands leave lists and reports beside the files of a dataset. It is no part of the dataset, and tools that read
folders of Parquet pass over names with this first letter, or do not look below the top."""

STAGING = ".staging"
"""How the name of a file ends that is not written in whole."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ANSWER = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN})
_OLD = "old"
"""What a folder is called while its replacement takes its name."""


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write one file so that a reader sees the old content or the new, and a power cut leaves one of them."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def staged_file(final: Path) -> Iterator[Path]:
    """Give a path to write that takes the name ``final`` when the block ends well, and vanishes when it does not.

    A killed process leaves it behind, under a hidden name that ends in :data:`STAGING`.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.", suffix=STAGING)
    os.fchmod(handle, 0o644)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        handle = os.open(aside, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        aside.replace(final)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(final.parent)


@contextmanager
def staged_folder(final: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a folder to fill that becomes ``final`` when the block ends well, and vanishes when it does not.

    Raises
    ------
    ConflictError
        If ``final`` is there already and ``replace`` is off.
    """
    _refuse_existing(final, replace=replace)
    final.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.staging-"))
    try:
        staging.chmod(0o755)
        yield staging
        publish_folder(staging, final, replace=replace)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def publish_folder(filled: Path, final: Path, *, replace: bool = False) -> None:
    """Flush a filled folder to the disk and rename it to ``final``, on the same file system.

    Raises
    ------
    ConflictError
        If ``final`` is there already and ``replace`` is off.
    """
    _sync_tree(filled)
    _refuse_existing(final, replace=replace)
    _swap(filled, final)


def name_again(path: Path, to: Path) -> None:
    """Give a file that nobody changes any more a second name, or copy it where the disk knows no second names, or the name is on another one."""
    try:
        to.hardlink_to(path)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(path, to)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_disk_faults(error: BaseException, path: Path) -> None:
    """Tell an error of the place where files stand as what it is, met while ``path`` was read; call it before the file is called damaged.

    Raises
    ------
    UnavailableError
        If there is no room left, a quota is used up, files may not grow so large, or a disk or a server does not answer.
    """
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        raise UnavailableError(
            f"nothing more can be written: {os.strerror(error.errno)}",
            remedy="make room where the output goes, then run the same command again: it goes on",
        ) from error
    if isinstance(error, OSError) and error.errno in _NO_ANSWER:
        raise UnavailableError(
            f"{path} cannot be read now: {os.strerror(error.errno)}",
            remedy="see to the disk or the network where it stands, then run the same command again: it goes on",
        ) from error


def remove_leftovers(parent: Path, name: str) -> int:
    """Remove staging folders of ``name`` that killed runs left behind; return how many there were.

    A run killed between the two renames of a replacement leaves no ``name`` but the old one aside; that one is put back.
    """
    leftovers = list(parent.glob(f".{glob.escape(name)}.staging-*"))
    for folder in leftovers:
        if (folder / _OLD).exists() and not (parent / name).exists():
            (folder / _OLD).replace(parent / name)
        shutil.rmtree(folder, ignore_errors=True)
    return len(leftovers)


def _refuse_existing(final: Path, *, replace: bool) -> None:
    if not replace and final.exists() and not (final.is_dir() and not any(final.iterdir())):
        raise ConflictError(
            f"{final} is there already", remedy="name another folder, or remove this one first"
        )


def _swap(staging: Path, final: Path) -> None:
    old: Path | None = None
    if final.exists():
        old = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.staging-"))
        final.replace(old / _OLD)
    staging.replace(final)
    sync_folder(final.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for name in files:
            handle = os.open(Path(parent) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(parent))
