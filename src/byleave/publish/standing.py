"""Join where claims stand in the registry with where their rows stand in the list, for the index that answers receipts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from byleave.publish.snapshot import Snapshot
from byleave.release import Release
from byleave.release.leaves import fixed
from byleave.release.patching import read_rows
from byleave.release.standing import CLAIM_BYTES, NO_ROW

_KEY = f"S{CLAIM_BYTES}"
_FROM = np.dtype([("claim", _KEY), ("number", ">u8"), ("since", ">i8"), ("state", ">i2"), ("reason", ">i2")])
_TO = np.dtype(
    [
        ("claim", _KEY),
        ("number", ">u8"),
        ("row", ">u8"),
        ("since", ">i8"),
        ("state", "u1"),
        ("reason", "u1"),
        ("zero", "V6"),
    ]
)

_Keys = npt.NDArray[np.bytes_]


def standing_blocks(held: Snapshot, release: Release) -> Iterator[bytes]:
    """Yield the records of ``claims.index`` in order, as blocks. Takes 24 bytes of memory for each row of the release."""
    claims, rows = _first_rows(release)
    for taken in held.standings():
        block = np.frombuffer(taken, _FROM)
        record = np.zeros(len(block), _TO)
        for name in ("claim", "number", "since", "state", "reason"):
            record[name] = block[name]
        record["row"] = _rows_of(block["claim"], claims, rows)
        yield record.tobytes()


def _first_rows(release: Release) -> tuple[_Keys, npt.NDArray[np.int64]]:
    """Return the distinct claims of a release, sorted, and the first row of each."""
    batches = read_rows(release, ["claim"])
    parts = [np.ascontiguousarray(fixed(batch["claim"], CLAIM_BYTES)).view(_KEY)[:, 0] for batch in batches]
    if not parts:
        return np.zeros(0, _KEY), np.zeros(0, np.int64)
    claims, rows = np.unique(np.concatenate(parts), return_index=True)
    return claims, rows.astype(np.int64)


def _rows_of(wanted: _Keys, claims: _Keys, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    found = np.full(len(wanted), NO_ROW, np.uint64)
    if len(claims):
        places = np.searchsorted(claims, wanted).clip(max=len(claims) - 1)
        listed = claims[places] == wanted
        found[listed] = rows[places[listed]].astype(np.uint64)
    return found
