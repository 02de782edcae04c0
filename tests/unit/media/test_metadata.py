"""What a file says about its maker is read where files say it, and never trusted with more than a line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from tests.unit.media.pictures import encoded

from byleave.media import Picture, describe
from byleave.media.metadata import ARTIST, COPYRIGHT, TEXT_CHARACTERS, XMP_BYTES
from byleave.settings import Limits

LIMITS = Limits()
PICTURE = Image.new("RGB", (16, 16), "teal")
NAMES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"'
)


def packet(properties: str = "", attributes: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {NAMES} {attributes}>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def said(data: bytes) -> tuple[str | None, str | None]:
    picture = describe(data, limits=LIMITS, thumbnail_px=None)
    assert isinstance(picture, Picture)
    return picture.creator, picture.rights


def with_xmp(xmp: bytes, form: str = "JPEG") -> bytes:
    options: dict[str, Any] = {"xmp": xmp}
    if form == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options = {"pnginfo": info}
    if form == "TIFF":
        options = {"tiffinfo": {700: xmp}}
    return encoded(PICTURE, form, **options)


CREATORS = "<dc:creator><rdf:Seq><rdf:li>Ana Ruiz</rdf:li><rdf:li>李雷</rdf:li></rdf:Seq></dc:creator>"
RIGHTS = '<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© 2024 Ana Ruiz</rdf:li></rdf:Alt></dc:rights>'


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_is_read_from_every_format_that_carries_it(form: str) -> None:
    assert said(with_xmp(packet(CREATORS + RIGHTS), form)) == ("Ana Ruiz, 李雷", "© 2024 Ana Ruiz")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_is_read_too(form: str) -> None:
    exif = Image.Exif()
    exif[ARTIST], exif[COPYRIGHT] = "Jo Doe", "All rights reserved"
    assert said(encoded(PICTURE, form, exif=exif)) == ("Jo Doe", "All rights reserved")


def test_xmp_comes_before_exif() -> None:
    exif = Image.Exif()
    exif[ARTIST], exif[COPYRIGHT] = "Jo Doe", "All rights reserved"
    data = encoded(PICTURE, xmp=packet(CREATORS), exif=exif)
    assert said(data) == ("Ana Ruiz, 李雷", "All rights reserved")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('photoshop:Credit="Agency"', ("Agency", None)),
        ('xmpRights:WebStatement="https://example.com/terms"', (None, "https://example.com/terms")),
        ('xmpRights:UsageTerms="No AI"', (None, "No AI")),
    ],
)
def test_properties_written_as_attributes_are_read(
    attributes: str, expected: tuple[str | None, str | None]
) -> None:
    assert said(with_xmp(packet(attributes=attributes))) == expected


def test_silence_is_none() -> None:
    assert said(encoded(PICTURE)) == (None, None)


@pytest.mark.parametrize(
    "xmp",
    [
        b"",
        b"not xml",
        b"<x" * 5000,
        b"<a>" * 20_000 + b"</a>" * 20_000,
        packet(CREATORS)[:-30],
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + packet(CREATORS),
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + packet("<dc:creator>&a;</dc:creator>"),
        b'<?xml version="1.0" encoding="klingon"?><a/>',
    ],
    ids=["empty", "text", "unclosed", "deep", "cut", "external", "entity", "unknown encoding"],
)
def test_a_packet_that_is_broken_or_refers_elsewhere_says_nothing(xmp: bytes) -> None:
    data = encoded(PICTURE, "WEBP", xmp=xmp)
    assert said(data) == (None, None)


def test_a_packet_that_is_too_long_is_not_parsed() -> None:
    padding = "<!--" + "x" * XMP_BYTES + "-->"
    assert said(encoded(PICTURE, "WEBP", xmp=packet(CREATORS + padding))) == (None, None)


def test_what_is_said_becomes_one_short_line() -> None:
    text = "A\n\tB\x07\u202e C " + "x" * 5000
    exif = Image.Exif()
    exif[ARTIST] = text.encode()
    creator, _ = said(encoded(PICTURE, exif=exif))
    assert creator is not None
    assert creator.startswith("A B C xxx")
    assert len(creator) == TEXT_CHARACTERS


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_random_packets_do_not_cost_the_picture(xmp: bytes) -> None:
    picture = describe(encoded(PICTURE, "WEBP", xmp=xmp), limits=LIMITS, thumbnail_px=None)
    assert isinstance(picture, Picture), "a packet nobody can read is no reason to refuse the picture"
