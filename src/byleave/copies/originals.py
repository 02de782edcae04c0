"""Original files: whether somebody holds a picture larger, or less cropped, than every copy of it known here. Supporting evidence, never more.

Copies are found by match code and, since a match code survives no more than a sliver of cropping, among the entries that look most alike.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, Self

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog import Catalog, Sample
from byleave.catalog.queries import Page, PictureQuery
from byleave.catalog.search import PictureReader
from byleave.consent import STEPS, ClaimState, TargetKind
from byleave.copies.crops import LAYING_SECONDS, MOST_LAID_OVER, Key, Laid, lay_over
from byleave.copies.guard import Stopwatch
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
from byleave.media import Picture
from byleave.media.trim import trimmed
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

MOST_KNOWN: Final = 200
"""Copies by match code that a search passes over to come to what only looks alike."""

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


class OfferedFile(PictureReader, Protocol):
    """A file as it was read: what it looks like, its match codes, and the same answers as to a search by picture."""

    @property
    def picture(self) -> Picture: ...

    @property
    def claimed(self) -> ClaimedPicture: ...


@dataclass(frozen=True, slots=True)
class KnownCopy:
    """One copy a file is held against.

    size
        ``None`` where nobody knows it.
    part
        Size of what the file has of the copy's picture: a frame around it makes no file larger.
    margin
        How far the file shows more than the copy, as a share of its side; 0 for not.
    """

    size: Size | None
    part: Size
    margin: float = 0.0

    @property
    def nearness(self) -> float:
        """How near the copy comes in size; 1 is as large."""
        return 0.0 if self.size is None else self.part.beside(self.size)

    @property
    def is_lesser(self) -> bool:
        """Whether it is smaller than the file, by :data:`MARGIN`, or more cropped."""
        return self.margin > 0 or (self.size is not None and self.part.outgrows(self.size))


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing gave.

    copies
        Entries, of all datasets here, that show the picture or a part of it.
    wider
        Of these, how many the file shows more than.
    margin
        By how much at least, as a share of the file's side; 0 where there is none such.
    nearest
        Of the others the one that comes nearest in size; ``None`` where there is none.
    unmeasured
        Others whose size nobody knows. While there is one, nothing is larger than all of them.
    is_original
        Whether there are copies and each is smaller or more cropped.
    proofs
        What was kept; empty if it is none.
    """

    shown: Size
    copies: int
    nearest: Size | None
    unmeasured: int
    wider: int = 0
    margin: float = 0.0
    is_original: bool = False
    proofs: tuple[Proof, ...] = ()


def compare(shown: Size, copies: Sequence[KnownCopy]) -> Compared:
    """Hold a file against all copies; ``shown`` is its size without any frame."""
    wider = [copy.margin for copy in copies if copy.margin]
    others = [copy for copy in copies if not copy.margin]
    known = [copy for copy in others if copy.size is not None]
    nearest = max(known, key=lambda copy: copy.nearness, default=None)
    return Compared(
        shown,
        len(copies),
        None if nearest is None else nearest.size,
        len(others) - len(known),
        len(wider),
        min(wider, default=0.0),
        is_original=bool(copies) and all(copy.is_lesser for copy in copies),
    )


def show_original(
    database: Database,
    catalog: Catalog,
    file: OfferedFile,
    *,
    who: Who,
    account: uuid.UUID,
    at: datetime,
) -> Compared:
    """Compare a file with every copy known here and, where it is larger or less cropped, keep a proof for each such picture of the account's claims.

    Where no claim of hers names the picture yet, the proof is kept for the file's own match code, and counts for a claim she makes with
    this file later.

    Raises
    ------
    InputError
        If the picture is too flat to be told apart from others.
    TooOftenError
        If she asked very often lately.
    """
    watch = Stopwatch(LAYING_SECONDS, time.thread_time)
    begun = time.monotonic()
    require(who, Act.PROVE, account=account)
    with database.transaction() as session:
        spend(session, Rate.PROOF_CHECKS, account.bytes, 1, at=at)
        own = _own_pictures(session, account)
    if file.claimed.quality < MINIMUM_QUALITY:
        raise InputError(
            "this picture is too flat to be told apart from others",
            remedy="choose one that shows more than an even area",
        )
    copies, same = _copies_of(catalog, file, own, watch)
    found = compare(_without_frame(file.picture), copies)
    if not found.is_original:
        return found
    places = [place_of_target(picture_target(one)) for one in same or [file.claimed]]
    finding = Finding(good=True, seen=_seen(found, time.monotonic() - begun))
    with database.transaction() as session:
        proofs = _kept(session, places, finding, who, account, at)
    return replace(found, proofs=proofs)


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


