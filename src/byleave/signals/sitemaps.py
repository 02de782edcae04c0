"""Sitemaps: the pages and pictures a site says it has. Bytes in, links out; nothing is fetched."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from byleave.errors import FormatError

MOST_BYTES = 50 * 1024 * 1024
"""As sitemaps.org has it, unpacked."""

MOST_LINKS = 50_000
_IMAGE = "{http://www.google.com/schemas/sitemap-image/1.1}"


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What one file says: pictures, pages, and other sitemaps it leads to."""

    pictures: tuple[str, ...]
    pages: tuple[str, ...]
    sitemaps: tuple[str, ...]


def read_sitemap(content: bytes) -> Sitemap:
    """Read a sitemap or an index of sitemaps, plain or packed with gzip.

    Raises
    ------
    FormatError
        If it is none, or too long.
    """
    if content[:2] == b"\x1f\x8b":
        content = _unpacked(content)
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise FormatError("this is no sitemap", remedy="check the link") from error
    kind = _name(root)
    if kind not in {"urlset", "sitemapindex"}:
        raise FormatError("this is no sitemap", remedy="check the link")
    pictures: dict[str, None] = {}
    places: dict[str, None] = {}
    for entry in root:
        for child in entry:
            if _name(child) == "loc" and not child.tag.startswith(_IMAGE):
                places[_text(child)] = None
            elif child.tag == f"{_IMAGE}image":
                for inner in child.findall(f"{_IMAGE}loc"):
                    pictures[_text(inner)] = None
        if len(places) > MOST_LINKS or len(pictures) > MOST_LINKS:
            raise FormatError(
                f"the sitemap has more than {MOST_LINKS:,} links", remedy="name the parts it is split into"
            )
    named = tuple(place for place in places if place)
    found = tuple(place for place in pictures if place)
    return Sitemap(found, named, ()) if kind == "urlset" else Sitemap(found, (), named)


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj(31)
    try:
        found = unpacker.decompress(content, MOST_BYTES + 1)
    except zlib.error as error:
        raise FormatError("the sitemap cannot be unpacked", remedy="check the link") from error
    if len(found) > MOST_BYTES or not unpacker.eof:
        raise FormatError("the sitemap is too long, or ends early", remedy="check the link")
    return found


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: Element) -> str:
    return (element.text or "").strip()
