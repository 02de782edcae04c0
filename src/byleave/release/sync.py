"""Fetch the latest release from a folder or a web address, believe nothing before it verifies, and never go back.

The synced folder holds ``releases/<N>/`` as fetched and ``current.json``, which names the release in force and the keys trusted. The
key is told once, at the first sync; later syncs may leave it out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from byleave.errors import FormatError, InputError, NotFoundError, VerificationError
from byleave.fetch import Client, FetchLimits
from byleave.log import VerifierKey
from byleave.release.manifest import MANIFEST, MAX_MANIFEST_BYTES, NOTE, SignedManifest, open_manifest, whole
from byleave.release.reading import LATEST, Release, latest_number, open_release, read_limited
from byleave.storage import alone_in, remove_leftovers, staged_folder, write_atomically

CURRENT = "current.json"
MAX_FILE_BYTES = 16 * 1024**3
_FETCH_LIMITS = FetchLimits(body_bytes=MAX_MANIFEST_BYTES, total_seconds=3600.0)

Progress = Callable[[str, int, int], None]
"""Told of each file: its name, bytes done, bytes in all."""


@dataclass(frozen=True, slots=True)
class Current:
    """What a synced folder remembers."""

    number: int
    manifest_sha256: str
    keys: tuple[VerifierKey, ...]
    source: str


def sync(
    source: str, folder: Path, *, keys: Sequence[VerifierKey] = (), progress: Progress | None = None
) -> Release:
    """Bring ``folder`` to the latest release of ``source``; return that release, verified.

    Raises
    ------
    InputError
        If no key is given and the folder remembers none: who signs must be told once.
    VerificationError
        If the release is older than the one held, or another one under the same number, or fails to verify. The folder stays as it was.
    ConflictError
        If another sync is at work in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        return _sync(source, folder, keys, progress)


def _sync(source: str, folder: Path, keys: Sequence[VerifierKey], progress: Progress | None) -> Release:
    held = read_current(folder)
    trusted = tuple(keys) or (held.keys if held else ())
    with closing(_open_source(source)) as place:
        number = latest_number(place.read(LATEST))
        if not trusted:
            raise InputError(
                f"whose signature should be trusted? {source} serves release {number}",
                remedy="pass --key with the registry's verifier key, as its page or `byleave publish` shows it",
            )
        _refuse_going_back(held, number)
        manifest, note = place.read(f"{number}/{MANIFEST}"), place.read(f"{number}/{NOTE}")
        signed = open_manifest(manifest, note, kind="release", keys=trusted)
        if whole(signed.members, "number") != number:
            raise VerificationError(
                "the source serves another release than it names",
                remedy="ask its operator; keep what you have",
            )
        if held and held.number == number and held.manifest_sha256 != signed.sha256.hex():
            raise VerificationError(
                f"the source now serves another release {number} than before: two lists under one number",
                remedy="keep both copies and ask the registry's operator in public",
            )
        release = _fetch(place, folder, number, {MANIFEST: manifest, NOTE: note}, signed, trusted, progress)
    state = {
        "number": number,
        "manifest_sha256": signed.sha256.hex(),
        "keys": [str(key) for key in trusted],
        "source": source,
    }
    write_atomically(folder / CURRENT, json.dumps(state, indent=1).encode() + b"\n")
    return release


def open_synced(folder: Path, keys: Sequence[VerifierKey] = ()) -> Release:
    """Open the release in force in a synced folder, verified again against ``keys``, or else the keys it remembers."""
    held = read_current(folder)
    if held is None:
        raise NotFoundError(
            f"{folder} holds no synced registry", remedy=f"run `byleave sync SOURCE --to {folder}`"
        )
    release = open_release(folder / "releases" / str(held.number), tuple(keys) or held.keys)
    if release.number != held.number or release.manifest_digest.hex() != held.manifest_sha256:
        raise VerificationError(
            f"{folder} does not hold the release it names", remedy="sync again into a new folder"
        )
    return release


def read_current(folder: Path) -> Current | None:
    """Return what a synced folder remembers, or ``None`` when nothing was synced there."""
    if not (folder / CURRENT).exists():
        return None
    remedy = "remove the folder and sync again with --key"
    try:
        state = json.loads(read_limited(folder / CURRENT))
        return Current(
            number=int(state["number"]),
            manifest_sha256=str(state["manifest_sha256"]),
            keys=tuple(VerifierKey.parse(key) for key in state["keys"]),
            source=str(state["source"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"{folder / CURRENT} cannot be read", remedy=remedy) from error


def _refuse_going_back(held: Current | None, number: int) -> None:
    if held and number < held.number:
        raise VerificationError(
            f"the source serves release {number}, older than release {held.number} held here",
            remedy="an old list lacks what people said since; ask the registry's operator",
        )


def _fetch(
    place: _Folder | _Web,
    folder: Path,
    number: int,
    known: dict[str, bytes],
    signed: SignedManifest,
    keys: Sequence[VerifierKey],
    progress: Progress | None,
) -> Release:
    final = folder / "releases" / str(number)
    remove_leftovers(final.parent, final.name)
    # What stands there may be damaged, or of a sync that was killed before it could name it as the one in force.
    with suppress(NotFoundError, FormatError, VerificationError):
        there = open_release(final, keys)
        if there.manifest_digest == signed.sha256:
            return there
    with staged_folder(final, replace=True) as staging:
        for name, content in known.items():
            (staging / name).write_bytes(content)
        for entry in signed.files:
            if entry.size > MAX_FILE_BYTES:
                raise FormatError(
                    f"{entry.name} of the release is too large", remedy="ask the registry's operator"
                )
            (staging / entry.name).parent.mkdir(parents=True, exist_ok=True)
            place.copy(f"{number}/{entry.name}", staging / entry.name, size=entry.size)
            if progress:
                progress(entry.name, entry.size, entry.size)
        open_release(staging, keys)
    return open_release(final, keys)


def _open_source(source: str) -> _Folder | _Web:
    if source.startswith(("http://", "https://")):
        return _Web(source.rstrip("/"))
    path = Path(source)
    if not path.is_dir():
        raise NotFoundError(
            f"{source} is no folder of releases",
            remedy="name the folder that holds latest.json, or a web address",
        )
    return _Folder(path)


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        return read_limited(self._root / name)

    def copy(self, name: str, to: Path, *, size: int) -> None:
        try:
            found = (self._root / name).stat().st_size
            if found != size:
                raise VerificationError(
                    f"{name} has {found} bytes, not {size}", remedy="ask the operator; keep what you have"
                )
            shutil.copyfile(self._root / name, to)
        except FileNotFoundError as error:
            raise VerificationError(
                f"the source lacks {name}", remedy="ask its operator; keep what you have"
            ) from error

    def close(self) -> None:
        """Nothing is held open."""


class _Web:
    """The source is named by the trainer on her own command line, so her local network is allowed."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._client = Client(_FETCH_LIMITS, private_addresses=True)

    def read(self, name: str) -> bytes:
        return self._client.get(f"{self._root}/{name}")

    def copy(self, name: str, to: Path, *, size: int) -> None:
        with self._client.stream(f"{self._root}/{name}", body_bytes=size) as chunks, to.open("wb") as out:
            for chunk in chunks:
                out.write(chunk)

    def close(self) -> None:
        self._client.close()
