"""The pictures that a web page shows or links to, as a browser would find them. Bytes in, links out; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from byleave.errors import FormatError

MOST_PICTURES = 5_000
PICTURE_ENDINGS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".gif",
    ".avif",
    ".bmp",
    ".tif",
    ".tiff",
    ".jxl",
    ".heic",
)


def pictures_on(page: bytes, address: str) -> tuple[str, ...]:
    """Return the links of pictures on a page, in the order they stand there, each once, at most :data:`MOST_PICTURES`.

    They are those of ``<img>`` and ``<source>`` with every size named in ``srcset``, of pictures that are linked to, and of
    ``og:image``. Only http and https links count.
    """
    found: dict[str, None] = {}
    tree = _tree(page)
    base = tree.css_first("base[href]")
    start = urljoin(address, (base.attributes.get("href") or "").strip()) if base is not None else address
    for raw in _raw(tree):
        link = urljoin(start, raw.strip()).partition("#")[0]
        if urlsplit(link).scheme in {"http", "https"}:
            found[link] = None
        if len(found) == MOST_PICTURES:
            break
    return tuple(found)


def from_srcset(text: str) -> Iterator[str]:
    """Yield the links of a ``srcset``: each goes to the next white space, and a comma that ends it belongs to the list."""
    rest = text.lstrip(" \t\n\r\f,")
    while rest:
        link, _, rest = rest.replace("\n", " ").replace("\t", " ").partition(" ")
        if link.endswith(","):
            yield link.rstrip(",")
        else:
            yield link
            _, _, rest = rest.partition(",")
        rest = rest.lstrip(" \r\f,")


def _raw(tree) -> Iterator[str]:  # type: ignore[no-untyped-def]  # selectolax ships no types to name
    for node in tree.css('img, source, a[href], meta[property="og:image"], meta[name="twitter:image"]'):
        attributes = node.attributes
        if node.tag == "meta":
            yield attributes.get("content") or ""
        elif node.tag == "a":
            href = attributes.get("href") or ""
            if href.partition("?")[0].partition("#")[0].lower().endswith(PICTURE_ENDINGS):
                yield href
        else:
            yield from (attributes[name] for name in ("src", "data-src") if attributes.get(name))
            for name in ("srcset", "data-srcset"):
                yield from from_srcset(attributes.get(name) or "")


def _tree(page: bytes):  # type: ignore[no-untyped-def]  # selectolax ships no types to name
    from selectolax.lexbor import LexborHTMLParser

    try:
        return LexborHTMLParser(page.decode("utf-8", "replace"))
    except ValueError as error:
        raise FormatError("this is no HTML page", remedy="check the link") from error
