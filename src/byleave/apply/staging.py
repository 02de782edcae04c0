"""The folder beside the output in which a run is prepared, and the journal by which a killed run goes on where it was.

The folder is named by the digest of the request: inputs by their bytes, release, coverage and every choice. A changed input or a new
release is another request and begins anew. Only one process works in a folder; the kernel lets go of the lock of one that was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from byleave.apply.card import CARD
from byleave.apply.desks import Desk, Done, Made
from byleave.apply.noting import note_beside
from byleave.errors import ByleaveError, ConflictError, UnavailableError
from byleave.storage import OWN_FOLDER, name_again, publish_folder, write_atomically
from byleave.storage.outputs import OUTPUT_NOTE, Written, output_note, written_below

OUT, SHARDS, JOURNAL = "out", "shards", "journal"
"""What stands in the folder: the output to be, a folder for each try of a shard, and an entry for each that is finished."""

RESUMED_FOR = timedelta(hours=24)
"""A run goes on under the moment at which it began. After this long that moment is stale, and it begins anew."""


@dataclass(frozen=True, slots=True)
class FolderDesks:
    """Shards of a run into a folder: each is worked on in a folder of its own beside the output."""

    folder: Path

    def finished(self, place: int) -> Done | None:
        """Return what came of a shard that a killed run finished, if its files are whole."""
        try:
            desk, done = self._desk(place), _noted(self._path(place))
            whole = done.written == tuple(written_below(desk.out)) and done.removed == _removed(desk)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return done if whole else None

    @contextmanager
    def desk(self, place: int) -> Iterator[Desk]:
        """Give a folder for this try alone: a worker that only seemed lost may still be at work in another one."""
        desk = _desk_in(Path(tempfile.mkdtemp(dir=self.folder / SHARDS, prefix=f"{place:06d}-")))
        desk.out.mkdir()
        yield desk

    def record(self, place: int, desk: Desk, made: Made) -> Done:
        """Note that a shard is finished, and where, after its files are on the disk."""
        for path in (*(path for path in desk.out.rglob("*") if path.is_file()), desk.removed, *desk.notes):
            _flush(path)
        done = made.done(_removed(desk))
        entry = {"desk": desk.out.parent.name}, done.to_json()
        write_atomically(self._path(place), "\n".join(map(json.dumps, entry)).encode())
        return done

    def removed(self, place: int) -> Path:
        """Where the list of rows taken out of one shard stands until all are joined."""
        return self._desk(place).removed

    def note(self, place: int, kind: str) -> Path:
        """Where a note on those rows of one shard stands that stay."""
        return note_beside(self._desk(place).removed, kind)

    def gather(self, shards: int, out: Path) -> None:
        """Let what shards wrote stand in the output as well; a run that was killed amid this does it again."""
        for place in range(shards):
            source = self._desk(place).out
            for path in (path for path in source.rglob("*") if path.is_file()):
                target = out / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                name_again(path, target)

    def _desk(self, place: int) -> Desk:
        return _desk_in(self.folder / SHARDS / _desk_named(self._path(place)))

    def _path(self, place: int) -> Path:
        return self.folder / JOURNAL / f"{place:06d}.json"


@dataclass(frozen=True, slots=True)
class FolderStaging:
    """A run into the folder ``final``, prepared beside it."""

    folder: Path
    final: Path
    at: datetime

    @property
    def desks(self) -> FolderDesks:
        """The shards."""
        return FolderDesks(self.folder)

    @property
    def out(self) -> Path:
        """What becomes the output folder."""
        return self.folder / OUT

    @property
    def own(self) -> Path:
        """Where lists and reports stand in the output, apart from its data."""
        return self.out / OWN_FOLDER

    def lists(self, shards: int) -> Iterator[Path]:
        """Yield the lists of rows taken out, in the order of shards."""
        return (self.desks.removed(place) for place in range(shards))

    def notes(self, shards: int, kind: str) -> Iterator[Path]:
        """Yield the notes of one kind on rows that stay, in the order of shards."""
        return (self.desks.note(place, kind) for place in range(shards))

    def publish(self, shards: int, written: Sequence[Written], card: bytes | None = None) -> None:
        """Put the output in place, with the note on all its files, and remove what is left."""
        lists = (path for path in self.own.iterdir() if path.is_file())
        own = [Written.of(path, f"{OWN_FOLDER}/{path.name}") for path in lists]
        if card is not None:
            (self.out / CARD).write_bytes(card)
            own.append(Written.of(self.out / CARD, CARD))
        self.desks.gather(shards, self.out)
        note = output_note([*own, *written])
        (self.out / OUTPUT_NOTE).write_bytes(note)
        publish_folder(self.out, self.final)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def open_staging(output: Path, request: str, now: datetime) -> Iterator[FolderStaging]:
    """Open the folder of a request, begun at ``now`` or earlier.

    After a fault that another try may get past, it stays for that; after any other error of ours nothing stays, nor what was made to hold it.

    Raises
    ------
    ConflictError
        If the output is there already, or another process prepares it.
    """
    refuse_existing(output)
    made = [parent for parent in output.parents if not parent.exists()]
    output.parent.mkdir(parents=True, exist_ok=True)
    _remove_others(output, request)
    folder = output.parent / f"{_stem(output)}{request[:32]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with _locked(folder) as free:
        if not free:
            raise ConflictError(
                f"another process is writing {output}", remedy="wait for it, or name another folder"
            )
        begun = _begun(folder, now)
        _remove_unfinished(folder)
        try:
            yield FolderStaging(folder, output, begun)
        except UnavailableError:
            raise
        except ByleaveError:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                for parent in made:
                    parent.rmdir()
            raise


def refuse_existing(output: Path) -> None:
    """Refuse to write where something stands already."""
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ConflictError(
            f"{output} is there already", remedy="name another folder, or remove this one first"
        )


def _desk_in(folder: Path) -> Desk:
    return Desk(folder / "out", folder / "removed.parquet")


def _desk_named(entry: Path) -> str:
    """Return the folder that an entry of the journal names in its first line: what came of the shard is in the second, and much longer."""
    with entry.open("rb") as file:
        return str(json.loads(file.readline())["desk"])


def _noted(entry: Path) -> Done:
    return Done.from_json(json.loads(entry.read_bytes().partition(b"\n")[2]))


def _removed(desk: Desk) -> Written:
    return Written.of(desk.removed, desk.removed.name)


def _begun(folder: Path, now: datetime) -> datetime:
    state = folder / "run.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        at = datetime.fromisoformat(json.loads(state.read_bytes())["at"])
        if now - RESUMED_FOR <= at <= now:
            return at
    for name in (OUT, SHARDS, JOURNAL):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    (folder / OUT).chmod(0o755)
    (folder / OUT / OWN_FOLDER).mkdir()
    write_atomically(state, json.dumps({"at": now.isoformat()}).encode())
    return now


def _remove_unfinished(folder: Path) -> None:
    """Remove what tries of a killed run left that no entry names."""
    named = set()
    for path in (folder / JOURNAL).iterdir():
        with suppress(OSError, ValueError, KeyError, TypeError):
            named.add(_desk_named(path))
    for left in (folder / SHARDS).iterdir():
        if left.name not in named:
            shutil.rmtree(left, ignore_errors=True)


def _remove_others(output: Path, request: str) -> None:
    """Remove what runs of other requests left behind for the same output, unless one of them is at work."""
    for folder in output.parent.glob(f"{_stem(output)}*"):
        if folder.is_dir() and not folder.name.endswith(request[:32]):
            with _locked(folder) as free:
                if free:
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _stem(output: Path) -> str:
    return f".{output.name}.apply-"


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
