"""Every row of a release as a leaf of a Merkle tree, so that one row can be taken out later and the rest still verifies.

A leaf is 155 bytes, numbers big-endian::

    0    1   1, the version of this layout
    1   16   salt                       17  16   claim              33  16   claimant
    49   1   kind, 1 to 8: url, prefix, host, domain, picture, digest, text, sound
    50  32   digest
    82   6   train_gen, train_other, tdm, ai_input, ai_index, search
    88   1   evidence                   89   1   state, 1 filed or 2 effective
    90   1   bits: 1 disputed, 2 stale, 4 effective_at is there, 8 expires_at is there
    91  32   filed_at, effective_at, expires_at (microseconds since 1970, 0 for none), number: int64 each
    123 32   SHA-256 of the canonical JSON of those of contact, scope_host (hex), terms and value that are there; zero for none

Leaf and node hashes are those of RFC 6962.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.consent import ClaimState, TargetKind, Use
from byleave.errors import FormatError
from byleave.log import JSON, canonical_json, root_of

LEAF_FORMAT = "byleave/row/1"
LEAF_BYTES = 155
HASH_BYTES = 32

KIND_NUMBERS = {kind: number for number, kind in enumerate(TargetKind, 1)}
_KINDS = [kind.value for kind in TargetKind]
_STATES = [ClaimState.FILED.value, ClaimState.EFFECTIVE.value]
_EXTRAS = ("contact", "scope_host", "terms", "value")
_TIMES = ("filed_at", "effective_at", "expires_at")
_BLOCK = 1 << 16
_REMEDY = "update Byleave, then sync again"

Bytes = npt.NDArray[np.uint8]


class RowTree:
    """Takes leaf hashes in row order and gives the root, in memory that hardly grows with their number."""

    def __init__(self) -> None:
        self.size = 0
        self._blocks: list[bytes] = []
        self._open: list[bytes] = []

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add 32-byte leaf hashes."""
        self._open.extend(leaf_hashes)
        while len(self._open) >= _BLOCK:
            self._blocks.append(root_of(self._open[:_BLOCK]))
            self.size += _BLOCK
            del self._open[:_BLOCK]

    def root(self) -> bytes:
        """Return the root over all that was added, and leave room for more."""
        # Blocks are whole subtrees, so the tree above them is a tree over their roots.
        return root_of([*self._blocks, root_of(self._open)] if self._open else self._blocks)

    @property
    def count(self) -> int:
        """How many leaves were added."""
        return self.size + len(self._open)


def row_hashes(batch: pa.RecordBatch) -> list[bytes]:
    """Return the leaf hash of every row.

    Raises
    ------
    FormatError
        If a row holds a kind or state that has no number here.
    """
    width = 1 + LEAF_BYTES
    content = memoryview(_hashed(batch).tobytes())
    sha256 = hashlib.sha256
    return [sha256(content[at : at + width]).digest() for at in range(0, len(content), width)]


def fixed(column: pa.Array, width: int) -> Bytes:
    """View a column of fixed-size binaries without nulls as uint8 (n, width)."""
    data = column.buffers()[1]
    if data is None or not len(column):
        return np.zeros((0, width), np.uint8)
    view = np.frombuffer(data, np.uint8)[column.offset * width : (column.offset + len(column)) * width]
    return view.reshape(-1, width)


def _hashed(batch: pa.RecordBatch) -> Bytes:
    """Return what is hashed for each row, uint8 (n, 156): the zero byte of an RFC 6962 leaf, then the leaf."""
    filled = np.zeros((batch.num_rows, 1 + LEAF_BYTES), np.uint8)
    filled[:, 1] = 1
    at = 2
    for name, width in (("salt", 16), ("claim", 16), ("claimant", 16)):
        filled[:, at : at + width] = fixed(batch[name], width)
        at += width
    filled[:, 50] = _numbered(batch["kind"], _KINDS, "kind")
    filled[:, 51:83] = fixed(batch["digest"], 32)
    for place, use in enumerate(Use):
        filled[:, 83 + place] = _plain(batch[use.value])
    filled[:, 89] = _plain(batch["evidence"])
    filled[:, 90] = _numbered(batch["state"], _STATES, "state")
    flags = _plain(batch["disputed"].cast(pa.uint8())) | _plain(batch["stale"].cast(pa.uint8())) << 1
    for bit, name in ((2, "effective_at"), (3, "expires_at")):
        flags = flags | _plain(batch[name].is_valid().cast(pa.uint8())) << bit
    filled[:, 91] = flags
    numbers = [*(_plain(pc.fill_null(batch[name].cast(pa.int64()), 0)) for name in _TIMES)]
    numbers.append(_plain(batch["number"]))
    stacked = np.stack(numbers, axis=1).astype(">i8")
    filled[:, 92:124] = stacked.view(np.uint8).reshape(-1, 32)
    _fill_extras(filled, batch)
    return filled


def _fill_extras(filled: Bytes, batch: pa.RecordBatch) -> None:
    there = np.zeros(batch.num_rows, bool)
    for name in _EXTRAS:
        if batch[name].null_count < batch.num_rows:
            there |= batch[name].is_valid().to_numpy(zero_copy_only=False)
    places = np.flatnonzero(there)
    if not len(places):
        return
    for place, row in zip(places, batch.select(_EXTRAS).take(pa.array(places)).to_pylist(), strict=True):
        members: dict[str, JSON] = {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in row.items()
            if value is not None
        }
        filled[place, 124:156] = np.frombuffer(hashlib.sha256(canonical_json(members)).digest(), np.uint8)


def _numbered(column: pa.Array, known: Sequence[str], name: str) -> npt.NDArray[Any]:
    places = pc.index_in(column, pa.array(known))
    if places.null_count:
        raise FormatError(f"the release holds a {name} not known here", remedy=_REMEDY)
    return _plain(places).astype(np.uint8) + np.uint8(1)


def _plain(column: pa.Array) -> npt.NDArray[Any]:
    return np.asarray(column.to_numpy(zero_copy_only=False))
