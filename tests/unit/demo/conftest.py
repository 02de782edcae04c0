"""Small Debian packages and drawings for the tests of this room."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

import pytest

PUBLIC_DOMAIN = "http://web.resource.org/cc/PublicDomain"

SHAPE = '<path d="M10 10 L90 20 L70 90 Z" fill="#c03"/><circle cx="40" cy="60" r="18" fill="#0a6"/>'


def _deb(files: dict[str, bytes], *, compression: str = "xz") -> bytes:
    """Build a package that holds ``files``, as ``dpkg-deb`` lays it out."""
    return b"!<arch>\n" + b"".join(
        _member(name, content)
        for name, content in {
            "debian-binary": b"2.0\n",
            "control.tar.xz": _tar({"./control": b"Package: test\n"}, "xz"),
            f"data.tar.{compression}": _tar(files, compression),
        }.items()
    )


def _member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return header + content + (b"\n" if len(content) % 2 else b"")


def _tar(files: dict[str, bytes], compression: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _svg(
    *,
    title: str = "Red kite",
    creator: str = "Anita",
    licence: str = PUBLIC_DOMAIN,
    tags: tuple[str, ...] = ("bird", "kite"),
    body: str = SHAPE,
    size: str = 'width="100" height="100"',
) -> bytes:
    """Write a drawing with credits, as the Open Clip Art Library did."""
    listed = "".join(f"<rdf:li>{tag}</rdf:li>" for tag in tags)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:cc="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:xlink="http://www.w3.org/1999/xlink" {size}>
 <metadata><rdf:RDF><cc:Work rdf:about=""><dc:title>{title}</dc:title>
  <dc:subject><rdf:Bag>{listed}</rdf:Bag></dc:subject>
  <dc:publisher><cc:Agent><dc:title>Open Clip Art Library</dc:title></cc:Agent></dc:publisher>
  <dc:creator><cc:Agent><dc:title>{creator}</dc:title></cc:Agent></dc:creator>
  <cc:license rdf:resource="{licence}"/></cc:Work></rdf:RDF></metadata>
 {body}
</svg>""".encode()


@pytest.fixture
def deb() -> Callable[..., bytes]:
    """Build a package: ``deb({path: content}, compression="xz")``."""
    return _deb


@pytest.fixture
def svg() -> Callable[..., bytes]:
    """Write a drawing: ``svg(title=..., creator=..., licence=..., tags=..., body=..., size=...)``."""
    return _svg
