"""Deltas: what leads from one release to a later one, as a signed folder of small files. Light: no Arrow.

A folder ``deltas/<from>-<to>`` beside the releases holds a manifest and its note, ``removals.bin`` (places of the rows that go),
``additions.parquet`` (rows that come), ``places.bin`` (before which row of the earlier release each of them stands) and ``digests.bin``
(targets that no row names any more). Places count from 0 and take 8 bytes, big-endian.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from byleave.errors import FormatError, UnfitError, VerificationError, as_format_error
from byleave.log import VerifierKey, read_json
from byleave.release.folders import check_folder, read_limited
from byleave.release.manifest import (
    MANIFEST,
    NOTE,
    ReleaseName,
    SignedManifest,
    digest_of,
    mapping,
    open_manifest,
    whole,
)

DELTAS = "deltas"
INDEX = "index.json"
REMOVALS = "removals.bin"
ADDITIONS = "additions.parquet"
PLACES = "places.bin"
GONE_DIGESTS = "digests.bin"
PLACE_BYTES = 8
GONE_DIGEST_BYTES = 33
"""Number of the kind, as in a row's leaf, and digest."""

SPANS = (1, 2, 4, 8, 16)
"""From how many lists back deltas lead to a new one: any of the last 31 is five steps away at most."""

MOST_STEPS = 8
KEPT = 31
"""To how many of the newest lists deltas are kept."""

_DELTA = re.compile(r"([0-9]+)-([0-9]+)")
_MOST_LISTED = 10_000
_RECORDS = {REMOVALS: PLACE_BYTES, PLACES: PLACE_BYTES, GONE_DIGESTS: GONE_DIGEST_BYTES}
_FILES = frozenset({ADDITIONS, *_RECORDS})
_REMEDY = "sync the whole release instead"

Step = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Delta:
    """A verified delta: remove, then add, then compare."""

    folder: Path
    signed: SignedManifest

    @property
    def start(self) -> ReleaseName:
        """The release it leads from."""
        return ReleaseName.parse(mapping(self.signed.members, "from"))

    @property
    def target(self) -> ReleaseName:
        """The release it leads to."""
        return ReleaseName.parse(mapping(self.signed.members, "to"))

    @property
    def target_rows(self) -> int:
        """How many rows the target has."""
        return whole(self.signed.members, "rows")

    @property
    def target_root(self) -> bytes:
        """Merkle root over the target's rows: the checksum, 32 bytes."""
        return digest_of(self.signed.members, "root")


@dataclass(frozen=True, slots=True)
class Index:
    """What a folder of releases says it serves. A hint: whatever it names is verified by itself."""

    releases: tuple[int, ...]
    deltas: tuple[Step, ...]

    def to_bytes(self) -> bytes:
        """Write it as ``index.json``."""
        content = {"deltas": self.deltas, "releases": self.releases}
        return json.dumps(content, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def parse(cls, content: bytes) -> Index:
        """Read ``index.json``."""
        with as_format_error(f"{INDEX} cannot be read", remedy=_REMEDY):
            members = read_json(content)
            releases = tuple(_number(number) for number in members["releases"])
            deltas = tuple((_number(start), _number(end)) for start, end in members["deltas"])
        if max(len(releases), len(deltas)) > _MOST_LISTED or any(start >= end for start, end in deltas):
            raise FormatError(f"{INDEX} cannot be right", remedy=_REMEDY)
        return cls(releases, deltas)

    @classmethod
    def of_folder(cls, folder: Path) -> Index:
        """List the releases and deltas that stand in a folder, in the order of their numbers."""
        releases = sorted(
            int(path.name) for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()
        )
        found = (_DELTA.fullmatch(path.name) for path in (folder / DELTAS).glob("*-*"))
        return cls(tuple(releases), tuple(sorted((int(name[1]), int(name[2])) for name in found if name)))


def steps_between(deltas: Iterable[Step], start: int, end: int) -> tuple[Step, ...] | None:
    """Return the fewest deltas that lead from ``start`` to ``end``; ``None`` where none do, or only too many."""
    onward: dict[int, list[int]] = {}
    for here, there in deltas:
        onward.setdefault(here, []).append(there)
    ways: dict[int, tuple[Step, ...]] = {start: ()}
    for _ in range(MOST_STEPS):
        if end in ways:
            break
        ways |= _one_further(ways, onward, end)
    return ways.get(end)


def delta_name(start: int, end: int) -> str:
    """Return where a delta stands, seen from the folder of releases."""
    return f"{DELTAS}/{start}-{end}"


def open_delta(folder: Path, keys: Sequence[VerifierKey]) -> Delta:
    """Open the delta in ``folder`` after checking all of it against the keys one trusts.

    Raises
    ------
    NotFoundError
        If there is none.
    FormatError, VerificationError
        If anything in it is not what its signed manifest says.
    """
    manifest, note = read_limited(folder / MANIFEST), read_limited(folder / NOTE)
    signed = read_delta(manifest, note, keys)
    check_folder(folder, signed.files)
    return Delta(folder, signed)


def read_delta(manifest: bytes, note: bytes, keys: Sequence[VerifierKey]) -> SignedManifest:
    """Check a delta's manifest before any of its files is fetched."""
    signed = open_manifest(manifest, note, kind="delta", keys=keys)
    if {entry.name for entry in signed.files} != _FILES:
        raise VerificationError("the delta names other files than it should", remedy=_REMEDY)
    if any(entry.size % _RECORDS.get(entry.name, 1) for entry in signed.files):
        raise FormatError("the delta's records are cut short", remedy=_REMEDY)
    return signed


def check_leads(delta: Delta, held: ReleaseName, target: SignedManifest) -> None:
    """Make sure that a delta leads from the release one holds to the one that is signed.

    Raises
    ------
    VerificationError
        If it leads from or to another one.
    """
    rows = mapping(target.members, "rows")
    checksum = (target.sha256, whole(rows, "count"), digest_of(rows, "root"))
    if delta.start != held or checksum != (
        delta.target.manifest_digest,
        delta.target_rows,
        delta.target_root,
    ):
        raise VerificationError("the delta is of other releases than it is offered for", remedy=_REMEDY)


def _one_further(
    ways: Mapping[int, tuple[Step, ...]], onward: Mapping[int, Sequence[int]], end: int
) -> dict[int, tuple[Step, ...]]:
    found: dict[int, tuple[Step, ...]] = {}
    for here, way in ways.items():
        for there in onward.get(here, ()):
            if there <= end and there not in ways:
                found.setdefault(there, (*way, (here, there)))
    return found


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnfitError("not a number of a release")
    return value
