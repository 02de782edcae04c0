"""What AT Protocol servers say about a handle and its identity, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from byleave.errors import FormatError
from byleave.signals.answers import read_object

MOST_DID_BYTES: Final = 2_048
_DID = re.compile(r"did:(plc:[a-z2-7]{24}|web:[a-z0-9.-]{1,253})")
_HANDLE = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Identity:
    """A DID document, as far as we need it: its own name, the handle it stands by, and the server that keeps its data."""

    did: str
    handle: str | None
    server: str | None


def normal_handle(text: str) -> str:
    """Return a handle in lower case without ``@``.

    Raises
    ------
    FormatError
        If it cannot be one.
    """
    handle = text.strip().removeprefix("@").lower()
    if len(handle) > 253 or not _HANDLE.fullmatch(handle):
        raise FormatError(f"{text[:80]!r} is not a handle", remedy="write it like name.bsky.social")
    return handle


def did_in_txt(records: Iterable[Sequence[bytes]]) -> str | None:
    """Return the one DID that the TXT records of ``_atproto.<handle>`` name; two different ones name none."""
    found = set()
    for strings in records:
        text = b"".join(strings).decode("ascii", "replace")
        if text.startswith("did="):
            found.add(text[4:].strip())
    return found.pop() if len(found) == 1 and _DID.fullmatch(next(iter(found))) else None


def did_in_file(body: bytes) -> str | None:
    """Return the DID that ``/.well-known/atproto-did`` holds."""
    text = body[:MOST_DID_BYTES].decode("ascii", "replace").strip()
    return text if _DID.fullmatch(text) else None


def read_identity(body: bytes) -> Identity:
    """Read a DID document. Only the first entry of ``alsoKnownAs`` counts.

    Raises
    ------
    FormatError
        If it is none.
    """
    document = read_object(body)
    did = document.get("id")
    if not isinstance(did, str) or not _DID.fullmatch(did):
        raise FormatError("this is not a DID document", remedy="try later")
    names = document.get("alsoKnownAs")
    first = names[0] if isinstance(names, list) and names else None
    handle = first[5:] if isinstance(first, str) and first.startswith("at://") else None
    return Identity(did, handle, _server(document.get("service")))


def profile_description(body: bytes) -> str:
    """Return the words that a profile record carries about its owner."""
    value = read_object(body).get("value")
    words = value.get("description") if isinstance(value, dict) else None
    return words if isinstance(words, str) else ""


def _server(services: object) -> str | None:
    for one in services if isinstance(services, list) else []:
        if isinstance(one, dict) and str(one.get("id", "")).endswith("#atproto_pds"):
            place = one.get("serviceEndpoint")
            return place.rstrip("/") if isinstance(place, str) else None
    return None
