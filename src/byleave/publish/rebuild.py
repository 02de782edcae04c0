"""Make the files of the log again from the registry, byte for byte."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from byleave.errors import FormatError, VerificationError
from byleave.log import BundleAt, TileAt, bundles_between, tiles_between
from byleave.log.notes import split_note
from byleave.publish.folders import log_folder
from byleave.publish.growth import Growth
from byleave.publish.log_files import CHECKPOINT, LogFiles
from byleave.publish.sequencer import newest_checkpoint, sequence, sequencing
from byleave.registry.database import Database
from byleave.settings import Settings


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found: entries, files that a log of this size has, and those that were missing or different."""

    size: int
    files: int
    differed: tuple[str, ...]


def rebuild(database: Database, settings: Settings, *, at: datetime) -> Rebuilt:
    """Make every file again, compare it with the published one and put it in place where they differ.

    A published checkpoint that this registry did not sign is not touched: that is an error, and never repaired by forgetting.

    Raises
    ------
    ConflictError
        If the published log is ahead of this registry or not its own.
    VerificationError
        If the events do not give the root that was signed.
    """
    folder = log_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with sequencing(database) as session:
        _set_aside_unreadable(folder)
        log = sequence(session, settings, at=at)
        newest = newest_checkpoint(session)
        if log is None or newest is None:
            return Rebuilt(0, 0, ())
        size = log.checkpoint.size
        with tempfile.TemporaryDirectory(dir=folder, prefix=".rebuild-") as name:
            made = LogFiles(Path(name))
            root = Growth(session, made, None).to(size)
            made.flush()
            if root != log.checkpoint.root:
                raise VerificationError(
                    f"the {size} events do not give the root that was signed for them",
                    remedy="restore the registry from a backup; do not publish from this one",
                )
            files, differed = _compare(made, LogFiles(folder), size)
        LogFiles(folder).publish(newest.note)
    return Rebuilt(size, files, differed)


def _compare(made: LogFiles, kept: LogFiles, size: int) -> tuple[int, tuple[str, ...]]:
    differed: list[str] = []
    count = 0
    places: Iterator[TileAt | BundleAt] = chain(tiles_between(0, size), bundles_between(0, size))
    for place in places:
        count += 1
        content = made.read(place)
        path = kept.folder / place.path
        if not path.is_file() or path.read_bytes() != content:
            kept.write(place, content)
            differed.append(place.path)
    kept.flush()
    return count, tuple(differed)


def _set_aside_unreadable(folder: Path) -> None:
    """Take a checkpoint file that is no note out of the way: a disk may damage it, and nobody signed what it says."""
    try:
        note = LogFiles(folder).checkpoint()
        if note is not None:
            split_note(note)
    except FormatError:
        (folder / CHECKPOINT).replace(folder / f"{CHECKPOINT}.damaged")
