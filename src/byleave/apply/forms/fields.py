"""The link and the digest in one JSON object, read so strictly that no other reader finds another link in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from byleave.apply.forms.units import refuse
from byleave.apply.inputs import DIGEST_NAMES, LINK_NAMES

Facts = tuple[bytes | None, bytes | None]
NO_NAMES = f"no field is called {' or '.join((*LINK_NAMES, *DIGEST_NAMES))}"
RENAME = "call the field that holds the links 'url'"


class Pairs(list[tuple[str, Any]]):
    """The members of one object in their order."""


def facts_of(encoded: bytes, where: str) -> tuple[Facts, bool]:
    """Read link and digest, and whether a field for either is there.

    A text that is no Unicode, such as a lone half of a pair, is kept as bytes that nothing reads as a link.

    Raises
    ------
    FormatError
        If it is no JSON object in UTF-8, names the link twice, or has something else than text there.
    """
    try:
        value = json.loads(encoded.decode("utf-8"), object_pairs_hook=Pairs)
    except (ValueError, RecursionError) as error:
        raise refuse(where, f"no JSON in UTF-8: {str(error)[:150]}") from error
    if not isinstance(value, Pairs):
        raise refuse(where, "no JSON object")
    link, has_link = _value(value, LINK_NAMES, where)
    digest, has_digest = _value(value, DIGEST_NAMES, where)
    return (link, digest), has_link or has_digest


def _value(pairs: Pairs, names: Sequence[str], where: str) -> tuple[bytes | None, bool]:
    for name in names:
        found = [(key, value) for key, value in pairs if key.lower() == name]
        if len({key for key, _ in found}) < len(found):
            raise refuse(where, f"{name!r} stands there twice, and readers would differ about which counts")
        if found:
            return _bytes(found[0][1], name, where), True
    return None, False


def _bytes(value: object, name: str, where: str) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise refuse(
            where,
            f"{name!r} holds {'an object' if isinstance(value, list) else type(value).__name__}, not text",
            "write it as text",
        )
    return value.encode("utf-8", "surrogatepass")
