"""What an ingest leaves behind to be safe: a lease, a journal of finished shards, and lists of what was rejected."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from byleave.datasets import Reject
from byleave.errors import ConflictError
from byleave.storage import sync_folder, write_atomically

LISTED_REJECTS = 10_000
"""Rejects written out per shard; more are counted only."""

DETAIL_CHARACTERS = 200


@dataclass(slots=True)
class Tally:
    """Counts of one shard or of a whole source."""

    samples: int = 0
    with_pictures: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    cleaned: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.samples += other.samples
        self.with_pictures += other.with_pictures
        self.rejected += other.rejected
        self.cleaned += other.cleaned


@contextmanager
def lease(folder: Path, *, now: datetime, purpose: str) -> Iterator[None]:
    """Hold a dataset alone for writing. The kernel gives it back when the process ends, however it ends.

    Raises
    ------
    ConflictError
        If another process holds it; says which and since when.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lease", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 1024, 0).decode("utf-8", "replace").strip() or "another process"
            raise ConflictError(
                f"the dataset {folder.name!r} is being written by {holder}",
                remedy="wait until it is done; a killed process gives the dataset free by itself",
            ) from error
        note = (
            f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M:%S} UTC ({purpose})\n"
        )
        os.ftruncate(handle, 0)
        os.pwrite(handle, note.encode("utf-8", "replace")[:1024], 0)
        yield
    finally:
        os.close(handle)


class Journal:
    """The finished shards of one source: a line each, on the disk before the next shard begins."""

    def __init__(self, folder: Path, source: str) -> None:
        self.path = folder / "journal" / f"{source}.jsonl"
        self.rejects = folder / "rejects" / source
        self.finished: dict[str, Tally] = {}
        self._read()

    def finish(self, shard: str, tally: Tally, rejects: list[Reject]) -> None:
        """Note a shard whose rows are committed."""
        self._list(shard, rejects)
        line = json.dumps(
            {
                "shard": shard,
                "samples": tally.samples,
                "with_pictures": tally.with_pictures,
                "rejected": tally.rejected,
                "cleaned": tally.cleaned,
            },
            sort_keys=True,
        )
        is_new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)
        self.finished[shard] = tally

    def total(self) -> Tally:
        """Add up all finished shards."""
        total = Tally()
        for tally in self.finished.values():
            total.add(tally)
        return total

    def forget(self) -> None:
        """Remove the journal, so that the source may begin anew."""
        self.path.unlink(missing_ok=True)
        self.finished.clear()

    def _list(self, shard: str, rejects: list[Reject]) -> None:
        path = self.rejects / f"{hashlib.sha256(shard.encode()).hexdigest()[:16]}.jsonl"
        if not rejects:
            path.unlink(missing_ok=True)
            return
        lines = [
            json.dumps(
                {"kind": r.kind, "where": r.where[:DETAIL_CHARACTERS], "detail": r.detail[:DETAIL_CHARACTERS]}
            )
            for r in rejects[:LISTED_REJECTS]
        ]
        self.rejects.mkdir(parents=True, exist_ok=True)
        write_atomically(path, ("\n".join([json.dumps({"shard": shard}), *lines]) + "\n").encode())

    def _read(self) -> None:
        """Read finished shards; half a line, left by a power cut, is cut off."""
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) != len(content):
            os.truncate(self.path, len(whole))
        for line in whole.splitlines():
            entry = json.loads(line)
            self.finished[entry["shard"]] = Tally(
                entry["samples"],
                entry["with_pictures"],
                Counter(entry["rejected"]),
                Counter(entry["cleaned"]),
            )
