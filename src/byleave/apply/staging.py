"""The folder beside the output in which a run is prepared, and the journal by which a killed run goes on where it was.

The folder is named by the digest of the request: inputs by their bytes, release, coverage and every choice. A changed input or a new
release is another request and begins anew. Only one process works in a folder; the kernel lets go of the lock of one that was killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from byleave.apply.tally import Tally
from byleave.datasets import OWN_FOLDER
from byleave.errors import ConflictError
from byleave.storage import publish_folder, write_atomically

RESUMED_FOR = timedelta(hours=24)
"""A run goes on under the moment at which it began. After this long that moment is stale, and it begins anew."""


@dataclass(frozen=True, slots=True)
class Staging:
    """A prepared run.

    at
        The moment that counts for dates of claims: when the run first began.
    """

    folder: Path
    at: datetime

    @property
    def out(self) -> Path:
        """What becomes the output folder."""
        return self.folder / "out"

    @property
    def own(self) -> Path:
        """Where lists and reports stand in the output, apart from its data."""
        return self.out / OWN_FOLDER

    def part(self, place: int) -> Path:
        """Where the list of rows taken out of one shard stands until all are joined."""
        return self.folder / "removed" / f"{place:06d}.parquet"

    def unit(self, place: int) -> Path:
        """Return the folder into which the files of one unit are written, until all are gathered."""
        return self.folder / "units" / f"{place:06d}"

    def gather(self) -> None:
        """Let what units wrote stand in the output as well; a run that was killed amid this does it again."""
        for folder in sorted((self.folder / "units").iterdir()):
            for path in _files(folder):
                target = self.out / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                try:
                    target.hardlink_to(path)
                except OSError:  # not every file system has links
                    shutil.copyfile(path, target)

    def finished(self, place: int, output: Path | None) -> Tally | None:
        """Return the counts of a shard that a killed run finished, if its files are whole."""
        try:
            entry: dict[str, Any] = json.loads(self._entry(place).read_bytes())
            if entry["output"] == _digest_or_none(output) and entry["removed"] == file_digest(
                self.part(place)
            ):
                return Tally.from_json(entry["tally"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None

    def record(self, place: int, output: Path | None, tally: Tally) -> None:
        """Note that a shard is finished, after its files are on the disk; ``output`` is ``None`` for a mask."""
        for path in (output, self.part(place)):
            for file in _files(path):
                _flush(file)
        entry = {
            "output": _digest_or_none(output),
            "removed": file_digest(self.part(place)),
            "tally": tally.to_json(),
        }
        write_atomically(self._entry(place), json.dumps(entry).encode())

    def publish(self, final: Path) -> None:
        """Put the output in place and remove what is left."""
        publish_folder(self.out, final)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _entry(self, place: int) -> Path:
        return self.folder / "journal" / f"{place:06d}.json"


@contextmanager
def open_staging(output: Path, request: str, now: datetime) -> Iterator[Staging]:
    """Open the folder of a request, begun at ``now`` or earlier. It stays when the block fails, so that the next run goes on.

    Raises
    ------
    ConflictError
        If the output is there already, or another process prepares it.
    """
    refuse_existing(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    _remove_others(output, request)
    folder = output.parent / f"{_stem(output)}{request[:32]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with _locked(folder) as free:
        if not free:
            raise ConflictError(
                f"another process is writing {output}", remedy="wait for it, or name another folder"
            )
        yield Staging(folder, _begun(folder, now))


def refuse_existing(output: Path) -> None:
    """Refuse to write where something stands already."""
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ConflictError(
            f"{output} is there already", remedy="name another folder, or remove this one first"
        )


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def empty_folder(path: Path) -> None:
    """Make a folder that holds nothing."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)


def _digest_or_none(path: Path | None) -> str | None:
    if path is not None and path.is_dir():
        lines = [f"{file_digest(file)}  {file.relative_to(path)}\n" for file in _files(path)]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return file_digest(path) if path is not None else None


def _files(path: Path | None) -> list[Path]:
    """List a file, or all below a folder."""
    if path is None:
        return []
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _begun(folder: Path, now: datetime) -> datetime:
    state = folder / "run.json"
    try:
        at = datetime.fromisoformat(json.loads(state.read_bytes())["at"])
        if now - RESUMED_FOR <= at <= now:
            return at
    except (OSError, ValueError, KeyError, TypeError):
        pass
    for name in ("out", "removed", "journal", "units"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    (folder / "out").chmod(0o755)
    (folder / "out" / OWN_FOLDER).mkdir()
    write_atomically(state, json.dumps({"at": now.isoformat()}).encode())
    return now


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
