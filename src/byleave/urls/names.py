"""Names made of links and bytes: item ids, sample keys and the digests under which a release carries its targets.

Every name is SHA-256 over a label that says what it is, a zero byte, and the value; so no value of one kind can pass for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

ID_BYTES = 16
DIGEST_BYTES = 32

URL_LABEL = b"byleave/item/1"
PREFIX_LABEL = b"byleave/prefix/1"
HOST_LABEL = b"byleave/host/1"
DOMAIN_LABEL = b"byleave/domain/1"
PICTURE_LABEL = b"byleave/picture/1"
BYTES_LABEL = b"byleave/bytes/1"
SAMPLE_LABEL = b"byleave/sample/1"

_MISSING = b"\xff"
"""Stands for a missing link or caption: a byte that no UTF-8 text holds."""


def url_digest(canonical: str) -> bytes:
    """Return the 32-byte digest of a canonical URL; its first 16 bytes are the item id."""
    return _named(URL_LABEL, canonical.encode())


def prefix_digest(canonical: str) -> bytes:
    """Return the 32-byte digest of a canonical path prefix, which ends in ``/``."""
    return _named(PREFIX_LABEL, canonical.encode())


def host_digest(host: str) -> bytes:
    """Return the 32-byte digest of one host name."""
    return _named(HOST_LABEL, host.encode())


def domain_digest(domain: str) -> bytes:
    """Return the 32-byte digest of a domain, which covers the hosts below it as well."""
    return _named(DOMAIN_LABEL, domain.encode())


def host_digests(hosts: Iterable[str]) -> list[bytes]:
    """Return :func:`host_digest` of each of many host names, in their order."""
    return _named_each(HOST_LABEL, hosts)


def domain_digests(domains: Iterable[str]) -> list[bytes]:
    """Return :func:`domain_digest` of each of many domains, in their order."""
    return _named_each(DOMAIN_LABEL, domains)


def picture_digest(fingerprint: str) -> bytes:
    """Return the 32-byte digest that stands in a release for a picture fingerprint that is not published."""
    return _named(PICTURE_LABEL, fingerprint.encode())


def item_id_of_url(canonical: str) -> bytes:
    """Return the 16-byte item id of a sample that has a link: the same in every dataset and release."""
    return url_digest(canonical)[:ID_BYTES]


def item_id_of_bytes(digest: bytes) -> bytes:
    """Return the 16-byte item id of a sample without a link, from the SHA-256 of its bytes."""
    return _named(BYTES_LABEL, digest)[:ID_BYTES]


def sample_key(dataset: str, item_id: bytes, raw_url: str | None, caption: str | None, ordinal: int) -> bytes:
    """Return the 16-byte key of one row of one dataset.

    ``ordinal`` counts the rows that are equal in link and caption, from 0. Pixels found later never change the key.
    A missing link or caption differs from an empty one.
    """
    row = hashlib.sha256(_optional(raw_url) + b"\0" + _optional(caption)).digest()
    name = dataset.encode()
    return _named(SAMPLE_LABEL, name + b"\0" + item_id + row + ordinal.to_bytes(8))[:ID_BYTES]


def domains_of(host: str) -> Iterator[str]:
    """Yield the host and every domain above it: ``a.b.c`` gives ``a.b.c``, ``b.c`` and ``c``."""
    while host:
        yield host
        _, _, host = host.partition(".")


def prefixes_of(canonical: str) -> Iterator[str]:
    """Yield every path prefix that covers a canonical URL: ``h/a/b?q`` gives ``h/``, ``h/a/`` and, as itself, ``h/a/b/``."""
    path = canonical.partition("?")[0]
    end = path.find("/")
    while end != -1:
        yield path[: end + 1]
        end = path.find("/", end + 1)
    if not path.endswith("/"):
        yield path + "/"


def _named(label: bytes, value: bytes) -> bytes:
    return hashlib.sha256(label + b"\0" + value).digest()


def _named_each(label: bytes, values: Iterable[str]) -> list[bytes]:
    sha256, start = hashlib.sha256, label + b"\0"
    return [sha256(start + value.encode()).digest() for value in values]


def _optional(text: str | None) -> bytes:
    return _MISSING if text is None else text.encode("utf-8", "surrogatepass")