def _copies_of(
    catalog: Catalog, file: OfferedFile, own: Sequence[ClaimedPicture], watch: Stopwatch
) -> tuple[list[KnownCopy], list[ClaimedPicture]]:
    """Return every copy of a file's picture known here, whole or in part, and which of her own pictures it is.

    Copies of her claimed pictures count, too, or an altered file would avoid the largest.
    """
    same = _same_work(file.claimed.variants, own)
    entries = _entries(catalog, [file.claimed, *same])
    laid = dict(lay_over(catalog, file.picture, _alike(catalog, file, entries), lambda: watch.is_over))
    parts = _samples(catalog, [key for key in laid if key not in entries])
    shown = [code for sample in parts.values() for code in (sample.pdq, sample.pdq_trimmed) if code]
    same = list(dict.fromkeys([*same, *_same_work(shown, own)]))[:MOST_PLACES]
    entries |= parts | _entries(catalog, same)
    late = [sample for key, sample in entries.items() if key not in laid and sample.has_thumbnail]
    laid |= lay_over(catalog, file.picture, late[:MOST_LAID_OVER], lambda: watch.is_over)
    whole = _without_frame(file.picture)
    return [_known(sample, file.picture, whole, laid.get(key)) for key, sample in entries.items()], same


def _known(sample: Sample, picture: Picture, whole: Size, laid: Laid | None) -> KnownCopy:
    if laid is None:
        return KnownCopy(size_of(sample), whole)
    part = Size(max(1, round(picture.width * laid.width)), max(1, round(picture.height * laid.height)))
    return KnownCopy(size_of(sample), part, laid.margin if laid.shows_more else 0.0)


def _without_frame(picture: Picture) -> Size:
    inner, rows, columns = trimmed(picture.rgb), *picture.rgb.shape[:2]
    return Size(
        max(1, round(picture.width * inner.shape[1] / columns)),
        max(1, round(picture.height * inner.shape[0] / rows)),
    )


def _alike(catalog: Catalog, file: OfferedFile, known: Mapping[Key, Sample]) -> Iterable[Sample]:
    """Return the entries with a thumbnail that look most like a file and are not known as copies of it."""
    page = Page(limit=min(len(known), MOST_KNOWN) + MOST_LAID_OVER)
    answer = catalog.search(PictureQuery(b""), page, reader=file)
    keys = [(hit.dataset, hit.sample_key) for hit in answer.hits if hit.has_thumbnail]
    return _samples(catalog, [key for key in keys if key not in known][:MOST_LAID_OVER]).values()


def _same_work(codes: Iterable[bytes], own: Sequence[ClaimedPicture]) -> list[ClaimedPicture]:
    owner = [number for number, one in enumerate(own) for _ in one.variants]
    index = HammingIndex.build(_values(variant for one in own for variant in one.variants))
    hits = index.search(_values(codes), SAME_WORK_RADIUS)
    return [own[number] for number in sorted({owner[row] for row in hits.row.tolist()})[:MOST_PLACES]]


def _values(variants: Iterable[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(variants), np.uint8).reshape(-1, PDQ_BYTES)


def _entries(catalog: Catalog, pictures: Sequence[ClaimedPicture]) -> dict[Key, Sample]:
    """Return each copy of any of the pictures once."""
    return _samples(
        catalog,
        [
            (dataset.name, copy.sample_key)
            for dataset in catalog.datasets()
            for picture in pictures
            for copy in catalog.copies_of(picture, dataset.name, SAME_WORK_RADIUS)
        ],
    )


def _samples(catalog: Catalog, keys: Iterable[Key]) -> dict[Key, Sample]:
    wanted: dict[str, dict[bytes, None]] = {}
    for dataset, key in keys:
        wanted.setdefault(dataset, {})[key] = None
    return {
        (dataset, sample.sample_key): sample
        for dataset, some in wanted.items()
        for sample in catalog.samples(dataset, list(some))
    }


def _kept(
    session: Session, places: Sequence[Place], finding: Finding, who: Who, account: uuid.UUID, at: datetime
) -> tuple[Proof, ...]:
    return tuple(
        keep_proof(session, Method.ORIGINAL, place, finding, who=who, account=account, at=at)
        for place in places
    )


def _seen(found: Compared, seconds: float) -> Mapping[str, JSON]:
    steps: list[JSON] = [{"asked": "your file", "words": found.shown.words}]
    if found.nearest is not None:
        steps.append({"asked": "the largest copy known here", "words": found.nearest.words})
    if found.wider:
        shows = f"{found.wider}; at least {found.margin * 100:.0f} % of a side more"
        steps.append({"asked": "copies that your file shows more than", "words": shows})
    return {
        "steps": steps,
        "requests": 0,
        "milliseconds": round(seconds * 1000),
        "copies": found.copies,
    }
