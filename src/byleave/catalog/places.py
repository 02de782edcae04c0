"""Which samples stand at a place: a link, a path, a host, a domain, or exact bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from byleave import urls
from byleave.catalog.table import in_list, text
from byleave.consent import TargetKind


@dataclass(frozen=True, slots=True)
class Standing:
    """How many samples of one dataset stand at a place, and the keys of the first of them."""

    samples: int
    first: tuple[bytes, ...]


def where_covered(kind: TargetKind, values: Sequence[str]) -> str | None:
    """Return the filter for samples that targets of one kind cover, or ``None`` for kinds that links cannot answer."""
    match kind:
        case TargetKind.URL:
            return in_list("item_id", [urls.item_id_of_url(value) for value in values])
        case TargetKind.DIGEST:
            return in_list("digest", [bytes.fromhex(value) for value in values])
        case TargetKind.PREFIX:
            return " OR ".join(f"({_below(value)})" for value in values)
        case TargetKind.HOST:
            return " OR ".join(f"host = {text(value)}" for value in values)
        case TargetKind.DOMAIN:
            return " OR ".join(
                f"host = {text(value)} OR ends_with(host, {text('.' + value)})" for value in values
            )
        case _:
            return None


def _below(prefix: str) -> str:
    page = prefix.removesuffix("/")
    return (
        f"starts_with(canonical_url, {text(prefix)}) OR canonical_url = {text(page)} "
        f"OR starts_with(canonical_url, {text(page + '?')})"
    )
