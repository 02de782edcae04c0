"""Where sidecars stand: in a folder, or as objects below an address. Each appears at once or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from byleave.storage import staged_file
from byleave.storage.objects import ObjectFolder
from byleave.storage.scratch import scratch_folder


class SidecarPlace(Protocol):
    """Keeps sidecars by name. It travels to workers."""

    def stored(self, name: str) -> AbstractContextManager[Path]:
        """Give the path at which a sidecar stands while the block runs; nothing is there if none was made."""

    def staged(self, name: str) -> AbstractContextManager[Path]:
        """Give a path to write; what is written there is kept under ``name`` when the block ends well."""


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder that all workers see."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    @contextmanager
    def stored(self, name: str) -> Iterator[Path]:
        """Give its path in the folder."""
        yield self.folder / name

    def staged(self, name: str) -> AbstractContextManager[Path]:
        """Write it aside in the folder."""
        return staged_file(self.folder / name)


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """Objects below an address."""

    folder: ObjectFolder

    def __str__(self) -> str:
        return str(self.folder)

    @contextmanager
    def stored(self, name: str) -> Iterator[Path]:
        """Fetch it."""
        with scratch_folder() as scratch:
            path = scratch / "stored.parquet"
            found = self.folder.find(name)
            if found is not None:
                self.folder.fetch(found, path)
            yield path

    @contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """Write it on this machine, and put it as one object."""
        with scratch_folder() as scratch:
            path = scratch / "staged.parquet"
            yield path
            self.folder.put(name, path)
