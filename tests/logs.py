"""Real small logs for tests: keys, entries, tiles in memory and signed checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from byleave.log import (
    COSIGNATURE,
    Checkpoint,
    ClaimEvent,
    GrowingTree,
    TileAt,
    VerifierKey,
    bundles_between,
    cosign,
    encode_bundle,
    leaf_hash,
    root_of,
    sign_checkpoint,
)
from byleave.log.lines import HASH_BYTES
from byleave.release.keys import SigningKey

ORIGIN = "log.example/registry"
NOW = datetime(2026, 11, 22, 12, 30, 15, tzinfo=UTC)


def signing_key(name: str = ORIGIN, seed: str = "") -> SigningKey:
    """Make the key that follows from a name, and from a seed where one name has several."""
    return SigningKey.from_seed(name, hashlib.sha256(f"{name}\n{seed}".encode()).digest())


def witness_key(name: str) -> VerifierKey:
    """Give the public face of a witness's key."""
    return VerifierKey(name, signing_key(name).verifier.public, COSIGNATURE)


def cosigned(note: str, *names: str, now: datetime = NOW) -> str:
    """Add the cosignatures of witnesses below a checkpoint note."""
    text = note.rpartition("\n\n")[0] + "\n"
    return note + "".join(
        cosign(text, witness_key(name), signing_key(name).private.sign, now=now) for name in names
    )


def entry(number: int) -> bytes:
    """Make the entry at an index."""
    return f"entry {number}".encode()


def leaves(size: int) -> list[bytes]:
    """Make the leaf hashes of the first entries."""
    return [leaf_hash(entry(number)) for number in range(size)]


def checkpoint_of(size: int, *, origin: str = ORIGIN) -> Checkpoint:
    """Make the checkpoint of the first entries, its root worked out at once."""
    return Checkpoint(origin, size, root_of(leaves(size)))


def signed(checkpoint: Checkpoint, *, seed: str = "") -> str:
    """Sign a checkpoint with its log's key."""
    key = signing_key(checkpoint.origin, seed)
    return sign_checkpoint(checkpoint, key.verifier, key.private.sign)


def write_log(folder: Path, entries: Sequence[bytes], key: SigningKey) -> Checkpoint:
    """Write the files of a log that holds these entries, as a file server would serve them."""
    hashes = [leaf_hash(one) for one in entries]
    for path, data in Tiles(hashes).files.items():
        _write(folder / path, data)
    for bundle in bundles_between(0, len(entries)):
        start = bundle.index * 256
        _write(folder / bundle.path, encode_bundle(entries[start : start + bundle.width]))
    checkpoint = Checkpoint(key.verifier.name, len(entries), root_of(hashes))
    _write(folder / "checkpoint", sign_checkpoint(checkpoint, key.verifier, key.private.sign).encode())
    return checkpoint


def claim_entries(*said: tuple[int, str]) -> list[bytes]:
    """Make the entries of claim events: each the one byte that a claim's id repeats, and an operation."""
    return [
        ClaimEvent(
            number, bytes([claim]) * 16, operation, hashlib.sha256(bytes([number])).digest(), NOW
        ).entry()
        for number, (claim, operation) in enumerate(said, 1)
    ]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class Tiles:
    """The tiles of a log in memory, partial ones of earlier sizes included; wider ones stand in for those not written."""

    def __init__(self, hashes: list[bytes]) -> None:
        tree = GrowingTree()
        self.files: dict[str, bytes] = {place.path: data for place, data in tree.extend(hashes)}
        self.files |= {place.path: data for place, data in tree.partial_tiles()}
        self.reads = 0

    def read(self, place: TileAt) -> bytes:
        """Read a tile, or the narrowest that begins with it."""
        self.reads += 1
        for width in range(place.width, 257):
            data = self.files.get(TileAt(place.level, place.index, width).path)
            if data is not None:
                return data
        raise AssertionError(f"nobody should ask for {place.path}")


def flipped(value: bytes, bit: int) -> bytes:
    """Turn one bit over."""
    bit %= len(value) * 8
    return value[: bit // 8] + bytes([value[bit // 8] ^ 1 << bit % 8]) + value[bit // 8 + 1 :]


def hashes_in(data: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
