"""The Atom feed (RFC 4287) of published lists, so that whoever trains learns of a new one without asking a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from byleave.publish.record import PublishedRelease

ATOM = "http://www.w3.org/2005/Atom"
ATOM_TYPE = "application/atom+xml; charset=utf-8"


def releases_feed(releases: Sequence[PublishedRelease], *, origin: str, address: str, at: datetime) -> bytes:
    """Write the feed.

    Parameters
    ----------
    releases
        Newest first.
    origin
        Name of the registry: ids are made of it, so they stay when the site moves.
    address
        Where this site stands, without a slash at the end.
    at
        Used as the feed's date while there is no release.
    """
    feed = Element("feed", xmlns=ATOM)
    _text(feed, "id", _tag(origin, "releases"))
    _text(feed, "title", f"Published lists of {origin}")
    _text(feed, "updated", _time(releases[0].published_at if releases else at))
    SubElement(
        feed, "link", rel="self", type="application/atom+xml", href=f"{address}/registry/releases.atom"
    )
    SubElement(feed, "link", rel="alternate", type="text/html", href=f"{address}/registry")
    _text(SubElement(feed, "author"), "name", origin)
    for release in releases:
        _entry(feed, release, origin, address)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(feed, encoding="unicode").encode() + b"\n"


def _entry(feed: Element, release: PublishedRelease, origin: str, address: str) -> None:
    entry = SubElement(feed, "entry")
    _text(entry, "id", _tag(origin, f"releases/{release.number}"))
    _text(entry, "title", f"Published list no. {release.number}")
    _text(entry, "updated", _time(release.published_at))
    _text(entry, "published", _time(release.published_at))
    manifest = f"{address}/releases/{release.number}/manifest.json"
    SubElement(entry, "link", rel="alternate", type="application/json", href=manifest)
    _text(
        entry,
        "summary",
        f"{release.claims} claims; SHA-256 of the manifest: {release.manifest_digest.hex()}",
    )


def _tag(origin: str, what: str) -> str:
    """Return a tag URI (RFC 4151): a name that is nobody's address."""
    host, _, path = origin.partition("/")
    return f"tag:{host.partition(':')[0]},2026:{f'{path}/' if path else ''}{what}"


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
