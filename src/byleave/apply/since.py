"""Apply a newer list to what an older one left: every row is decided again, and only files that lose rows are written again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from byleave.apply.forms.applying import apply_to_unit
from byleave.apply.forms.units import Unit, place_for
from byleave.apply.inputs import InputFile
from byleave.apply.modes import Mode
from byleave.apply.shard import Plan, apply_to_file
from byleave.apply.tally import Tally
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


def apply_since(
    plan: Plan, source: InputFile | Unit, output: Path, removed: Path, progress: Callable[[int], None]
) -> Tally:
    """Decide about one file or unit, and copy it as it is if all its rows stay; ``output`` is a file, for a unit a folder."""
    tally = _applied(plan.as_mask(), source, output, removed, progress)
    if tally.kept[plan.regime.value] < tally.totals["rows"]:
        return _applied(plan, source, output, removed, _silent)
    if isinstance(source, InputFile):
        shutil.copyfile(source.path, output)
    else:
        for file in source.files:
            shutil.copyfile(file.path, place_for(file, output))
    return tally


def _applied(
    plan: Plan, source: InputFile | Unit, output: Path, removed: Path, progress: Callable[[int], None]
) -> Tally:
    if isinstance(source, InputFile):
        return apply_to_file(plan, source, output, removed, progress)
    return apply_to_unit(plan, source, output, removed, progress)


def _silent(rows: int) -> None:
    """Tell nobody: these rows were told of before."""
