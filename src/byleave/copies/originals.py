"""Original files: whether somebody holds a picture larger than every copy of it known here. Supporting evidence, never more.

Only sizes are compared. A match code survives no more than a sliver of cropping, so "shows more around it" is not measured.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog import Catalog, Sample
from byleave.consent import STEPS, ClaimState, TargetKind
from byleave.errors import InputError
from byleave.fingerprints import (
    MINIMUM_QUALITY,
    PDQ_BYTES,
    PICTURE_VERSION,
    SAME_WORK_RADIUS,
    ClaimedPicture,
)
from byleave.hamming import HammingIndex
from byleave.log import JSON
from byleave.registry.database import Database
from byleave.registry.permissions import Act, Who, require
from byleave.registry.places import Place, place_of_target
from byleave.registry.proofs import Proof
from byleave.registry.proving import Finding, keep_proof
from byleave.registry.rates import Rate, spend
from byleave.registry.scopes import Method
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import picture_target

MARGIN: Final = 1.2
"""How many times as long each side must be as that of any copy: a file a few pixels larger is another copy, not an original."""

MOST_COMPARED: Final = 20_000
"""Pictures of the claimant's own claims that are looked through, the newest first."""

MOST_PLACES: Final = 10
"""Pictures of her claims that one file counts for; the same picture may stand in several."""

_LIVING: Final = tuple(state.value for state in STEPS if ClaimState.WITHDRAWN in STEPS[state])


@dataclass(frozen=True, slots=True)
class Size:
    """A picture's sides in pixels. Turned, it is as large as before, so the long sides are compared, and the short ones."""

    width: int
    height: int

    @property
    def words(self) -> str:
        return f"{self.width} × {self.height} pixels"

    def outgrows(self, other: Self) -> bool:
        """Whether both sides are at least :data:`MARGIN` times those of ``other``."""
        return self.beside(other) * MARGIN <= 1

    def beside(self, other: Self) -> float:
        """Return how near ``other`` comes, by whichever side comes nearer: 1 is as large."""
        (short, long), (its_short, its_long) = (
            sorted((self.width, self.height)),
            sorted((other.width, other.height)),
        )
        return max(its_short / short, its_long / long)


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing gave.

    copies
        Entries, of all datasets here, that show the picture.
    nearest
        Of these the one that comes nearest in size; ``None`` where there is none.
    unmeasured
        Copies whose size nobody knows. While there is one, nothing is larger than all of them.
    proofs
        What was kept; empty if the file is not larger.
    """

    shown: Size
    copies: int
    nearest: Size | None
    unmeasured: int
    proofs: tuple[Proof, ...] = ()

    @property
    def is_larger(self) -> bool:
        """Whether the file is larger than every copy known here, by the margin."""
        return self.nearest is not None and not self.unmeasured and self.shown.outgrows(self.nearest)


def compare(shown: Size, copies: Sequence[Size | None]) -> Compared:
    """Hold a file's size against those of all copies; ``None`` is a size nobody knows."""
    known = [size for size in copies if size is not None]
    return Compared(shown, len(copies), max(known, key=shown.beside, default=None), len(copies) - len(known))


def show_original(
    database: Database,
    catalog: Catalog,
    picture: ClaimedPicture,
    shown: Size,
    *,
    who: Who,
    account: uuid.UUID,
    at: datetime,
) -> Compared:
    """Compare a file with every copy known here and, where it is larger, keep a proof for each such picture of the account's claims.

    ``picture`` and ``shown`` are the match code and size of the file, which is not needed any more. Where no claim of hers names the picture
    yet, the proof is kept for the file's own match code, and counts for a claim she makes with this file later.

    Raises
    ------
    InputError
        If the picture is too flat to be told apart from others.
    TooOftenError
        If she asked very often lately.
    """
    begun = time.monotonic()
    require(who, Act.PROVE, account=account)
    with database.transaction() as session:
        spend(session, Rate.PROOF_CHECKS, account.bytes, 1, at=at)
        own = _own_pictures(session, account)
    if picture.quality < MINIMUM_QUALITY:
        raise InputError(
            "this picture is too flat to be told apart from others",
            remedy="choose one that shows more than an even area",
        )
    same = _same_work(picture, own)
    found = compare(shown, list(_sizes(catalog, [picture, *same])))
    if not found.is_larger:
        return found
    places = [place_of_target(picture_target(one)) for one in same or [picture]]
    finding = Finding(good=True, seen=_seen(found, time.monotonic() - begun))
    with database.transaction() as session:
        proofs = _kept(session, places, finding, who, account, at)
    return Compared(found.shown, found.copies, found.nearest, found.unmeasured, proofs)


def size_of(sample: Sample) -> Size | None:
    """Return the size of an entry's picture as its dataset has it, or ``None`` when nobody knows it."""
    if not sample.width or not sample.height:
        return None
    return Size(sample.width, sample.height)


def _own_pictures(session: Session, account: uuid.UUID) -> list[ClaimedPicture]:
    chosen = (
        sa.select(TargetRow.value)
        .join(ClaimRow, ClaimRow.id == TargetRow.claim_id)
        .where(
            ClaimRow.account_id == account,
            ClaimRow.state.in_(_LIVING),
            TargetRow.kind == TargetKind.PICTURE.value,
            TargetRow.value.is_not(None),
        )
        .order_by(TargetRow.id.desc())
        .limit(MOST_COMPARED)
    )
    values = dict.fromkeys(value for value in session.execute(chosen).scalars() if value is not None)
    pictures = (ClaimedPicture.parse(value) for value in values)
    return [picture for picture in pictures if picture.version == PICTURE_VERSION]


def _same_work(picture: ClaimedPicture, own: Sequence[ClaimedPicture]) -> list[ClaimedPicture]:
    owner = [number for number, one in enumerate(own) for _ in one.variants]
    index = HammingIndex.build(_values(variant for one in own for variant in one.variants))
    hits = index.search(_values(picture.variants), SAME_WORK_RADIUS)
    return [own[number] for number in sorted({owner[row] for row in hits.row.tolist()})[:MOST_PLACES]]


def _values(variants: Iterable[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(variants), np.uint8).reshape(-1, PDQ_BYTES)


def _sizes(catalog: Catalog, pictures: Sequence[ClaimedPicture]) -> Iterator[Size | None]:
    """Yield the size of each copy once. Copies of her claimed picture count, too, or an altered file would avoid the largest."""
    for dataset in catalog.datasets():
        keys = dict.fromkeys(
            copy.sample_key
            for picture in pictures
            for copy in catalog.copies_of(picture, dataset.name, SAME_WORK_RADIUS)
        )
        yield from map(size_of, catalog.samples(dataset.name, list(keys)))


def _kept(
    session: Session, places: Sequence[Place], finding: Finding, who: Who, account: uuid.UUID, at: datetime
) -> tuple[Proof, ...]:
    return tuple(
        keep_proof(session, Method.ORIGINAL, place, finding, who=who, account=account, at=at)
        for place in places
    )


def _seen(found: Compared, seconds: float) -> Mapping[str, JSON]:
    nearest = found.nearest.words if found.nearest else ""
    return {
        "steps": [
            {"asked": "your file", "words": found.shown.words},
            {"asked": "the largest copy known here", "words": nearest},
        ],
        "requests": 0,
        "milliseconds": round(seconds * 1000),
        "copies": found.copies,
    }
