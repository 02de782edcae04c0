"""Count the entries of a dataset, and the bytes it holds of them, by the registrable domain of their links: for the summary that a provider publishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile, columns_of, open_parquet, reading_parquet
from byleave.apply.sidecars.finding import pictures_of
from byleave.apply.sidecars.shards import PartPictures
from byleave.apply.sources import found_below
from byleave.errors import FormatError
from byleave.urls import canonical_host, registrable_domain

ALL_SHARE: Final = 0.10
"""Share of the domains that a provider lists, by Section 2.3 of the European Commission's template of 24 July 2025."""

SME_SHARE: Final = 0.05
MOST_OF_SME: Final = 1_000
"""What a small or medium-sized one lists: a smaller share, and no more than so many."""

_NONE: Final = ""
"""Stands for no host, and for no domain."""

ROWS_AT_ONCE: Final = 65_536
_HOST: Final = r"^\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@\\]*@)?(?P<host>\[[^\]]*\]|[^/?#:\\]+)"


@dataclass(frozen=True, slots=True)
class Domains:
    """Entries by registrable domain, and entries whose link names none.

    sizes
        Bytes by domain, of a dataset that holds what was fetched; ``None`` of one of links.
    bytes_without
        Those behind links that name none.
    """

    counts: Counter[str]
    without: int
    sizes: Counter[str] | None = None
    bytes_without: int = 0

    @property
    def entries(self) -> int:
        """All entries."""
        return self.counts.total() + self.without

    @property
    def all_bytes(self) -> int:
        """All bytes, 0 where they are not known."""
        return self.sizes.total() + self.bytes_without if self.sizes is not None else 0

    def top(self, *, sme: bool = False) -> list[str]:
        """Return the domains to be listed: those of most bytes first, or of most entries where bytes are not known, and by name where equal."""
        number = ceil(len(self.counts) * (SME_SHARE if sme else ALL_SHARE))
        if sme:
            number = min(number, MOST_OF_SME)
        ranks = self.counts if self.sizes is None else self.sizes
        return sorted(self.counts, key=lambda name: (-ranks[name], name))[:number]


def count_domains(folder: Path) -> Domains:
    """Count the entries of a dataset in any form that is known, and their bytes if all its parts hold what was fetched.

    Raises
    ------
    NotFoundError, FormatError
        If there is none, or it cannot be read.
    """
    parts = found_below([folder]).parts
    held = [pictures for part in parts if (pictures := pictures_of(part)) is not None]
    are_sized = len(held) == len(parts)
    counts, sizes, domains = Counter[str](), Counter[str](), dict[str, str]()
    for links, lengths in _sized(held) if are_sized else ((links, None) for links in _links(parts)):
        for host, entries, length in _by_host(links, lengths):
            if host not in domains:
                domains[host] = _domain(host)
            counts[domains[host]] += entries
            sizes[domains[host]] += length
    without, bytes_without = counts.pop(_NONE, 0), sizes.pop(_NONE, 0)
    return Domains(counts, without, sizes if are_sized else None, bytes_without)


def _by_host(links: pa.Array, lengths: pa.Array | None) -> Iterator[tuple[str, int, int]]:
    """Yield each host of some links with its entries and their bytes; those that name none are :data:`_NONE`."""
    found = pc.struct_field(pc.extract_regex(_as_bytes(links), _HOST), "host")
    table = pa.table({"host": found, "bytes": lengths if lengths is not None else pa.array([0] * len(links))})
    grouped = table.group_by("host", use_threads=False).aggregate([([], "count_all"), ("bytes", "sum")])
    for group in grouped.to_pylist():
        host = group["host"] or b""
        yield host.decode(errors="replace"), group["count_all"], group["bytes_sum"]


def _domain(host: str) -> str:
    try:
        return registrable_domain(canonical_host(host)) or _NONE
    except FormatError:
        return _NONE


def _sized(held: Sequence[PartPictures]) -> Iterator[tuple[pa.Array, pa.Array]]:
    """Yield the links of all entries, and how many bytes stand behind each."""
    for pictures in held:
        samples = pictures.sizes()
        while some := list(islice(samples, ROWS_AT_ONCE)):
            links, sizes = zip(*some, strict=True)
            yield pa.array(links, pa.large_binary()), pa.array(sizes, pa.int64())


def _links(parts: Sequence[InputFile | Unit]) -> Iterator[pa.Array]:
    for part in parts:
        if isinstance(part, InputFile):
            yield from _parquet_links(part)
        else:
            for rows in part.rows(digests=False):
                yield rows.batch["url"]


def _parquet_links(file: InputFile) -> Iterator[pa.Array]:
    with open_parquet(file.path) as opened:
        link = columns_of(opened.schema_arrow, file.name).link
        if link is None:
            return
        with reading_parquet(file.path):
            for batch in opened.iter_batches(ROWS_AT_ONCE, columns=[link], use_threads=False):
                yield batch.column(0)


def _as_bytes(links: pa.Array) -> pa.Array:
    """Return links as bytes: some are no Unicode, and their hosts mostly are all the same."""
    plain = links.dictionary_decode() if pa.types.is_dictionary(links.type) else links
    return plain.cast(pa.large_binary())
