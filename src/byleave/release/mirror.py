"""Keep a folder of releases and deltas in step with a source, so that a plain file server can serve it. Light: no Arrow.

Everything is verified before it appears, each release and each delta at once, and ``latest.json`` last: whoever reads the mirror while it is
brought up to date sees the old state or the new. A killed run goes on where it was.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from byleave.errors import FormatError, InputError, NotFoundError, VerificationError, as_format_error
from byleave.log import VerifierKey
from byleave.release.beside import bring_standing, read_history
from byleave.release.deltas import INDEX, Delta, Index, Step, delta_name, open_delta, read_delta
from byleave.release.fetching import Progress, copy_entry, fetch_whole, read_wanted, silent
from byleave.release.folders import read_limited
from byleave.release.key_history import HISTORY
from byleave.release.manifest import MANIFEST, NOTE
from byleave.release.reading import LATEST, latest_number
from byleave.release.sources import Source, open_source
from byleave.release.standing import STANDING
from byleave.storage import alone_in, remove_leftovers, staged_folder, write_atomically

MIRROR = "mirror.json"


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a run did: the newest release held now, and what was fetched and removed."""

    latest: int
    releases: tuple[int, ...]
    deltas: tuple[Step, ...]
    removed: tuple[str, ...]


def mirror(
    source: str,
    folder: Path,
    *,
    keys: Sequence[VerifierKey] = (),
    prune: bool = False,
    progress: Progress = silent,
) -> Mirrored:
    """Bring ``folder`` in step with all releases and deltas that ``source`` serves.

    The key is told once and remembered in ``mirror.json``. Nothing that the source no longer serves is removed unless ``prune`` says so.

    Raises
    ------
    InputError
        If no key is given and the folder remembers none.
    VerificationError
        If anything does not verify, or the source's newest release is older than the one held. What was fetched before stays.
    ConflictError
        If another process is at work in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder), closing(open_source(source)) as place:
        trusted = tuple(keys) or _remembered(folder)
        if not trusted:
            raise InputError(
                f"whose signature should be trusted? {source} was never mirrored here",
                remedy="pass --key with the registry's verifier key",
            )
        return _mirror(place, folder, trusted, prune=prune, progress=progress)


def _mirror(
    place: Source, folder: Path, keys: Sequence[VerifierKey], *, prune: bool, progress: Progress
) -> Mirrored:
    latest = latest_number(place.read(LATEST))
    _refuse_going_back(folder, latest)
    history = read_history(place)
    keys = history.trusted(keys)
    offered = Index.parse(place.read(INDEX))
    releases = sorted({*offered.releases, latest})
    _remember(folder, keys)
    fetched = tuple(number for number in releases if _bring_release(place, folder, number, keys, progress))
    deltas = tuple(
        step for step in sorted(offered.deltas) if _bring_delta(place, folder, step, keys, progress)
    )
    removed = _prune(folder, Index(tuple(releases), offered.deltas)) if prune else ()
    if history.notes:
        write_atomically(folder / HISTORY, history.to_bytes())
    write_atomically(folder / INDEX, Index.of_folder(folder).to_bytes())
    write_atomically(folder / LATEST, json.dumps({"number": latest}).encode() + b"\n")
    return Mirrored(latest, fetched, deltas, removed)


def _bring_release(
    place: Source, folder: Path, number: int, keys: Sequence[VerifierKey], progress: Progress
) -> bool:
    final = folder / str(number)
    remove_leftovers(folder, final.name)
    wanted = read_wanted(place, number, keys)
    held = wanted.standing(final, keys)
    release = held or fetch_whole(place, wanted, final, keys, progress)
    bring_standing(place, folder, release, keys, progress)
    return held is None


def _bring_delta(
    place: Source, folder: Path, step: Step, keys: Sequence[VerifierKey], progress: Progress
) -> bool:
    name = delta_name(*step)
    final = folder / name
    final.parent.mkdir(exist_ok=True)
    remove_leftovers(final.parent, final.name)
    with suppress(NotFoundError, FormatError, VerificationError):
        _check_step(open_delta(final, keys), step)
        return False
    manifest, note = place.read(f"{name}/{MANIFEST}"), place.read(f"{name}/{NOTE}")
    signed = read_delta(manifest, note, keys)
    with staged_folder(final, replace=True) as staging:
        (staging / MANIFEST).write_bytes(manifest)
        (staging / NOTE).write_bytes(note)
        for entry in signed.files:
            copy_entry(place, entry, name, staging, progress)
        _check_step(open_delta(staging, keys), step)
    return True


def _check_step(delta: Delta, step: Step) -> None:
    if (delta.start.number, delta.target.number) != step:
        raise VerificationError(
            "the source serves another delta than it names", remedy="ask its operator; keep what you have"
        )


def _refuse_going_back(folder: Path, latest: int) -> None:
    if (folder / LATEST).exists() and latest_number(read_limited(folder / LATEST)) > latest:
        raise VerificationError(
            f"the source's newest list is no. {latest}, older than what is mirrored here",
            remedy="ask the registry's operator; keep what you have",
        )


def _prune(folder: Path, offered: Index) -> tuple[str, ...]:
    held = Index.of_folder(folder)
    names = [str(number) for number in sorted(set(held.releases) - set(offered.releases))]
    names += [delta_name(*step) for step in sorted(set(held.deltas) - set(offered.deltas))]
    for name in names:
        shutil.rmtree(folder / name)
        shutil.rmtree(folder / STANDING / name, ignore_errors=True)
    return tuple(names)


def _remembered(folder: Path) -> tuple[VerifierKey, ...]:
    if not (folder / MIRROR).exists():
        return ()
    content = read_limited(folder / MIRROR)
    with as_format_error(f"{folder / MIRROR} cannot be read", remedy="remove it and pass --key"):
        return tuple(VerifierKey.parse(key) for key in json.loads(content)["keys"])


def _remember(folder: Path, keys: Sequence[VerifierKey]) -> None:
    write_atomically(folder / MIRROR, json.dumps({"keys": [str(key) for key in keys]}).encode() + b"\n")
