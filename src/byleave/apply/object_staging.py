"""A run into objects. They are put under their last names at once, and are an output only when ``_byleave.json`` names them all.

The place is claimed by a note that one conditional put writes where nothing stands, with the digest of the request. Whoever runs the same command
again goes on under that note, from the shards that were finished; whoever asks for something else is told. The last step is one conditional put of
``_byleave.json``: of two runs one becomes the output, and the other is refused. Nothing that stood there before is written over or removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from byleave.apply.card import CARD
from byleave.apply.desks import Desk, Done, Made
from byleave.apply.staging import RESUMED_FOR
from byleave.errors import ByleaveError, ConflictError, NotFoundError, UnavailableError
from byleave.settings import MIB
from byleave.storage import OWN_FOLDER
from byleave.storage.objects import ObjectFolder
from byleave.storage.outputs import OUTPUT_NOTE, Written, output_note, written_below
from byleave.storage.scratch import scratch_folder

RUN_NOTE: Final = f"{OWN_FOLDER}/run.json"
SHARDS: Final = f"{OWN_FOLDER}/shards"
FORMAT: Final = "byleave/run/1"
MOST_ENTRY_BYTES: Final = 256 * MIB


@dataclass(frozen=True, slots=True)
class ObjectDesks:
    """Shards of a run into objects: worked on in scratch folders, then put.

    resumed
        Whether an earlier try may have finished some.
    """

    folder: ObjectFolder
    resumed: bool

    def finished(self, place: int) -> Done | None:
        """Return what came of a shard that an earlier try finished."""
        if not self.resumed:
            return None
        try:
            return Done.from_json(json.loads(self.folder.read(_entry(place), MOST_ENTRY_BYTES)))
        except (NotFoundError, ValueError, KeyError, TypeError):
            return None

    @contextmanager
    def desk(self, place: int) -> Iterator[Desk]:  # noqa: ARG002 - any room will do
        """Give a scratch folder."""
        with scratch_folder() as scratch:
            out = scratch / "out"
            out.mkdir()
            yield Desk(out, scratch / "removed.parquet")

    def record(self, place: int, desk: Desk, made: Made) -> Done:
        """Put what was written, and then the entry that says so."""
        for file in made.written:
            self.folder.put(file.name, desk.out / file.name)
        self.folder.put(removed_name(place), desk.removed)
        for path in desk.notes:
            self.folder.put(_note_name(place, path.suffix), path)
        done = made.done(Written.of(desk.removed, removed_name(place)))
        self.folder.write(_entry(place), json.dumps(done.to_json()).encode())
        return done


@dataclass(frozen=True, slots=True)
class ObjectStaging:
    """A run into objects, as its coordinator sees it.

    scratch
        Folder on the coordinator's disk for lists and reports.
    """

    folder: ObjectFolder
    at: datetime
    scratch: Path
    resumed: bool

    @property
    def desks(self) -> ObjectDesks:
        """The shards."""
        return ObjectDesks(self.folder, self.resumed)

    @property
    def own(self) -> Path:
        """Where lists and reports are written before they are put."""
        return self.scratch / OWN_FOLDER

    def lists(self, shards: int) -> Iterator[Path]:
        """Fetch the lists of rows taken out, one after the other."""
        return self._fetched(map(removed_name, range(shards)))

    def notes(self, shards: int, kind: str) -> Iterator[Path]:
        """Fetch the notes of one kind on rows that stay, one file after the other."""
        for place in range(shards):
            for path in self._fetched([_note_name(place, kind)]):
                yield path.rename(self.scratch / f"{place:06d}{kind}")

    def publish(
        self,
        shards: int,  # noqa: ARG002 - they are where they belong
        written: Sequence[Written],
        card: bytes | None = None,
    ) -> None:
        """Put lists and reports, see that all is there, and write the note that makes it an output.

        Raises
        ------
        ConflictError
            If something is missing, or another run was first.
        """
        own = tuple(written_below(self.own))
        for file in own:
            self.folder.put(f"{OWN_FOLDER}/{file.name}", self.own / file.name)
        named = [Written(f"{OWN_FOLDER}/{file.name}", file.size, file.sha256) for file in own]
        if card is not None:
            (self.scratch / CARD).write_bytes(card)
            self.folder.put(CARD, self.scratch / CARD)
            named.append(Written.of(self.scratch / CARD, CARD))
        every = [*named, *written]
        self._see_all(every)
        if not self.folder.create(OUTPUT_NOTE, output_note(every)):
            raise ConflictError(
                f"another run has written {self.folder} meanwhile, and nothing of it was replaced",
                remedy="use that output, or name another place",
            )
        self.folder.remove([*(name for name in self._standing() if name.startswith(f"{SHARDS}/")), RUN_NOTE])

    def _fetched(self, names: Iterable[str]) -> Iterator[Path]:
        path = self.scratch / "fetched"
        for name in names:
            stored = self.folder.find(name)
            if stored is None:
                raise _gone(self.folder, name)
            # What was fetched before may have been linked elsewhere, so it is not written over.
            path.unlink(missing_ok=True)
            self.folder.fetch(stored, path)
            yield path

    def _see_all(self, every: Sequence[Written]) -> None:
        stands = self._standing()
        for file in every:
            if stands.get(file.name) != file.size:
                raise _gone(self.folder, file.name)

    def _standing(self) -> dict[str, int]:
        return {stored.name: stored.size for stored in self.folder.listed()}


@contextmanager
def open_object_staging(folder: ObjectFolder, request: str, now: datetime) -> Iterator[ObjectStaging]:
    """Claim a place for a request, begun at ``now`` or earlier.

    After a fault that another try may get past, what was finished stays for it; after any other error the place is cleared.

    Raises
    ------
    ConflictError
        If an output is there already, or another request is being worked on.
    """
    begun, note = _claim(folder, request, now)
    with scratch_folder() as scratch:
        (scratch / OWN_FOLDER).mkdir()
        try:
            yield ObjectStaging(folder, begun, scratch, resumed=begun != now)
        except UnavailableError:
            raise
        except ByleaveError:
            _clear(folder, note)
            raise


def refuse_existing_objects(folder: ObjectFolder) -> None:
    """Refuse to write where anything stands that is no run under way."""
    if folder.find(OUTPUT_NOTE) is not None:
        raise ConflictError(
            f"{folder} is there already", remedy="name another place, or remove this one first"
        )
    if next(folder.listed(), None) is not None and folder.find(RUN_NOTE) is None:
        raise ConflictError(
            f"{folder} is not empty", remedy="name another place, or remove what stands there"
        )


def removed_name(place: int) -> str:
    """Return the name of the object that lists the rows taken out of one shard, until all are joined."""
    return f"{SHARDS}/{place:06d}.parquet"


def _note_name(place: int, kind: str) -> str:
    return f"{SHARDS}/{place:06d}{kind}"


def _entry(place: int) -> str:
    return f"{SHARDS}/{place:06d}.json"


def _claim(folder: ObjectFolder, request: str, now: datetime) -> tuple[datetime, bytes]:
    """Write the note of this run, or go on under one of the same request; return when that began, and the note."""
    refuse_existing_objects(folder)
    note = json.dumps({"format": FORMAT, "request": request, "at": now.isoformat()}).encode()
    if folder.create(RUN_NOTE, note):
        return now, note
    found = folder.read(RUN_NOTE, MIB)
    try:
        told: dict[str, Any] = json.loads(found)
        at, same = datetime.fromisoformat(told["at"]), told["request"] == request
    except (ValueError, KeyError, TypeError) as error:
        raise _taken(folder) from error
    if not same:
        raise _taken(folder)
    if now - RESUMED_FOR <= at <= now:
        return at, found
    _clear(folder, found)
    return _claim(folder, request, now)


def _clear(folder: ObjectFolder, note: bytes) -> None:
    """Remove what runs under ``note`` have put: nothing stood there before it. An output that somebody finished is left alone."""
    if (
        folder.find(OUTPUT_NOTE) is not None
        or folder.find(RUN_NOTE) is None
        or folder.read(RUN_NOTE, MIB) != note
    ):
        return
    names = (stored.name for stored in folder.listed() if stored.name != RUN_NOTE)
    while batch := list(islice(names, 1000)):
        folder.remove(batch)
    folder.remove([RUN_NOTE])


def _taken(folder: ObjectFolder) -> ConflictError:
    return ConflictError(
        f"another command is writing {folder}, or was ended while it did",
        remedy="wait for it, run that command again to finish it, or remove what stands there",
    )


def _gone(folder: ObjectFolder, name: str) -> ConflictError:
    return ConflictError(
        f"{folder}/{name} is not as it was written: somebody else writes there",
        remedy="name a place where nobody else writes",
    )
