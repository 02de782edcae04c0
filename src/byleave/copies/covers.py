"""What targets cover now, in every dataset of this catalog, "as of" a date; and where that is nothing, why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from byleave import urls
from byleave.catalog import Catalog, Copy, DatasetInfo
from byleave.consent import TargetKind
from byleave.fingerprints import SAME_WORK_RADIUS, ClaimedPicture
from byleave.registry.claims import Claim
from byleave.registry.targets import Target

SHOWN_COPIES: Final = 24
COMPARING_SECONDS: Final = 6.0
"""How long a page waits while pictures are compared; what is left by then is said, and counted by the next list."""

_BY_LINK: Final = (
    TargetKind.URL,
    TargetKind.PREFIX,
    TargetKind.HOST,
    TargetKind.DOMAIN,
    TargetKind.DIGEST,
)
_PLACES: Final = frozenset({TargetKind.URL, TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN})


@dataclass(frozen=True, slots=True)
class DatasetCover:
    """What targets cover in one dataset.

    samples
        Entries they cover, each counted once as far as this can be told: copies of the pictures, and entries at the places.
    without_pictures
        Entries of the dataset whose pixels nobody has looked at, so that copies among them cannot be known.
    copies
        The nearest copies of the pictures, at most :data:`SHOWN_COPIES`.
    compared, pictures
        How many of the pictures were compared in the time there was, and how many there are.
    """

    dataset: str
    as_of: datetime
    samples: int
    without_pictures: int
    copies: tuple[Copy, ...]
    compared: int = 0
    pictures: int = 0


def covered_now(catalog: Catalog, claim: Claim) -> tuple[DatasetCover, ...]:
    """Return what those targets of ``claim`` that were read cover in each dataset, datasets by name."""
    return covered_by(catalog, claim.targets)


def covered_by(
    catalog: Catalog,
    targets: Sequence[Target],
    *,
    seconds: float = COMPARING_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[DatasetCover, ...]:
    """Return what targets cover in each dataset, datasets by name; comparing pictures takes ``seconds`` at most."""
    until = clock() + seconds
    return tuple(_cover(catalog, info, targets, lambda: clock() > until) for info in catalog.datasets())


def covered_in(catalog: Catalog, dataset: str, targets: Sequence[Target]) -> int:
    """Return how many entries of one dataset targets cover, all pictures compared, however long it takes.

    Raises
    ------
    NotFoundError
        If the catalog has no such dataset.
    """
    return _cover(catalog, catalog.dataset(dataset), targets, lambda: False).samples


NOTHING_YET: Final = (
    "no copy and no link of it stands there today. The choice stays, and covers whatever turns up."
)


def why_nothing(targets: Sequence[Target]) -> tuple[str, ...]:
    """Say why nothing is covered: a platform serves pictures from another address than its pages, or nothing is listed as yet."""
    served = {
        platform.name: "pages" if target.kind is TargetKind.PREFIX else "page"
        for target in targets
        if target.kind in _PLACES
        for platform in _platforms_of(target.value or "")
    }
    return tuple(
        f"{name} serves its pictures from another address, so the address of your {page} there alone finds none. "
        "Add the pictures themselves: a folder, an export file or a gallery page."
        for name, page in served.items()
    ) or (NOTHING_YET,)


def _platforms_of(value: str) -> Iterator[urls.Platform]:
    host = urls.host_of(value)
    for platform in urls.platforms():
        at_platform = host == platform.host or host.endswith(f".{platform.host}")
        at_assets = any(host == asset or host.endswith(f".{asset}") for asset in platform.assets)
        if at_platform and platform.assets and not at_assets:
            yield platform


def _cover(
    catalog: Catalog, info: DatasetInfo, targets: Sequence[Target], is_over: Callable[[], bool]
) -> DatasetCover:
    pictures = [one.value for one in targets if one.kind is TargetKind.PICTURE and one.value is not None]
    copies: dict[bytes, Copy] = {}
    compared = 0
    for value in pictures:
        if is_over():
            break
        compared += 1
        for copy in catalog.copies_of(ClaimedPicture.parse(value), info.name, SAME_WORK_RADIUS):
            known = copies.get(copy.sample_key)
            if known is None or copy.distance < known.distance:
                copies[copy.sample_key] = copy
    placed = 0
    for kind in _BY_LINK:
        values = [one.value for one in targets if one.kind is kind and one.value is not None]
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
        compared=compared,
        pictures=len(pictures),
    )
