"""Read a log from a folder or a web address and check it: that it only grew, and that its entries give its root. Light."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from byleave.errors import NotFoundError, UnavailableError, VerificationError
from byleave.fetch import Client, FetchLimits
from byleave.log import (
    BundleAt,
    Checkpoint,
    GrowingTree,
    Policy,
    TileAt,
    TileReader,
    WitnessedCheckpoint,
    bundles_between,
    consistency_proof,
    decode_bundle,
    hash_reader,
    leaf_hash,
    verify_growth,
)
from byleave.log.lines import text_of
from byleave.log.notes import MAX_NOTE_BYTES
from byleave.log.tiles import MAX_ENTRY_BYTES, TILE_WIDTH
from byleave.release.keys import verify_ed25519
from byleave.release.sources import is_web_address
from byleave.storage import read_at_most

CHECKPOINT = "checkpoint"
_MAX_BUNDLE_BYTES = TILE_WIDTH * (MAX_ENTRY_BYTES + 2)
_LIMITS = FetchLimits(body_bytes=_MAX_BUNDLE_BYTES, total_seconds=60.0)


class Place(Protocol):
    """Where a log's files are."""

    def read(self, path: str) -> bytes:
        """Return one file, or raise NotFoundError or UnavailableError."""
        ...


@contextmanager
def open_place(source: str) -> Iterator[Place]:
    """Give the files of a log in a folder or below a web address."""
    if not is_web_address(source):
        yield _Folder(Path(source))
        return
    client = Client(_LIMITS, private_addresses=True)  # named by a person on her own command line
    try:
        yield _Web(client, source.rstrip("/"))
    finally:
        client.close()


def read_checkpoint(place: Place, policy: Policy) -> WitnessedCheckpoint:
    """Return the log's checkpoint, if ``policy`` accepts it."""
    note = text_of(place.read(CHECKPOINT), limit=MAX_NOTE_BYTES, what="the checkpoint")
    return policy.open_checkpoint(note, verify_ed25519)


def check_growth(place: Place, old: Checkpoint, new: Checkpoint) -> None:
    """Check from a log's tiles that ``new``, which is of this log, keeps everything that ``old`` held.

    Raises
    ------
    VerificationError
        If it does not.
    """
    proof: tuple[bytes, ...] = ()
    if old.origin == new.origin and old.size <= new.size:
        proof = consistency_proof(old.size, new.size, hash_reader(new.size, _tile_reader(place)))
    verify_growth(old, new, proof)


def audit(place: Place, checkpoint: Checkpoint) -> None:
    """Read every entry of a log and check that they give its root, in constant memory.

    Raises
    ------
    VerificationError
        If they do not.
    """
    for _ in audited_entries(place, checkpoint):
        pass


def audited_entries(place: Place, checkpoint: Checkpoint) -> Iterator[bytes]:
    """Yield every entry of a log in order. Believe none before the last: only then is it known that they give the root.

    Raises
    ------
    VerificationError
        At the end, if they do not.
    """
    tree = GrowingTree()
    for bundle in bundles_between(0, checkpoint.size):
        for entry in decode_bundle(_read_wide(place, bundle), bundle.width):
            tree.append(leaf_hash(entry))
            yield entry
    if tree.root() != checkpoint.root:
        raise VerificationError(
            f"the {checkpoint.size} entries do not give the root that was signed",
            remedy="fetch the log again; if it stays so, tell others",
        )


def _tile_reader(place: Place) -> TileReader:
    return lambda tile: _read_wide(place, tile)


def _read_wide(place: Place, wanted: TileAt | BundleAt) -> bytes:
    """Read a tile or bundle; a partial one may have given way to the full one."""
    try:
        return place.read(wanted.path)
    except (NotFoundError, UnavailableError):
        if wanted.width == TILE_WIDTH:
            raise
    full = BundleAt(wanted.index) if isinstance(wanted, BundleAt) else TileAt(wanted.level, wanted.index)
    return place.read(full.path)


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> bytes:
        remedy = "check the folder's name, or copy the log again"
        return read_at_most(self._root / path, _MAX_BUNDLE_BYTES, remedy=remedy)


class _Web:
    def __init__(self, client: Client, root: str) -> None:
        self._client = client
        self._root = root

    def read(self, path: str) -> bytes:
        return self._client.get(f"{self._root}/{path}")
