"""What an older list left, to which a newer one is applied: its report says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from byleave.apply.modes import Mode
from byleave.datasets import OWN_FOLDER
from byleave.errors import FormatError, InputError, NotFoundError, as_format_error
from byleave.release import Release

MOST_REPORT_BYTES = 256 * 1024 * 1024


def check_since(folder: Path, number: int, release: Release) -> None:
    """Make sure that a folder is what a run under list ``number`` of the same registry left.

    Raises
    ------
    NotFoundError, FormatError
        If it holds no report of a run.
    InputError
        If the run was under another list, or took nothing out.
    """
    path = folder / OWN_FOLDER / "report.json"
    if not path.is_file():
        raise NotFoundError(
            f"{folder} holds no report of an earlier run",
            remedy="give the output of that run, or leave out --since",
        )
    if path.stat().st_size > MOST_REPORT_BYTES:
        raise FormatError(f"{path} is too large for a report", remedy="give the report as the run wrote it")
    with as_format_error(f"{path} is no report of a run", remedy="give the report as the run wrote it"):
        told: dict[str, Any] = json.loads(path.read_bytes())
        found, origin = told["release"]["number"], told["release"]["origin"]
        took_out = told["request"]["mode"] == Mode.FILTER.value
    if (found, origin) != (number, release.origin):
        raise InputError(
            f"{folder} was made under list no. {found} of {origin}, not under no. {number} of {release.origin}",
            remedy=f"write --since {found}, or apply to the whole dataset",
        )
    if not took_out or number > release.number:
        raise InputError(
            f"{folder} is not what an earlier run under list no. {number} left",
            remedy="apply to the whole dataset, without --since",
        )
