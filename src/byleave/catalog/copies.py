"""Find copies of a picture in one dataset, exactly: a Hamming index on disk for every version of its table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from byleave import hamming
from byleave.catalog.schema import KEY_BYTES
from byleave.catalog.table import SampleTable
from byleave.errors import ByleaveError, ConflictError
from byleave.fingerprints import PDQ_BYTES, PICTURE_VERSION, ClaimedPicture
from byleave.storage import staged_folder

FINGERPRINT_COLUMNS = ("sample_key", "item_id", "pdq", "pdq_trimmed", "quality")
BATCH_ROWS = 8_192


@dataclass(frozen=True, slots=True)
class Near:
    """A sample within the radius, by its least distance over all variants."""

    sample_key: bytes
    item_id: bytes
    distance: int


@dataclass(frozen=True, slots=True, eq=False)
class CopyIndex:
    """All fingerprints of a table's version. ``owners`` leads from an indexed value to its row in ``keys`` and ``items``."""

    index: hamming.HammingIndex
    owners: NDArray[np.uint32]
    keys: NDArray[np.uint8]
    items: NDArray[np.uint8]

    def near(self, claimed: ClaimedPicture, radius: int) -> list[Near]:
        """Return samples within ``radius`` of any variant, nearest first, equals by sample key."""
        queries = np.frombuffer(b"".join(claimed.variants), np.uint8).reshape(-1, PDQ_BYTES)
        hits = self.index.search(queries, radius)
        least: dict[int, int] = {}
        for value, distance in zip(hits.row.tolist(), hits.distance.tolist(), strict=True):
            owner = int(self.owners[value])
            least[owner] = min(distance, least.get(owner, distance))
        found = [Near(self.keys[o].tobytes(), self.items[o].tobytes(), d) for o, d in least.items()]
        return sorted(found, key=lambda near: (near.distance, near.sample_key))


def fingerprints(table: SampleTable, version: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield :data:`FINGERPRINT_COLUMNS` of all samples with pixels of the current fingerprint version."""
    where = f"pdq IS NOT NULL AND picture_version = '{PICTURE_VERSION}'"
    scanner = table.open(version).scanner(
        columns=list(FINGERPRINT_COLUMNS), filter=where, batch_size=BATCH_ROWS
    )
    yield from scanner.to_batches()


def open_copy_index(table: SampleTable, folder: Path) -> CopyIndex:
    """Open the index of the table's newest version, building it when it is not there or damaged."""
    version = table.open().version
    ready = folder / f"v{version}"
    if ready.is_dir():
        try:
            return _load(ready)
        except (ByleaveError, OSError, ValueError):
            shutil.rmtree(ready, ignore_errors=True)
    built = _build(fingerprints(table, version))
    try:
        with staged_folder(ready) as staging:
            _save(built, staging)
    except ConflictError:
        return built
    for older in folder.glob("v*"):
        if older.name[1:].isdigit() and int(older.name[1:]) < version:
            shutil.rmtree(older, ignore_errors=True)
    return built


def _build(batches: Iterator[pa.RecordBatch]) -> CopyIndex:
    keys, items, values, owners, rows = [], [], [], [], 0
    for batch in batches:
        plain, trimmed = (_fixed(batch.column(name), PDQ_BYTES) for name in ("pdq", "pdq_trimmed"))
        keys.append(_fixed(batch.column("sample_key"), KEY_BYTES))
        items.append(_fixed(batch.column("item_id"), KEY_BYTES))
        numbers = np.arange(rows, rows + len(batch), dtype=np.uint32)
        differs = (plain != trimmed).any(axis=1)
        values += [plain, trimmed[differs]]
        owners += [numbers, numbers[differs]]
        rows += len(batch)
    return CopyIndex(
        hamming.HammingIndex.build(_stacked(values, PDQ_BYTES)),
        np.concatenate([np.empty(0, np.uint32), *owners]),
        _stacked(keys, KEY_BYTES),
        _stacked(items, KEY_BYTES),
    )


def _save(built: CopyIndex, folder: Path) -> None:
    built.index.save(folder)
    for name in ("owners", "keys", "items"):
        np.save(folder / f"{name}.npy", getattr(built, name), allow_pickle=False)


def _load(folder: Path) -> CopyIndex:
    arrays = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        for name in ("owners", "keys", "items")
    }
    return CopyIndex(hamming.HammingIndex.load(folder), **arrays)


def _fixed(column: pa.Array, size: int) -> NDArray[np.uint8]:
    """View fixed-size binary values as rows of bytes."""
    raw = np.frombuffer(column.buffers()[1], np.uint8)
    return raw[column.offset * size : (column.offset + len(column)) * size].reshape(-1, size)


def _stacked(parts: Sequence[NDArray[np.uint8]], width: int) -> NDArray[np.uint8]:
    return np.concatenate([np.empty((0, width), np.uint8), *parts])
