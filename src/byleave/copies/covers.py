"""What one claim covers now, in every dataset of this catalog: for the person who filed it, "as of" a date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from byleave.catalog import Catalog, Copy, DatasetInfo
from byleave.consent import TargetKind
from byleave.fingerprints import SAME_WORK_RADIUS, ClaimedPicture
from byleave.registry.claims import Claim

SHOWN_COPIES = 24

_BY_LINK = (TargetKind.URL, TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN, TargetKind.DIGEST)


@dataclass(frozen=True, slots=True)
class DatasetCover:
    """What a claim covers in one dataset.

    samples
        Entries it covers, each counted once as far as this can be told: copies of its pictures, and entries at its places.
    without_pictures
        Entries of the dataset whose pixels nobody has looked at, so that copies among them cannot be known.
    copies
        The nearest copies of its pictures, at most :data:`SHOWN_COPIES`.
    """

    dataset: str
    as_of: datetime
    samples: int
    without_pictures: int
    copies: tuple[Copy, ...]


def covered_now(catalog: Catalog, claim: Claim) -> tuple[DatasetCover, ...]:
    """Return what ``claim`` covers in each dataset, datasets by name."""
    return tuple(_cover(catalog, info, claim) for info in catalog.datasets())


def _cover(catalog: Catalog, info: DatasetInfo, claim: Claim) -> DatasetCover:
    copies: dict[bytes, Copy] = {}
    for target in claim.targets:
        if target.kind is TargetKind.PICTURE and target.value is not None:
            picture = ClaimedPicture.parse(target.value)
            for copy in catalog.copies_of(picture, info.name, SAME_WORK_RADIUS):
                known = copies.get(copy.sample_key)
                if known is None or copy.distance < known.distance:
                    copies[copy.sample_key] = copy
    placed = 0
    for kind in _BY_LINK:
        values = [
            target.value for target in claim.targets if target.kind is kind and target.value is not None
        ]
        # Links of a claimed picture are mostly among its copies; only what copies do not hold is added.
        there = catalog.standing_at(info.name, kind, values, first=len(values) + SHOWN_COPIES)
        placed += max(0, there.samples - sum(key in copies for key in there.first))
    nearest = sorted(copies.values(), key=lambda copy: (copy.distance, copy.sample_key))[:SHOWN_COPIES]
    return DatasetCover(
        dataset=info.name,
        as_of=info.as_of,
        samples=len(copies) + placed,
        without_pictures=info.samples - info.with_pictures,
        copies=tuple(nearest),
    )
