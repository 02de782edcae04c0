"""Line breaks inside a line: where one reader sees one link, another sees two, of which only one was decided about."""

from __future__ import annotations

from collections.abc import Sequence

from byleave.apply.forms.units import refuse
from byleave.errors import FormatError

RETURN = 0x0D
_NARROW = tuple(bytes([code]) for code in (RETURN, 0x0B, 0x0C, 0x1C, 0x1D, 0x1E))
_WIDE = tuple(mark.encode() for mark in "\x85\u2028\u2029")


def are_broken(links: Sequence[bytes | None]) -> bool:
    """Whether one of many links is broken, each of which is looked at by itself only where the bytes of a break stand among them."""
    text = b"\n".join(link for link in links if link is not None)
    found = any(mark in text for mark in _NARROW)
    found = found or (not text.isascii() and any(mark in text for mark in _WIDE))
    return found and any(link is not None and is_broken(link) for link in links)


def is_broken(link: bytes) -> bool:
    """Whether Python's ``str.splitlines``, which knows the most breaks, sees several lines in one link."""
    return len(link.decode("utf-8", "replace").splitlines()) > 1


def broken(where: str) -> FormatError:
    """Return the error for a line that some readers take for several."""
    return refuse(
        where,
        "a line break other than LF or CRLF stands inside, and readers would differ about where lines end",
        "end all lines with LF or CRLF, or take out that line; then run the same command again",
    )
