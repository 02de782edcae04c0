"""Fetch the latest release from a folder or a web address, believe nothing before it verifies, and never go back.

The synced folder holds ``releases/<N>/`` as fetched, ``releases/standing/<N>/`` by which receipts are answered, and ``current.json``, which
names the release in force and the keys trusted. The key is told once, at the first sync; later syncs may leave it out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from byleave.errors import ConflictError, InputError, NotFoundError, VerificationError, as_format_error
from byleave.log import VerifierKey
from byleave.release.beside import bring_standing, read_history
from byleave.release.catching_up import NO_WAY, catch_up, remove_work
from byleave.release.fetching import Progress, Wanted, fetch_whole, read_wanted, silent
from byleave.release.folders import read_limited
from byleave.release.reading import LATEST, Release, latest_number, open_release, open_unchecked
from byleave.release.sources import Source, is_web_address, open_source
from byleave.storage import alone_in, remove_leftovers, write_atomically

CURRENT = "current.json"
RELEASES = "releases"

Approve = Callable[[Release], None]
"""Asked about a release that was fetched and verified, before it is put in force; raising refuses it."""


@dataclass(frozen=True, slots=True)
class Current:
    """What a synced folder remembers."""

    number: int
    manifest_sha256: str
    keys: tuple[VerifierKey, ...]
    source: str


def sync(
    source: str,
    folder: Path,
    *,
    keys: Sequence[VerifierKey] = (),
    progress: Progress = silent,
    approve: Approve | None = None,
    with_standing: bool = True,
    number: int | None = None,
) -> Release:
    """Bring ``folder`` to the latest release of ``source``, by deltas where they lead there; return that release, verified.

    ``with_standing`` says whether to fetch where every claim stands, 48 bytes for each claim: receipts are held against that. ``number``
    asks for that release instead of the latest, into a folder that holds no other: what was done under it is checked under it.

    Raises
    ------
    InputError
        If no key is given and the folder remembers none: who signs must be told once.
    VerificationError
        If the release is older than the one held, or another one under the same number, or fails to verify. The folder stays as it was.
    NotFoundError
        If there is no release of that number yet.
    ConflictError
        If another sync is at work in the folder, or it holds another release than the one asked for by its number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        return _sync(source, folder, keys, progress, approve, with_standing=with_standing, asked=number)


def _sync(
    source: str,
    folder: Path,
    keys: Sequence[VerifierKey],
    progress: Progress,
    approve: Approve | None,
    *,
    with_standing: bool,
    asked: int | None,
) -> Release:
    held = read_current(folder)
    if asked is not None:
        _refuse_another(held, asked, folder)
    trusted = tuple(keys) or (held.keys if held else ())
    with closing(open_source(source)) as place:
        number = _number(latest_number(place.read(LATEST)), asked)
        if not trusted:
            raise InputError(
                f"whose signature should be trusted? {source} serves release {number}",
                remedy="pass --key with the registry's verifier key, as its page or `byleave publish` shows it",
            )
        _refuse_going_back(held, number)
        trusted = read_history(place).trusted(trusted)
        wanted = read_wanted(place, number, trusted)
        digest = wanted.signed.sha256.hex()
        if held and held.number == number and held.manifest_sha256 != digest:
            raise VerificationError(
                f"the source now serves another release {number} than before: two lists under one number",
                remedy="keep both copies and ask the registry's operator in public",
            )
        release = _obtain(place, folder, held, wanted, trusted, progress)
        if approve is not None:
            approve(release)
        if with_standing:
            bring_standing(place, folder / RELEASES, release, trusted, progress)
    _write_current(folder, release, digest, trusted, source)
    return release


def _write_current(
    folder: Path, release: Release, digest: str, keys: Sequence[VerifierKey], source: str
) -> None:
    state = {
        "number": release.number,
        "manifest_sha256": digest,
        "keys": [str(key) for key in keys],
        "source": source if is_web_address(source) else str(Path(source).absolute()),
    }
    write_atomically(folder / CURRENT, json.dumps(state, indent=1).encode() + b"\n")


def _obtain(
    place: Source,
    folder: Path,
    held: Current | None,
    wanted: Wanted,
    keys: Sequence[VerifierKey],
    progress: Progress,
) -> Release:
    final = folder / RELEASES / str(wanted.number)
    final.parent.mkdir(exist_ok=True)
    remove_leftovers(final.parent, final.name)
    remove_work(final.parent)
    there = wanted.standing(final, keys)
    if there is None and held is not None:
        with suppress(*NO_WAY):
            there = catch_up(place, _held(folder, held, keys), wanted, final, keys, progress)
    return there or fetch_whole(place, wanted, final, keys, progress)


def open_synced(folder: Path, keys: Sequence[VerifierKey] = ()) -> Release:
    """Open the release in force in a synced folder, verified again against ``keys``, or else the keys it remembers."""
    held = read_current(folder)
    if held is None:
        raise NotFoundError(
            f"{folder} holds no synced registry", remedy=f"run `byleave sync SOURCE --to {folder}`"
        )
    release = open_release(folder / RELEASES / str(held.number), tuple(keys) or held.keys)
    _check_is(release, held, folder)
    return release


def _held(folder: Path, held: Current, keys: Sequence[VerifierKey]) -> Release:
    """Open the release in force by its signatures alone: whoever makes another one of it checks the outcome."""
    release = open_unchecked(folder / RELEASES / str(held.number), keys)
    _check_is(release, held, folder)
    return release


def _check_is(release: Release, held: Current, folder: Path) -> None:
    if release.number != held.number or release.manifest_digest.hex() != held.manifest_sha256:
        raise VerificationError(
            f"{folder} does not hold the release it names", remedy="sync again into a new folder"
        )


def read_current(folder: Path) -> Current | None:
    """Return what a synced folder remembers, or ``None`` when nothing was synced there."""
    if not (folder / CURRENT).exists():
        return None
    remedy = "remove the folder and sync again with --key"
    content = read_limited(folder / CURRENT)
    with as_format_error(f"{folder / CURRENT} cannot be read", remedy=remedy):
        state = json.loads(content)
        return Current(
            number=int(state["number"]),
            manifest_sha256=str(state["manifest_sha256"]),
            keys=tuple(VerifierKey.parse(key) for key in state["keys"]),
            source=str(state["source"]),
        )


def _number(latest: int, asked: int | None) -> int:
    if asked is not None and asked > latest:
        raise NotFoundError(
            f"there is no list no. {asked} yet: the latest is no. {latest}",
            remedy="name the number of a list that was published",
        )
    return latest if asked is None else asked


def _refuse_another(held: Current | None, asked: int, folder: Path) -> None:
    if held and held.number != asked:
        raise ConflictError(
            f"{folder} holds list no. {held.number}, not no. {asked}",
            remedy="name a new folder for a list by its number",
        )


def _refuse_going_back(held: Current | None, number: int) -> None:
    if held and number < held.number:
        raise VerificationError(
            f"the source serves release {number}, older than release {held.number} held here",
            remedy="an old list lacks what people said since; ask the registry's operator",
        )
