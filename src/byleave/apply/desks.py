"""Where one shard is worked on, and what came of it; the same for a run into a folder and a run into objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self

from byleave.apply.noting import NOTES, STATED, note_beside
from byleave.apply.report import FileFacts
from byleave.apply.tally import Tally
from byleave.storage.outputs import Written


@dataclass(frozen=True, slots=True)
class Desk:
    """Two places on the disk of whoever works on a shard.

    out
        Folder below which files are written under the names they have in the output; empty at first.
    removed
        Where the list of rows taken out is written.
    """

    out: Path
    removed: Path

    @property
    def notes(self) -> tuple[Path, ...]:
        """Where rows that stay were noted, if they were."""
        every = (note_beside(self.removed, kind) for kind in NOTES)
        return tuple(path for path in every if path.exists())

    @property
    def stated(self) -> str | None:
        """The root over what rows that stay state (hex), if they were noted and any states something."""
        path = note_beside(self.removed, STATED)
        return path.read_bytes().hex() if path.exists() else None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one shard.

    read
        Facts of the files it was read from, where those who asked did not know them beforehand.
    stated
        As :class:`Desk` has it.
    """

    tally: Tally
    written: tuple[Written, ...]
    removed: Written
    read: tuple[FileFacts, ...] = ()
    stated: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the journal."""
        return {
            "tally": self.tally.to_json(),
            "written": [asdict(file) for file in self.written],
            "removed": asdict(self.removed),
            "read": [asdict(file) for file in self.read],
            "stated": self.stated,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` gave; raises what plain values of another shape raise."""
        return cls(
            Tally.from_json(content["tally"]),
            tuple(Written(**file) for file in content["written"]),
            Written(**content["removed"]),
            tuple(FileFacts(**file) for file in content["read"]),
            content["stated"],
        )


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of one shard at a desk: its counts, the files written, in the order of names, and the rest as :class:`Done` has it."""

    tally: Tally
    written: tuple[Written, ...]
    read: tuple[FileFacts, ...]
    stated: str | None

    def done(self, removed: Written) -> Done:
        """Return what came of the shard, once it is known what the list of rows taken out is called."""
        return Done(self.tally, self.written, removed, self.read, self.stated)


class Desks(Protocol):
    """What a worker needs of a run that is being prepared. It travels to workers."""

    def finished(self, place: int) -> Done | None:
        """Return what came of a shard that an earlier try finished, if it is whole."""

    def desk(self, place: int) -> AbstractContextManager[Desk]:
        """Give room to work on a shard."""

    def record(self, place: int, desk: Desk, made: Made) -> Done:
        """Keep what was written at the desk, and only then note that the shard is finished."""


class Staging(Protocol):
    """A run that is being prepared, as its coordinator sees it."""

    @property
    def at(self) -> datetime:
        """The moment that counts for dates of claims: when the run first began."""

    @property
    def desks(self) -> Desks:
        """What workers need."""

    @property
    def own(self) -> Path:
        """Folder for lists and reports, which stand apart from the data in the output."""

    def lists(self, shards: int) -> Iterator[Path]:
        """Yield the lists of rows taken out, in the order of shards; each is there until the next is asked for."""

    def notes(self, shards: int, kind: str) -> Iterator[Path]:
        """Yield the notes of one kind on rows that stay, in the order of shards, where a run keeps them; each is there until the run is published."""

    def publish(self, shards: int, written: Sequence[Written], card: bytes | None = None) -> None:
        """Let the output appear as a whole: lists and reports, what the shards wrote, and the card, see :mod:`byleave.apply.card`."""
