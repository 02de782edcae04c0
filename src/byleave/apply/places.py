"""Where an output goes: a folder, or objects below an address."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from byleave.apply.desks import Staging
from byleave.apply.object_staging import open_object_staging, refuse_existing_objects
from byleave.apply.staging import open_staging, refuse_existing
from byleave.errors import ConflictError
from byleave.storage.objects import ObjectFolder, is_address


def place_of(text: str) -> Path | ObjectFolder:
    """Read a path or an address."""
    return ObjectFolder.of(text) if is_address(text) else Path(text)


def refuse_output(output: Path | ObjectFolder, source: str) -> None:
    """Refuse to write where something stands already, or inside the folder that is read.

    Raises
    ------
    ConflictError
        If so.
    """
    if not isinstance(output, Path):
        refuse_existing_objects(output)
        return
    refuse_existing(output)
    if Path(source).resolve() in output.resolve().parents:
        raise ConflictError(
            f"{output} lies inside {source}: whoever reads that again would read the output too",
            remedy="name a folder beside the input, not in it",
        )


def open_output(output: Path | ObjectFolder, request: str, now: datetime) -> AbstractContextManager[Staging]:
    """Open what a request prepares there, begun at ``now`` or earlier, so that a killed run goes on where it was."""
    if isinstance(output, Path):
        return open_staging(output, request, now)
    return open_object_staging(output, request, now)
