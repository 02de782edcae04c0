"""Count the entries of a dataset by the registrable domain of their links, for the summary that a provider publishes of its training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.inputs import InputFile, columns_of, open_parquet, reading_parquet
from byleave.apply.sources import found_below
from byleave.errors import FormatError
from byleave.urls import canonical_host, registrable_domain

ALL_SHARE: Final = 0.10
"""Share of the domains that a provider lists, by Section 2.3 of the European Commission's template of 24 July 2025."""

SME_SHARE: Final = 0.05
MOST_OF_SME: Final = 1_000
"""What a small or medium-sized one lists: a smaller share, and no more than so many."""

ROWS_AT_ONCE: Final = 65_536
_HOST: Final = r"^\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@\\]*@)?(?P<host>\[[^\]]*\]|[^/?#:\\]+)"


@dataclass(frozen=True, slots=True)
class Domains:
    """Entries by registrable domain, and entries whose link names none."""

    counts: Counter[str]
    without: int

    @property
    def entries(self) -> int:
        """All entries."""
        return self.counts.total() + self.without

    def top(self, *, sme: bool = False) -> list[tuple[str, int]]:
        """Return the domains to be listed with their entries, most first and by name where equal."""
        number = ceil(len(self.counts) * (SME_SHARE if sme else ALL_SHARE))
        if sme:
            number = min(number, MOST_OF_SME)
        return sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))[:number]


def count_domains(folder: Path) -> Domains:
    """Count the entries of a dataset in any form that is known.

    Raises
    ------
    NotFoundError, FormatError
        If there is none, or it cannot be read.
    """
    hosts: Counter[str] = Counter()
    without = 0
    for links in _links(folder):
        found = pc.struct_field(pc.extract_regex(_as_bytes(links), _HOST), "host")
        without += found.null_count
        for pair in pc.value_counts(found.drop_null()).to_pylist():
            hosts[pair["values"].decode(errors="replace")] += pair["counts"]
    counts: Counter[str] = Counter()
    for host, entries in hosts.items():
        domain = _domain(host)
        if domain is None:
            without += entries
        else:
            counts[domain] += entries
    return Domains(counts, without)


def _domain(host: str) -> str | None:
    try:
        return registrable_domain(canonical_host(host))
    except FormatError:
        return None


def _links(folder: Path) -> Iterator[pa.Array]:
    for part in found_below([folder]).parts:
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
