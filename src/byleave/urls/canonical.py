"""The one canonical form of a link, so that the same link has the same name in every dataset and every release.

The form has no scheme: ``example.com/a/b?q``. It is reached by these steps, in this order:

1. ``&amp;`` becomes ``&``: datasets harvested from HTML carry the entity unread.
2. The link is parsed as browsers do (WHATWG URL, by ``can_ada``); only ``http`` and ``https`` count. That lower-cases the host,
   writes it in punycode and resolves dot segments.
3. User information and fragment are dropped, so are a leading ``www.`` (where a dotted name is left) and a trailing dot of
   the host, an empty query, and port 80 or 443: the form has no scheme, so the default port of either one must not tell.
4. Percent-encoded bytes are written in capitals, and decoded where RFC 3986 calls them unreserved (section 6.2.2).

The steps are repeated until nothing changes, so that the form of a form is itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from byleave.errors import FormatError, MissingExtraError

MAX_URL_BYTES: Final = 8192
"""Longer links are refused: browsers and servers stop near here, and none was ever seen to matter in a dataset."""

_DEFAULT_PORTS = frozenset({"", "80", "443"})
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PLAIN = re.compile(
    r"https?://(?:www\.(?=[^/.]+\.))?(?!www\.)((?:(?!xn)[a-z0-9-]+\.)*(?!xn)[a-z-][a-z0-9-]*"
    r"/[A-Za-z0-9/_.~!$()*+,;=:@&-]*(?:\?[A-Za-z0-9/_.~!$()*+,;=:@&-]+)?)"
)
"""Links on which the steps change nothing but scheme and ``www.``, as most are; a property test holds this to the steps."""

_REMEDY = "write a whole http or https link, such as https://example.com/picture.jpg"


def canonical_url(raw: str) -> str:
    """Return the canonical form of ``raw``, such as ``example.com/a?q``.

    Raises
    ------
    FormatError
        If ``raw`` is no http(s) link with a host, or longer than :data:`MAX_URL_BYTES`.
    """
    return _plain_each([raw])[0] or _by_all_steps(raw)


def canonical_urls(raw: Iterable[str]) -> list[str | None]:
    """Return the canonical forms of many links, in their order; ``None`` for each that has none."""
    links = list(raw)
    return [form or _form_or_none(link) for form, link in zip(_plain_each(links), links, strict=True)]


def canonical_prefix(raw: str) -> str:
    """Return the canonical form of a path prefix, always ending in ``/``: it covers what stands below, never a sibling.

    A scheme may be left out: ``example.com/artist`` is read as ``https://example.com/artist``.
    """
    canonical = canonical_url(with_scheme(raw)).partition("?")[0]
    return canonical if canonical.endswith("/") else canonical + "/"


def canonical_host(raw: str) -> str:
    """Return a host name in canonical form (lower case, punycode, without a leading ``www.``).

    Raises
    ------
    FormatError
        If ``raw`` is more than a host name: an e-mail address, a port or a path.
    """
    canonical = canonical_url(with_scheme(raw))
    host = host_of(canonical)
    if canonical != f"{host}/" or "@" in raw:
        raise FormatError(
            f"{raw[:80]!r} is more than a host name", remedy="write the name alone, such as example.com"
        )
    return host


def with_scheme(raw: str) -> str:
    """Put ``https://`` before what a person typed without it."""
    text = raw.strip()
    return text if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) else f"https://{text}"


def host_of(canonical: str) -> str:
    """Return the host of a canonical URL, without a port."""
    authority = canonical.partition("/")[0].partition("?")[0]
    if authority.startswith("["):
        return authority.partition("]")[0] + "]"
    return authority.partition(":")[0]


def _plain_each(links: list[str]) -> list[str | None]:
    """Return the form of each link that is plain. A function for each of them would cost more than what it does."""
    match = _PLAIN.fullmatch  # of ASCII alone, so that its characters are its bytes
    return [
        found[1]
        if (found := match(link)) and len(link) <= MAX_URL_BYTES and "/." not in link and "&amp;" not in link
        else None
        for link in links
    ]


def _form_or_none(raw: str) -> str | None:
    try:
        return _by_all_steps(raw)
    except FormatError:
        return None


def _by_all_steps(raw: str) -> str:
    try:
        encoded = raw.encode()
    except UnicodeEncodeError as error:
        raise FormatError("a link holds characters that are not Unicode text", remedy=_REMEDY) from error
    if len(encoded) > MAX_URL_BYTES:
        raise FormatError(
            f"a link of {len(encoded)} bytes is too long", remedy=f"use at most {MAX_URL_BYTES} bytes"
        )
    form = _once(raw)
    while (again := _once(f"https://{form}")) != form:
        form = again
    return form


def _once(text: str) -> str:
    """Take the steps once. Every step that changes a form makes it shorter or resolves it, so repeating them ends."""
    parsed = _parse(text.replace("&amp;", "&"))
    host = str(parsed.hostname).removesuffix(".")
    if host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    if not host:
        raise FormatError(f"{text[:80]!r} names no host", remedy=_REMEDY)
    port = "" if parsed.port in _DEFAULT_PORTS else f":{parsed.port}"
    path = _ESCAPE.sub(_normal_escape, parsed.pathname)
    query = _ESCAPE.sub(_normal_escape, parsed.search)
    return f"{host}{port}{path}{query if query != '?' else ''}"


def _parse(text: str):  # type: ignore[no-untyped-def]  # can_ada ships no types to name
    try:
        import can_ada
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "reading links needs the package 'can-ada'", remedy="pip install 'byleave[apply]'"
        ) from missing
    try:
        parsed = can_ada.parse(text)
    except ValueError as error:
        raise FormatError(f"{text[:80]!r} is not a link", remedy=_REMEDY) from error
    if parsed.protocol not in {"http:", "https:"}:
        raise FormatError(f"{text[:80]!r} is not an http or https link", remedy=_REMEDY)
    return parsed


def _normal_escape(escape: re.Match[str]) -> str:
    byte = int(escape[0][1:], 16)
    return chr(byte) if byte in _UNRESERVED else escape[0].upper()
