"""Links: their canonical form, their names, and where a domain ends that one party can control."""

from byleave.urls.canonical import (
    MAX_URL_BYTES,
    canonical_host,
    canonical_prefix,
    canonical_url,
    canonical_urls,
    host_of,
    with_scheme,
)
from byleave.urls.names import (
    domain_digest,
    domains_of,
    host_digest,
    item_id_of_bytes,
    item_id_of_url,
    picture_digest,
    prefix_digest,
    prefixes_of,
    sample_key,
    url_digest,
    url_digests,
)
from byleave.urls.suffixes import Platform, is_shared, platforms, registrable_domain, table_digests

__all__ = [
    "MAX_URL_BYTES",
    "Platform",
    "canonical_host",
    "canonical_prefix",
    "canonical_url",
    "canonical_urls",
    "domain_digest",
    "domains_of",
    "host_digest",
    "host_of",
    "is_shared",
    "item_id_of_bytes",
    "item_id_of_url",
    "picture_digest",
    "platforms",
    "prefix_digest",
    "prefixes_of",
    "registrable_domain",
    "sample_key",
    "table_digests",
    "url_digest",
    "url_digests",
    "with_scheme",
]
