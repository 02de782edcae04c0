"""Parts that the line formats of a log share: decimal numbers and base64, each with exactly one way to write a value."""

from __future__ import annotations

import base64
import re

from byleave.errors import FormatError

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1
"""Largest tree size we read; a path from leaf to root then has at most 63 hashes."""

MAX_PATH = 63

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_REMEDY = "fetch the file again, whole; do not edit it"


def read_decimal(text: str, *, what: str) -> int:
    """Read an ASCII decimal in 0..2**63-1 without sign, spaces or leading zeroes."""
    value = int(text) if _DECIMAL.fullmatch(text) else MAX_SIZE + 1
    if value > MAX_SIZE:
        raise FormatError(f"{what} is not a plain decimal number: {text[:40]!r}", remedy=_REMEDY)
    return value


def read_base64(text: str, *, what: str) -> bytes:
    """Read standard base64, with padding and without stray bits, so that no two texts mean the same bytes."""
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise FormatError(f"{what} is not base64", remedy=_REMEDY) from error
    if write_base64(value) != text:
        raise FormatError(f"{what} is base64 written in an unusual way", remedy=_REMEDY)
    return value


def read_hash(text: str, *, what: str) -> bytes:
    """Read the base64 of one 32-byte hash."""
    value = read_base64(text, what=what)
    if len(value) != HASH_BYTES:
        raise FormatError(f"{what} has {len(value)} bytes, not {HASH_BYTES}", remedy=_REMEDY)
    return value


def write_base64(value: bytes) -> str:
    """Write standard base64 on one line."""
    return base64.b64encode(value).decode()


def text_of(data: bytes, *, limit: int, what: str) -> str:
    """Decode at most ``limit`` bytes of strict UTF-8 that came from outside."""
    if len(data) > limit:
        raise FormatError(
            f"{what} has more than {limit} bytes", remedy="fetch it from the place that made it"
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{what} is not UTF-8 text", remedy=_REMEDY) from error
