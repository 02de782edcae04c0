"""Small copies of pictures that were taken out, for ``report.html``: which may be shown, and how they are read.

Shown is only what whoever applies the list holds himself, taken out for nothing but claims whose makers let the list carry what they
name; ``docs/decisions/0162-who-sees-what-was-taken-out.md`` says why. Nothing is fetched, and at most a few are read.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.apply.sidecars.finding import pictures_of
from byleave.apply.sidecars.shards import PictureShard
from byleave.consent import CauseKind
from byleave.errors import ByleaveError
from byleave.media import Unusable, isolated
from byleave.release import Release
from byleave.release.patching import read_rows
from byleave.settings import Limits

MOST_THUMBNAILS: Final = 100
THUMBNAIL_PX: Final = 160
OF_ONE_CLAIM: Final = 4
"""Pictures shown of one claim, so that a large one does not fill the page."""

LOOKED_AT: Final = 10_000
"""Rows of the list among which those that are shown are chosen: a bound on memory, and on the claims that are looked up."""

_NO_COPY: Final = 0xFF
_SHOWN_KINDS: Final = pa.array([CauseKind.CLAIM.value])
"""Every other cause hides the picture. A removal for safety, whatever it will be called, is none of these."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the list.

    rank
        31 less the distance of the nearest copy, so that what is least sure comes first; 255 for what is no copy.
    """

    rank: int
    item: bytes
    file: str
    row: int
    causes: tuple[Mapping[str, Any], ...]

    @property
    def claims(self) -> set[tuple[str, str | None]]:
        """The claims for which it goes, each with its registry."""
        return {(cause["reference"], cause["origin"]) for cause in self.causes}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG of what stood in one row."""

    row: Row
    jpeg: bytes = field(repr=False)

    @property
    def address(self) -> str:
        """The picture itself as an address, which nothing has to be fetched for."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode("ascii")


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """What is shown, and how many rows that were looked at are not.

    withheld
        Somebody for whose claim they go did not let the list carry what it names.
    unreadable
        Nothing that can be shown stands there.
    """

    shown: tuple[Thumbnail, ...] = ()
    withheld: int = 0
    unreadable: int = 0


def thumbnails_of(
    listed: Path, parts: Iterable[InputFile | Unit], releases: Sequence[Release], most: int, limits: Limits
) -> Thumbnails:
    """Choose at most ``most`` rows of the list of rows taken out, and make a small copy of the picture of each.

    Parameters
    ----------
    listed
        ``removed.parquet``, or the list that stands in its place.
    parts
        Of the input, by whose names the list tells where a row stands.
    """
    shards = {part.name: shard for part in parts if (shard := pictures_of(part)) is not None}
    looked_at = candidates(listed, shards)
    open_claims = _with_values(releases, {claim for row in looked_at for claim in row.claims})
    allowed = [row for row in looked_at if row.claims <= open_claims]
    chosen = sorted(_spread(allowed, most), key=attrgetter("file", "row"))
    read = {
        (row.file, row.row): jpeg
        for name in shards
        for row, jpeg in _read(shards[name], name, chosen, limits)
    }
    shown = [Thumbnail(row, jpeg) for row in allowed if (jpeg := read.get((row.file, row.row))) is not None]
    return Thumbnails(tuple(shown), len(looked_at) - len(allowed), len(chosen) - len(shown))


def candidates(listed: Path, files: Iterable[str]) -> list[Row]:
    """Return the rows in ``files`` that go for claims alone: the furthest copies first, the others as their item ids fall, each item once at one distance."""
    held, best = pa.array(sorted(files), pa.string()), list[Row]()
    with pq.ParquetFile(listed) as file:
        for batch in file.iter_batches(use_threads=False):
            merged = sorted([*best, *_best_of(batch, held)], key=attrgetter("rank", "item"))
            best = [next(alike) for _, alike in groupby(merged, key=attrgetter("rank", "item"))][:LOOKED_AT]
    return best


def _best_of(batch: pa.RecordBatch, held: pa.Array) -> Iterator[Row]:
    if not batch.num_rows:
        return
    causes = batch.column("causes")
    ends = np.cumsum(causes.value_lengths().to_numpy(zero_copy_only=False))
    firsts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    every = causes.flatten()
    by_claim = pc.is_in(every.field("kind"), _SHOWN_KINDS).to_numpy(zero_copy_only=False)
    ranks = 31 - pc.fill_null(every.field("distance"), 31).to_numpy(zero_copy_only=False).astype(np.int64)
    ranks[pc.is_null(every.field("distance")).to_numpy(zero_copy_only=False)] = _NO_COPY
    told = pc.and_(pc.is_in(batch.column("file"), held), pc.is_valid(batch.column("item_id")))
    fitting = np.flatnonzero(told.to_numpy(zero_copy_only=False) & np.logical_and.reduceat(by_claim, firsts))
    rank = _nearest(ranks, firsts)[fitting]
    items = np.array([one.as_py() for one in batch.column("item_id").take(pa.array(fitting))], "S16")
    chosen = np.lexsort((items, rank))[:LOOKED_AT]
    rows = batch.take(pa.array(fitting[chosen])).to_pylist()
    for place, row in zip(rank[chosen].tolist(), rows, strict=True):
        yield Row(place, row["item_id"], row["file"], row["row"], tuple(row["causes"]))


def _nearest(ranks: np.ndarray[Any, np.dtype[np.int64]], firsts: Any) -> Any:
    """Return the rank of the nearest copy of each row: the greatest below that of what is no copy."""
    copies = np.maximum.reduceat(np.where(ranks == _NO_COPY, -1, ranks), firsts)
    return np.where(copies < 0, _NO_COPY, copies)


def _spread(rows: Sequence[Row], most: int) -> Iterator[Row]:
    """Yield at most ``most`` rows, few of one claim."""
    times: Counter[tuple[str, str | None]] = Counter()
    for row in rows:
        if most and all(times[claim] < OF_ONE_CLAIM for claim in row.claims):
            times.update(row.claims)
            most -= 1
            yield row


def _with_values(
    releases: Sequence[Release], claims: set[tuple[str, str | None]]
) -> set[tuple[str, str | None]]:
    """Return those of some claims of which a list carries what they name, as their makers ticked."""
    found: set[tuple[str, str | None]] = set()
    for release in releases:
        ours = {claim for claim in claims if claim[1] in {release.origin, None}}
        wanted = pa.array([bytes.fromhex(claim) for claim, _ in ours], pa.binary(16))
        if not ours:
            continue
        told: set[bytes] = set()
        for batch in read_rows(release, ["claim", "value"]):
            there = pc.and_(pc.is_valid(batch.column("value")), pc.is_in(batch.column("claim"), wanted))
            told |= set(batch.column("claim").filter(there).to_pylist())
        found |= {claim for claim in ours if bytes.fromhex(claim[0]) in told}
    return found


def _read(
    shard: PictureShard, name: str, chosen: Sequence[Row], limits: Limits
) -> Iterator[tuple[Row, bytes]]:
    """Yield the small copies of those rows that stand in one shard and hold a picture."""
    rows = {row.row: row for row in chosen if row.file == name}
    if not rows:
        return
    try:
        for place, sample in zip(sorted(rows), shard.samples(limits, rows.keys()), strict=False):
            if isinstance(sample.picture, bytes):
                picture = isolated.describe(sample.picture, limits=limits, thumbnail_px=THUMBNAIL_PX)
                if not isinstance(picture, Unusable) and picture.thumbnail is not None:
                    yield rows[place], picture.thumbnail
    except ByleaveError:
        # The run itself is done. A shard that cannot be read again, or a decoder that does not start, costs the pictures and no more.
        return
