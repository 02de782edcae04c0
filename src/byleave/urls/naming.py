"""The names of many links at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from byleave.urls.canonical import canonical_urls
from byleave.urls.names import DIGEST_BYTES, url_digest

MANY_LINKS: Final = 256
"""Links from which on compiled loops pay: fewer are named before these are loaded."""


class NamedLinks(NamedTuple):
    """What links are found by, link by link.

    digests
        Of their canonical forms, 32 bytes each; ``None`` for each link that cannot be read.
    sites
        With what these forms begin: the host, and a port where it is none of the usual; empty for each link that cannot be read.
    """

    digests: list[bytes | None]
    sites: list[str]


def name_links(links: Sequence[str]) -> NamedLinks:
    """Name links as they stand in datasets, in their order."""
    if len(links) < MANY_LINKS:
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
