"""Compare every picture of a dataset with every claimed picture of a release, and sign what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog import Catalog
from byleave.consent import TargetKind
from byleave.errors import ConflictError
from byleave.fingerprints import (
    MINIMUM_QUALITY,
    PDQ_BYTES,
    PICTURE_VERSION,
    REVIEW_RADIUS,
    Band,
    ClaimedPicture,
    match_at,
)
from byleave.hamming import HammingIndex
from byleave.registry.tables import TargetRow
from byleave.release import Coverage, Covers, Release, SigningKey
from byleave.release.coverage import write_coverage
from byleave.urls.names import ID_BYTES

_CLAIMS_AT_ONCE = 10_000
"""Claims that one statement asks for; PostgreSQL takes at most 65,535 parameters."""

MATCHES_SCHEMA = pa.schema(
    [
        pa.field("sample_key", pa.binary(ID_BYTES), nullable=False),
        pa.field("item_id", pa.binary(ID_BYTES), nullable=False),
        pa.field("claim", pa.binary(ID_BYTES), nullable=False),
        pa.field("method", pa.string(), nullable=False),
        pa.field("distance", pa.uint8(), nullable=False),
        pa.field("threshold", pa.uint8(), nullable=False),
        pa.field("band", pa.string(), nullable=False),
    ]
)

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ClaimedWork:
    """One picture of one claim."""

    claim: bytes
    picture: ClaimedPicture


@dataclass(frozen=True, slots=True)
class _Found:
    sample_key: bytes
    item_id: bytes
    quality: int
    work: int
    distance: int


def cover(
    catalog: Catalog,
    session: Session,
    *,
    dataset: str,
    release: Release,
    out: Path,
    made_at: datetime,
    key: SigningKey,
) -> Coverage:
    """Write the coverage of ``dataset`` by ``release`` to ``out`` and return it, verified.

    Raises
    ------
    ConflictError
        If the release or the dataset uses fingerprints of another version than this Byleave.
    """
    info = catalog.dataset(dataset)
    if info.unfinished is not None:
        raise ConflictError(
            f"{dataset} is not read in whole: {info.unfinished.path} is unfinished",
            remedy="run the same ingest again first",
        )
    works = claimed_works(session, release)
    if {work.picture.version for work in works} | {release.fingerprint_version} != {PICTURE_VERSION}:
        raise ConflictError(
            f"the release or some claimed pictures have fingerprints of another version than {PICTURE_VERSION}",
            remedy="file the pictures again with this version of Byleave, then publish",
        )
    matches, checked = _compare(catalog.fingerprints(dataset), works)
    covers = Covers(
        dataset, info.version, release.number, release.manifest_digest, release.fingerprint_version
    )
    return write_coverage(out, covers, matches, checked, made_at=made_at, key=key)


def claimed_works(session: Session, release: Release) -> list[ClaimedWork]:
    """Return the claimed pictures that release N names. Their fingerprints come from the registry, which may not publish them."""
    rows = release.claims().select(["claim", "kind"]).to_pylist()
    claims = sorted({row["claim"] for row in rows if row["kind"] == TargetKind.PICTURE})
    pictures = sa.select(TargetRow.claim_id, TargetRow.value).where(
        TargetRow.kind == TargetKind.PICTURE.value
    )
    found = [
        row
        for start in range(0, len(claims), _CLAIMS_AT_ONCE)
        for row in session.execute(
            pictures.where(TargetRow.claim_id.in_(claims[start : start + _CLAIMS_AT_ONCE])).order_by(
                TargetRow.id
            )
        )
    ]
    return [ClaimedWork(claim, ClaimedPicture.parse(value)) for claim, value in found if value is not None]


def _compare(batches: Iterator[pa.RecordBatch], works: Sequence[ClaimedWork]) -> tuple[pa.Table, bytes]:
    variants = [variant for work in works for variant in work.picture.variants]
    owner = np.repeat(np.arange(len(works)), [len(work.picture.variants) for work in works])
    index = HammingIndex.build(np.frombuffer(b"".join(variants), np.uint8).reshape(-1, PDQ_BYTES))
    checked: list[Bytes] = []
    found: list[_Found] = []
    for batch in batches:
        checked.append(_fixed(batch["item_id"], ID_BYTES))
        found += _matches_of(batch, index, owner)
    table = pa.Table.from_pylist(
        sorted((_row(one, works) for one in found), key=_order), schema=MATCHES_SCHEMA
    )
    return table, _distinct(checked)


def _matches_of(batch: pa.RecordBatch, index: HammingIndex, owner: npt.NDArray[np.int64]) -> list[_Found]:
    nearest: dict[tuple[int, int], int] = {}
    for column in ("pdq", "pdq_trimmed"):
        hits = index.search(_fixed(batch[column], PDQ_BYTES), REVIEW_RADIUS)
        for sample, variant, distance in zip(
            hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True
        ):
            pair = (sample, int(owner[variant]))
            nearest[pair] = min(distance, nearest.get(pair, distance))
    return [
        _Found(
            batch["sample_key"][s].as_py(),
            batch["item_id"][s].as_py(),
            batch["quality"][s].as_py(),
            work,
            distance,
        )
        for (s, work), distance in nearest.items()
    ]


def _row(found: _Found, works: Sequence[ClaimedWork]) -> dict[str, object]:
    match = match_at(found.distance)
    if match is None:
        raise AssertionError("the index returned a hit beyond the radius it was asked for")
    # A flat picture lies near many others by chance, so it is for a person to judge, never removed by its bits alone.
    band = match.band if found.quality >= MINIMUM_QUALITY else Band.REVIEW
    return {
        "sample_key": found.sample_key,
        "item_id": found.item_id,
        "claim": works[found.work].claim,
        "method": match.method.value,
        "distance": match.distance,
        "threshold": match.threshold,
        "band": band.value,
    }


def _order(row: dict[str, object]) -> tuple[object, object]:
    return row["sample_key"], row["claim"]


def _distinct(parts: Sequence[Bytes]) -> bytes:
    if not parts:
        return b""
    return np.unique(np.concatenate(parts), axis=0).tobytes()


def _fixed(column: pa.Array, size: int) -> Bytes:
    """View fixed-size binary values as rows of bytes, shape (n, size)."""
    raw = np.frombuffer(column.buffers()[1], np.uint8)
    return raw[column.offset * size : (column.offset + len(column)) * size].reshape(-1, size)
