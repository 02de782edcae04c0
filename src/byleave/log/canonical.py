"""Canonical JSON (RFC 8785) for the values we commit to and sign: text, whole numbers, truth values, null, lists, objects.

What somebody else wrote is read here as well.
Fractions are refused: their textual form is the one part of RFC 8785 that implementations get wrong, and no record needs them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from byleave.errors import FormatError

_REMEDY = "use text, whole numbers below 2**53, true, false, null, lists and objects"

_AGAIN = "ask whoever made it for it again; do not edit it"

JSON = Mapping[str, "JSON"] | Sequence["JSON"] | str | int | bool | None

_SAFE_INTEGER = 2**53 - 1


def canonical_json(value: JSON) -> bytes:
    """Return the one byte string for ``value``: no spaces, keys sorted by UTF-16 code units, UTF-8.

    Raises
    ------
    FormatError
        For fractions, whole numbers of 2**53 or more, keys that are not text, and text that is not Unicode.
    """
    try:
        return (_encode(value) if _is_plain(value) else _write(value)).encode()
    except UnicodeEncodeError as error:
        raise FormatError("text with lone surrogates has no canonical form", remedy=_REMEDY) from error


def read_json(data: bytes) -> Any:
    """Read JSON that somebody else wrote: UTF-8, whose text is Unicode, so that it can be compared, signed and shown.

    No object names a member twice: of two values one program reads the first, another the last.

    Raises
    ------
    FormatError
        If its text is not Unicode, a member stands there twice, or it has NaN or Infinity for a number.
    ValueError, RecursionError
        If it is no JSON.
    """
    try:
        text = data.decode()
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_no_number)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise FormatError("text in it is no Unicode", remedy=_AGAIN) from error
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise FormatError(f"{twice[:80]!r} stands there twice", remedy=_AGAIN)
    return members


def _no_number(text: str) -> Any:
    raise FormatError(f"{text} is no number in JSON", remedy=_AGAIN)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
"""The standard library's writer in C: the same text, as long as all keys are ASCII, where every order of strings is one."""


def _is_plain(value: JSON) -> bool:
    if value is None or isinstance(value, (str, bool)):
        return True
    if isinstance(value, int):
        return abs(value) <= _SAFE_INTEGER
    if isinstance(value, dict):
        for key, item in value.items():
            if not (isinstance(key, str) and key.isascii()):
                return False
            if not (type(item) is str or item is None or _is_plain(item)):  # most are text: no call for each
                return False
        return True
    return isinstance(value, (list, tuple)) and ({*map(type, value)} == {str} or all(map(_is_plain, value)))


def _write(value: JSON) -> str:
    if value is None or isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > _SAFE_INTEGER:
            raise FormatError(f"{value} is too large for canonical JSON", remedy=_REMEDY)
        return str(value)
    if isinstance(value, Mapping):
        keys = sorted(value, key=_utf16)
        return (
            "{"
            + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_write(value[key])}" for key in keys)
            + "}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_write, value)) + "]"
    raise FormatError(f"{type(value).__name__} has no canonical form", remedy=_REMEDY)


def _utf16(key: str) -> bytes:
    if not isinstance(key, str):
        raise FormatError("object keys must be text", remedy=_REMEDY)
    return key.encode("utf-16-be", "surrogatepass")
