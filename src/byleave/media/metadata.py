"""What a picture file says about its maker and its terms, in EXIF and in XMP.

Both are text a stranger wrote: sizes are limited before parsing, and an XMP packet that declares entities is not parsed at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from byleave.media.decode import UNREADABLE

if TYPE_CHECKING:
    from PIL import Image

XMP_BYTES = 256 * 1024
"""Longer packets are not parsed; editors write a few kilobytes, or some hundred with a long history."""

TEXT_CHARACTERS = 1000

ARTIST, COPYRIGHT = 0x013B, 0x8298
TIFF_XMP = 700

_DC = "{http://purl.org/dc/elements/1.1/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_RIGHTS = "{http://ns.adobe.com/xap/1.0/rights/}"

CREATOR_NAMES = (f"{_DC}creator", f"{_PHOTOSHOP}Credit")
RIGHTS_NAMES = (f"{_DC}rights", f"{_RIGHTS}UsageTerms", f"{_RIGHTS}WebStatement", f"{_RIGHTS}Owner")


def creator_and_rights(source: Image.Image) -> tuple[str | None, str | None]:
    """Find the maker and the terms: XMP first, which is Unicode, then EXIF. At most 1000 characters each, one line."""
    xmp = _xmp(source)
    artist, copyright_ = _exif(source)
    creator = _first([*_values(xmp, CREATOR_NAMES), artist])
    rights = _first([*_values(xmp, RIGHTS_NAMES), copyright_])
    return creator, rights


def _exif(source: Image.Image) -> tuple[object, object]:
    try:
        exif = source.getexif()
        return exif.get(ARTIST), exif.get(COPYRIGHT)
    except UNREADABLE:
        return None, None


def _xmp(source: Image.Image) -> Element | None:
    packet = source.info.get("xmp") or source.info.get("XML:com.adobe.xmp")
    if packet is None and source.format == "TIFF":
        packet = getattr(source, "tag_v2", {}).get(TIFF_XMP)
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    if not isinstance(packet, bytes) or not 0 < len(packet) <= XMP_BYTES:
        return None
    try:
        root: Element = fromstring(packet.strip(b"\x00 \r\n\t"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return root


def _values(root: Element | None, names: Iterable[str]) -> Iterator[str]:
    """Give the text of each property, in the order of ``names``: an attribute, plain text, or the items of its list."""
    if root is None:
        return
    for name in names:
        for element in root.iter():
            if name in element.attrib:
                yield element.attrib[name]
            if element.tag == name:
                yield ", ".join(text for part in element.iter() if (text := (part.text or "").strip()))


def _first(candidates: Iterable[object]) -> str | None:
    return next((text for text in map(_clean, candidates) if text), None)


def _clean(value: object) -> str:
    """Make one line without control characters; EXIF text that is not ASCII is nearly always UTF-8."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    with suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    printable = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in value[: 4 * TEXT_CHARACTERS])
    return " ".join(printable.split())[:TEXT_CHARACTERS]
