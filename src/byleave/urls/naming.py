"""The names of many links at once."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Final, NamedTuple

from byleave.urls.canonical import canonical_urls
from byleave.urls.names import DIGEST_BYTES, url_digest

_loops_loaded: Final = Event()
_MANY: Final = 64
"""Links from which on compiled loops pay."""


class NamedLinks(NamedTuple):
    """What links are found by, link by link.

    digests
        Of their canonical forms, 32 bytes each; ``None`` for each link that cannot be read.
    sites
        With what these forms begin: the host, and a port where it is none of the usual; empty for each link that cannot be read.
    """

    digests: list[bytes | None]
    sites: list[str]


def load_naming_loops() -> None:
    """Load compiled loops for :func:`name_links`, which goes without them until then: where they were never compiled this takes seconds."""
    from byleave.urls.bulk.plain_links import name_plain_links

    name_plain_links([b"https://example.com/"])
    _loops_loaded.set()


def name_links(links: Sequence[str]) -> NamedLinks:
    """Name links as they stand in datasets, in their order."""
    if not _loops_loaded.is_set() or len(links) < _MANY:
        return _name_each(links)
    from byleave.urls.bulk.plain_links import name_plain_links

    joined, hosts = name_plain_links([link.encode("utf-8", "surrogatepass") for link in links])
    begins, ends = hosts.T.tolist()
    named = NamedLinks(
        [joined[at : at + DIGEST_BYTES] for at in range(0, len(joined), DIGEST_BYTES)],
        [link[begin:end] for link, begin, end in zip(links, begins, ends, strict=True)],
    )
    odd = [place for place, begin in enumerate(begins) if begin < 0]
    for place, digest, site in zip(odd, *_name_each([links[place] for place in odd]), strict=True):
        named.digests[place], named.sites[place] = digest, site
    return named


def _name_each(links: Sequence[str]) -> NamedLinks:
    forms = canonical_urls(links)
    return NamedLinks(
        [None if form is None else url_digest(form) for form in forms],
        ["" if form is None else form.partition("/")[0] for form in forms],
    )
