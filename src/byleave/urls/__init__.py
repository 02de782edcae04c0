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
    domain_digests,
    domains_of,
    host_digest,
    host_digests,
    item_id_of_bytes,
    item_id_of_url,
    picture_digest,
    prefix_digest,
    prefixes_of,
    sample_key,
    url_digest,
)
from byleave.urls.naming import NamedLinks, load_naming_loops, name_links
from byleave.urls.suffixes import Platform, is_shared, platforms, registrable_domain, table_digests

__all__ = [
    "MAX_URL_BYTES",
    "NamedLinks",
    "Platform",
    "canonical_host",
    "canonical_prefix",
    "canonical_url",
    "canonical_urls",
    "domain_digest",
    "domain_digests",
    "domains_of",
    "host_digest",
    "host_digests",
    "host_of",
    "is_shared",
    "item_id_of_bytes",
    "item_id_of_url",
    "load_naming_loops",
    "name_links",
    "picture_digest",
    "platforms",
    "prefix_digest",
    "prefixes_of",
    "registrable_domain",
    "sample_key",
    "table_digests",
    "url_digest",
    "with_scheme",
]
