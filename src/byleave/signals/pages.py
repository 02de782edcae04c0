"""What a web page says in its head and by its links, read by a real HTML parser, as a browser would."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

from byleave.errors import ByleaveError, FormatError
from byleave.urls import canonical_url

MOST_LINKS = 5_000


def meta_values(page: bytes, name: str) -> tuple[str, ...]:
    """Return the contents of every ``<meta>`` of this name that stands in the page's ``<head>`` itself.

    What visitors may write, comments for example, stands in the body, so nothing there counts; nor does anything within
    ``<noscript>`` or ``<template>``.
    """
    head = _tree(page).head
    if head is None:
        return ()
    return tuple(
        (node.attributes.get("content") or "").strip()
        for node in head.iter()
        if node.tag == "meta" and (node.attributes.get("name") or "").strip().lower() == name
    )


def descriptions(page: bytes) -> tuple[str, ...]:
    """Return what the head of a page says it is about: platforms put there what somebody wrote about herself.

    The body is not read: on a profile, strangers write there, too.
    """
    head = _tree(page).head
    if head is None:
        return ()
    return tuple(
        node.attributes.get("content") or ""
        for node in head.iter()
        if node.tag == "meta" and _is_description(node.attributes)
    )


def links(page: bytes, base: str, *, rel: str | None = None) -> frozenset[str]:
    """Return the places that a page links to, in canonical form; with ``rel`` only links that carry that word."""
    found: set[str] = set()
    for node in list(_tree(page).css("a[href], link[href]"))[:MOST_LINKS]:
        words = (node.attributes.get("rel") or "").lower().split()
        if rel is None or rel in words:
            found.update(_canonical(urljoin(base, (node.attributes.get("href") or "").strip())))
    return frozenset(found)


def _canonical(link: str) -> Iterator[str]:
    try:
        yield canonical_url(link)
    except ByleaveError:
        return  # mailto: and the like lead to no page


def _is_description(attributes: dict[str, str | None]) -> bool:
    said = {(attributes.get(name) or "").strip().lower() for name in ("name", "property")}
    return bool(said & {"description", "og:description", "twitter:description"})


def _tree(page: bytes):  # type: ignore[no-untyped-def]  # selectolax ships no types to name
    from selectolax.lexbor import LexborHTMLParser

    try:
        return LexborHTMLParser(page.decode("utf-8", "replace"))
    except ValueError as error:
        raise FormatError("this is no HTML page", remedy="check the link") from error
