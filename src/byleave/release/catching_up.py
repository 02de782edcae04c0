"""Come from the release one holds to the newest by deltas, and prove by its signed manifest that it is exactly that one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from byleave.errors import FormatError, NotFoundError, UnavailableError, VerificationError
from byleave.log import VerifierKey
from byleave.release.deltas import (
    INDEX,
    Delta,
    Index,
    Step,
    check_leads,
    delta_name,
    open_delta,
    read_delta,
    steps_between,
)
from byleave.release.fetching import Progress, Wanted, copy_entry
from byleave.release.folders import CLAIMS
from byleave.release.manifest import MANIFEST, NOTE, ReleaseName
from byleave.release.patched import MOST_DELTAS, PATCHED
from byleave.release.reading import Release, check_files, open_unchecked
from byleave.release.sources import Source
from byleave.storage import name_again, staged_folder

WORK = ".deltas-"
NO_WAY = (FormatError, NotFoundError, UnavailableError, VerificationError)
"""What may go wrong on the way: then the whole release is fetched instead."""


def catch_up(
    place: Source, held: Release, wanted: Wanted, final: Path, keys: Sequence[VerifierKey], progress: Progress
) -> Release | None:
    """Make the wanted release in ``final`` from the one held and the deltas of a source; ``None`` where there is no way to.

    There is none where the source has no deltas from so old a list, where one is damaged or does not fit, where too many stand on the rows
    that are held already, and where Arrow is not installed. Of ``held``, only the signatures need to have been checked.
    """
    if held.redaction or wanted.redaction or not _has_arrow():
        return None
    try:
        steps = steps_between(Index.parse(place.read(INDEX)).deltas, held.number, wanted.number)
        if not steps or len(_deltas(held)) + len(steps) > MOST_DELTAS:
            return None
        with tempfile.TemporaryDirectory(prefix=WORK, dir=final.parent) as work:
            return _walk(place, held, wanted, steps, Path(work), final, keys, progress)
    except NO_WAY:
        return None


def remove_work(folder: Path) -> None:
    """Remove what runs that were killed on the way left in a folder of releases."""
    for left in folder.glob(f"{WORK}*"):
        shutil.rmtree(left, ignore_errors=True)


def _walk(
    place: Source,
    held: Release,
    wanted: Wanted,
    steps: Sequence[Step],
    work: Path,
    final: Path,
    keys: Sequence[VerifierKey],
    progress: Progress,
) -> Release:
    from byleave.release.patching import patch

    name, place_held = held.name, held.folder
    with staged_folder(final, replace=True) as staging:
        _keep_rows(held, staging / PATCHED)
        for start, end in steps:
            delta = _fetch_delta(place, staging / PATCHED, (start, end), keys, progress)
            _check_step(delta, name, (start, end))
            is_last = end == wanted.number
            if is_last:
                check_leads(delta, name, wanted.signed)
            target = staging if is_last else work / str(end)
            target.mkdir(exist_ok=True)
            patch(place_held, delta, target)
            name, place_held = delta.target, target
        wanted.write_into(staging)
        _fill(place, held, wanted, staging, progress)
        check_files(open_unchecked(staging, keys))
    return open_unchecked(final, keys)


def _deltas(held: Release) -> Sequence[Delta]:
    return held.patched.deltas if held.patched else ()


def _keep_rows(held: Release, patched: Path) -> None:
    """Carry over the rows that are held and what leads from them to the release that is held."""
    start = patched / (held.patched.folder.name if held.patched else str(held.number))
    start.mkdir(parents=True)
    earlier = held.patched.folder if held.patched else held.folder
    for name in (MANIFEST, NOTE):
        shutil.copyfile(earlier / name, start / name)
    name_again(earlier / CLAIMS, start / CLAIMS)
    for delta in _deltas(held):
        shutil.copytree(delta.folder, patched / delta.folder.name)


def _fetch_delta(
    place: Source, patched: Path, step: Step, keys: Sequence[VerifierKey], progress: Progress
) -> Delta:
    name = delta_name(*step)
    folder = patched / Path(name).name
    folder.mkdir()
    manifest, note = place.read(f"{name}/{MANIFEST}"), place.read(f"{name}/{NOTE}")
    signed = read_delta(manifest, note, keys)
    (folder / MANIFEST).write_bytes(manifest)
    (folder / NOTE).write_bytes(note)
    for entry in signed.files:
        copy_entry(place, entry, name, folder, progress)
    return open_delta(folder, keys)


def _check_step(delta: Delta, held: ReleaseName, step: Step) -> None:
    if delta.start != held or (delta.start.number, delta.target.number) != step:
        raise VerificationError(
            "the delta is of other releases than it is offered for", remedy="sync the whole release instead"
        )


def _fill(place: Source, held: Release, wanted: Wanted, staging: Path, progress: Progress) -> None:
    """Add what the deltas do not make: policy, terms and tables, taken from the release held where they are the same."""
    known = {(entry.name, entry.size, entry.sha256) for entry in held.signed.files}
    for entry in wanted.signed.files:
        if entry.name == CLAIMS or (staging / entry.name).exists():
            continue
        if (entry.name, entry.size, entry.sha256) in known:
            (staging / entry.name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(held.folder / entry.name, staging / entry.name)
        else:
            copy_entry(place, entry, str(wanted.number), staging, progress)


def _has_arrow() -> bool:
    return find_spec("pyarrow") is not None and find_spec("numpy") is not None
