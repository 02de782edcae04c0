"""The Merkle tree of RFC 6962: leaves and nodes are hashed under different first bytes, so neither can pass for the other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the 32-byte hash of one entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, in order; the root of none is SHA-256 of nothing.

    Works level by level. An odd last hash is carried up unchanged, which gives RFC 6962's split at the largest power of two.
    """
    if not leaf_hashes:
        return EMPTY_ROOT
    level, sha256 = list(leaf_hashes), hashlib.sha256
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)  # an odd last one has no partner
        paired = [sha256(b"\1" + left + right).digest() for left, right in pairs]
        level = paired + level[len(paired) * 2 :]
    return level[0]
