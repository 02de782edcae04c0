"""Draw one vector drawing onto white, cropped to what is drawn, and write it as a JPEG.

The file is a stranger's: it is parsed without entities, nothing it points at outside itself is loaded, and no font of
this machine is used. Drawing happens in a child (:mod:`byleave.demo.drawing`), which the kernel stops when it takes too long.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from byleave.errors import FormatError, MissingExtraError

try:
    import resvg_py
    from PIL import ExifTags, Image, ImageChops
except ModuleNotFoundError as missing:
    raise MissingExtraError(
        f"drawing needs the package {missing.name!r}", remedy="pip install 'byleave[demo]'"
    ) from missing

SVG = "{http://www.w3.org/2000/svg}"
LONG_SIDE = 512
SKETCH_SIDE = 160
MARGIN = 0.04
SLIMMEST = 1 / 3
JPEG_QUALITY = 90
VISIBLE = 12

UNIT_PX = {"": 1.0, "px": 1.0, "pt": 1.25, "pc": 15.0, "mm": 90 / 25.4, "cm": 90 / 2.54, "in": 90.0}
"""User units at 90 to the inch, which is what the editors of 2004 wrote into these files."""

DEFAULT_PAGE = (744.09, 1052.36)
"""An A4 page in user units: the size given to a drawing that states none, as the editors of 2004 did."""

REMEDY = "leave the drawing out"


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the drawing's plane in user units."""

    x: float
    y: float
    width: float
    height: float


def draw(svg: bytes, *, long_side: int = LONG_SIDE) -> Image.Image:
    """Return an RGB picture whose long side has ``long_side`` pixels and which shows the drawn part with a narrow margin.

    Raises
    ------
    FormatError
        If the file cannot be read or drawn, shows nothing, needs fonts, or points at something outside itself.
    """
    root = _parse(svg)
    page = page_of(root)
    shown = _drawn_part(root, page)
    if max(shown.width, shown.height) < max(page.width, page.height) / 4:
        # A small drawing on a large page is only a few pixels of the first sketch, so a second one looks closer.
        shown = _drawn_part(root, shown)
    return _render(root, shown, long_side)


def _drawn_part(root: Element, page: Box) -> Box:
    sketch = _render(root, page, SKETCH_SIDE)
    drawn = ImageChops.difference(sketch, Image.new("RGB", sketch.size, "white")).convert("L")
    edges = drawn.point(lambda value: 255 if value >= VISIBLE else 0).getbbox()
    if edges is None:
        raise FormatError("nothing is drawn on the page", remedy=REMEDY)
    return _framed(page, edges, page.width / sketch.width)


def encode(picture: Image.Image, *, artist: str = "", terms: str = "", quality: int = JPEG_QUALITY) -> bytes:
    """Write a JPEG, with maker and terms in its EXIF data when they are given."""
    exif = Image.Exif()
    if artist:
        exif[ExifTags.Base.Artist] = artist
    if terms:
        exif[ExifTags.Base.Copyright] = terms
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality, exif=exif if len(exif) else b"")
    return encoded.getvalue()


def page_of(root: Element) -> Box:
    """Find the visible part of a drawing: its view box, else its size, else an A4 page."""
    numbers = [
        float(n) for n in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", root.get("viewBox", ""))
    ]
    width, height = _length(root.get("width", "")), _length(root.get("height", ""))
    if len(numbers) == 4:
        page = Box(*numbers)
    elif width and height:
        page = Box(0, 0, width, height)
    else:
        page = Box(0, 0, *DEFAULT_PAGE)
    if not (0 < page.width < 1e6 and 0 < page.height < 1e6):
        raise FormatError("the page has no usable size", remedy=REMEDY)
    return page


def _length(text: str) -> float:
    number = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([a-z]*)\s*", text)
    return float(number[1]) * UNIT_PX.get(number[2], 0.0) if number else 0.0


def _framed(page: Box, edges: tuple[int, int, int, int], scale: float) -> Box:
    """Turn the drawn part of a sketch into a box with a margin, never slimmer than one to three."""
    left, top, right, bottom = (edge * scale for edge in edges)
    width, height = right - left, bottom - top
    margin = scale + MARGIN * max(width, height)
    wide, tall = width + 2 * margin, height + 2 * margin
    wide, tall = max(wide, SLIMMEST * tall), max(tall, SLIMMEST * wide)
    return Box(page.x + (left + right - wide) / 2, page.y + (top + bottom - tall) / 2, wide, tall)


def _parse(svg: bytes) -> Element:
    try:
        root: Element = fromstring(svg)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise FormatError(f"the drawing is no readable XML: {error}", remedy=REMEDY) from error
    for element in root.iter():
        if not element.tag.startswith("{"):
            element.tag = SVG + element.tag
        if element.tag in {SVG + "text", SVG + "flowRoot"}:
            raise FormatError("the drawing needs fonts, which differ between machines", remedy=REMEDY)
        for name, value in element.attrib.items():
            if (
                name.rpartition("}")[2] == "href"
                and element.tag == SVG + "image"
                and not value.startswith("data:")
            ):
                raise FormatError("the drawing points at a file outside itself", remedy=REMEDY)
    if root.tag != SVG + "svg":
        raise FormatError("this is no SVG drawing", remedy=REMEDY)
    return root


def _render(root: Element, part: Box, long_side: int) -> Image.Image:
    scale = long_side / max(part.width, part.height)
    width, height = max(1, round(part.width * scale)), max(1, round(part.height * scale))
    root.attrib.pop("preserveAspectRatio", None)
    root.set("viewBox", f"{part.x:.6g} {part.y:.6g} {part.width:.6g} {part.height:.6g}")
    root.set("width", str(width))
    root.set("height", str(height))
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=tostring(root, encoding="unicode"),
            background="#ffffff",
            skip_system_fonts=True,
            dpi=90,
        )
    except ValueError as error:
        raise FormatError(f"the drawing cannot be drawn: {error}", remedy=REMEDY) from error
    with Image.open(io.BytesIO(png)) as picture:
        return picture.convert("RGB")
