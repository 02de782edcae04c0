"""The static files of the log: every file appears whole, and the checkpoint last, so that it never names what is not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from byleave.errors import FormatError, NotFoundError
from byleave.log import BundleAt, TileAt
from byleave.log.notes import MAX_NOTE_BYTES
from byleave.log.tiles import TILE_WIDTH
from byleave.storage import sync_folder, write_atomically

CHECKPOINT = "checkpoint"
WRITTEN_AT_ONCE = 1_000
_REMEDY = "run `byleave log rebuild`: it makes the files again from the registry"


class LogFiles:
    """The folder of one log. Written by its sequencer only; anybody may read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._aside: list[tuple[Path, Path, bool]] = []
        self._touched: set[Path] = set()

    def read(self, place: TileAt | BundleAt) -> bytes:
        """Return a tile or bundle, or the narrowest wider one, which begins with it.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        for width in (place.width, TILE_WIDTH, *range(place.width + 1, TILE_WIDTH)):
            path = self.folder / _as_wide(place, width).path
            try:
                return path.read_bytes()
            except FileNotFoundError:
                continue
        raise NotFoundError(f"the log lacks {place.path}", remedy=_REMEDY)

    def checkpoint(self) -> str | None:
        """Return the published checkpoint note, nothing about it checked, or ``None`` before the first."""
        path = self.folder / CHECKPOINT
        try:
            with path.open("rb") as file:
                content = file.read(MAX_NOTE_BYTES + 1)
        except FileNotFoundError:
            return None
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise FormatError(f"{path} is no checkpoint", remedy=_REMEDY) from error

    def write(self, place: TileAt | BundleAt, content: bytes) -> None:
        """Write one tile or bundle aside; :meth:`flush` gives it its name, at the latest with the next checkpoint."""
        path = self.folder / place.path
        self._make(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
        self._aside.append((Path(name), path, place.width == TILE_WIDTH))
        if len(self._aside) >= WRITTEN_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Put everything written under its name, content and name durable. Full tiles and bundles take the place of partial ones."""
        for (
            aside,
            _,
            _,
        ) in self._aside:  # all before the first rename: the disk then flushes most of them together
            with aside.open("rb") as file:
                os.fsync(file.fileno())
        for aside, path, _ in self._aside:
            aside.replace(path)
            self._touched.add(path.parent)
        for folder in self._touched:
            _remove_leftovers(folder)
            sync_folder(folder)
        for _, path, is_full in self._aside:
            if is_full:
                shutil.rmtree(path.with_name(f"{path.name}.p"), ignore_errors=True)
        self._aside.clear()
        self._touched.clear()

    def publish(self, checkpoint: str) -> None:
        """Put a checkpoint in force: after this call it and every tile it needs are on the disk."""
        self._make(self.folder)
        self._touched.add(self.folder)
        self.flush()
        write_atomically(self.folder / CHECKPOINT, checkpoint.encode())

    def _make(self, folder: Path) -> None:
        """Make a folder and remember every folder that thereby got a new name in it."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(exist_ok=True)
        self._touched.add(folder.parent)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed sequencer wrote aside; there is one sequencer, so nobody else is at it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)


def _as_wide(place: TileAt | BundleAt, width: int) -> TileAt | BundleAt:
    if isinstance(place, BundleAt):
        return BundleAt(place.index, width)
    return TileAt(place.level, place.index, width)
