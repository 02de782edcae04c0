"""Entries of datasets as pages show them: their address, their picture, and how a search found them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from byleave.catalog import Catalog, Copy, Hit, HitKind, Sample
from byleave.errors import FormatError, NotFoundError
from byleave.fingerprints import PDQ_BITS, SAME_WORK_RADIUS

KEY_BYTES: Final = 16
VERY_CLOSE: Final = 15
"""Of 256 bits: re-encoded and resized copies lie mostly below this, so the words may be surer there."""


@dataclass(frozen=True, slots=True)
class EntryName:
    """Which entry of which dataset; written ``dataset:key`` in forms and ``dataset/key`` in addresses."""

    dataset: str
    key: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``dataset:key``, the key in hex."""
        dataset, _, key = text.rpartition(":")
        return cls(dataset, parse_key(key))

    def __str__(self) -> str:
        return f"{self.dataset}:{self.key.hex()}"

    @property
    def path(self) -> str:
        """The part of an address that names it."""
        return f"{self.dataset}/{self.key.hex()}"


@dataclass(frozen=True, slots=True)
class Card:
    """One entry on a page.

    picture
        Address of what may be shown of it, or ``None``.
    badge, detail
        How it was found and how near it is, in words; empty where nothing was searched.
    """

    name: EntryName
    caption: str
    host: str
    url: str | None
    picture: str | None
    width: int | None = None
    height: int | None = None
    kind: str = ""
    badge: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shower:
    """Decides what may be shown of an entry: its thumbnail, or its remote picture where the keeper turned that on."""

    remote_pictures: bool

    def card_of_hit(self, hit: Hit) -> Card:
        """Show a search hit."""
        badge, detail = found_by(hit.kind, hit.distance)
        name = EntryName(hit.dataset, hit.sample_key)
        return Card(
            name,
            hit.caption or "",
            hit.host or "",
            hit.url,
            self.picture(name, hit.url, has_thumbnail=hit.has_thumbnail),
            hit.width,
            hit.height,
            hit.kind.value,
            badge,
            detail,
        )

    def card_of_sample(
        self, sample: Sample, kind: HitKind | None = None, distance: int | None = None
    ) -> Card:
        """Show an entry, perhaps as a copy of something."""
        badge, detail = found_by(kind, distance) if kind else ("", "")
        name = EntryName(sample.dataset, sample.sample_key)
        return Card(
            name,
            sample.caption or "",
            sample.host or "",
            sample.url,
            self.picture(name, sample.url, has_thumbnail=sample.has_thumbnail),
            sample.width,
            sample.height,
            kind.value if kind else "",
            badge,
            detail,
        )

    def picture(self, name: EntryName, url: str | None, *, has_thumbnail: bool) -> str | None:
        """Return the address of what may be shown."""
        if has_thumbnail:
            return f"/thumbnail/{name.path}"
        if self.remote_pictures and url is not None and url.startswith("https://"):
            return url
        return None


def found_by(kind: HitKind, distance: int | None) -> tuple[str, str]:
    """Say in words how an entry was found, and how near it is."""
    match kind:
        case HitKind.EXACT:
            return "Exact file", "the same file, byte for byte"
        case HitKind.COPY:
            near = "very close" if distance is None or distance <= VERY_CLOSE else "close"
            return "Copy", f"{near}: {distance} of {PDQ_BITS} bits differ"
        case HitKind.LOOKALIKE if distance is not None:
            return "Perhaps a copy", f"look closely: {distance} of {PDQ_BITS} bits differ"
        case HitKind.LOOKALIKE:
            return "Looks alike", "similar, not a copy"
        case HitKind.WORDS:
            return "Words", "its caption fits your words"


def parse_key(text: str) -> bytes:
    """Read the key of an entry from hex.

    Raises
    ------
    FormatError
        If it is none.
    """
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise FormatError(f"{text[:80]!r} names no entry", remedy="search for it again")
    return key


def samples_of(catalog: Catalog, names: Iterable[EntryName]) -> list[Sample]:
    """Return entries in the order of their names, each once."""
    wanted = list(dict.fromkeys(names))
    found: dict[EntryName, Sample] = {}
    for dataset in dict.fromkeys(name.dataset for name in wanted):
        keys = [name.key for name in wanted if name.dataset == dataset]
        for sample in catalog.samples(dataset, keys):
            found[EntryName(dataset, sample.sample_key)] = sample
    return [found[name] for name in wanted]


def cards_of_copies(
    catalog: Catalog, shower: Shower, dataset: str, copies: Sequence[Copy], *, same_file: bytes | None = None
) -> list[Card]:
    """Show copies found in one dataset; one whose file has the digest ``same_file`` is called exact."""
    try:
        samples = catalog.samples(dataset, [copy.sample_key for copy in copies])
    except NotFoundError:  # an entry went away between the two looks
        return []
    return [
        shower.card_of_sample(sample, _kind(sample, copy.distance, same_file), copy.distance)
        for sample, copy in zip(samples, copies, strict=True)
    ]


def _kind(sample: Sample, distance: int, same_file: bytes | None) -> HitKind:
    if same_file is not None and sample.digest == same_file:
        return HitKind.EXACT
    return HitKind.COPY if distance <= SAME_WORK_RADIUS else HitKind.LOOKALIKE
