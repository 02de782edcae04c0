"""Remember that a large file was found whole, so that the next process maps it at once and does not read all of it again.

Beside the file stands a note of what the system says of it: which file it is, its size, and when it last changed. Whatever writes to the file
makes the note void. It is no protection from somebody who may write here: that one could write another file as well.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from byleave.storage import write_atomically

SETTLED_SECONDS = 2.0
"""A younger file gets no note: clocks of file systems are coarse, and a change right after the note could look like none."""


def note_path(path: Path) -> Path:
    """Where the note on ``path`` stands."""
    return path.with_name(f".{path.name}.whole")


def is_known_whole(path: Path) -> bool:
    """Whether ``path`` has not changed since it was found whole."""
    try:
        note: object = json.loads(note_path(path).read_bytes())
        return note == _state(path)
    except (OSError, ValueError):
        return False


def note_whole(path: Path) -> None:
    """Note that ``path`` is whole, where it is old enough and the folder can be written."""
    try:
        if time.time() - path.stat().st_ctime >= SETTLED_SECONDS:
            write_atomically(note_path(path), json.dumps(_state(path)).encode())
    except OSError:
        return


def _state(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]
