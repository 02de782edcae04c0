"""Messages between this process and the one that decodes strangers' pictures: JSON facts and raw bytes, never objects.

A message is a 4-byte big-endian length, that many bytes of JSON, then the parts whose sizes the JSON lists under ``parts``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

FACTS_BYTES = 65_536

PICTURES_PER_CHILD = 100
"""After so many pictures a child is replaced: what one stranger's file may have done to it does not last."""

DESCRIBE, CLAIMED_PICTURE, FINGERPRINT = "describe", "claimed_picture", "fingerprint"
"""What a child can be asked to ``do``."""

Facts = dict[str, Any]


class BrokenMessageError(ValueError):
    """The other side ended, or did not keep to the form."""


def write_message(stream: BinaryIO, facts: Facts, parts: Sequence[bytes] = ()) -> None:
    """Send one message and flush it."""
    head = json.dumps({**facts, "parts": [len(part) for part in parts]}).encode()
    stream.write(len(head).to_bytes(4, "big") + head)
    stream.writelines(parts)
    stream.flush()


def read_message(stream: BinaryIO, *, most_bytes: int) -> tuple[Facts, list[bytes]]:
    """Receive one message whose parts have at most ``most_bytes`` in all.

    Raises
    ------
    BrokenMessageError
        For anything else, before memory for it is taken.
    """
    length = int.from_bytes(_exactly(stream, 4), "big")
    if length > FACTS_BYTES:
        raise BrokenMessageError(f"{length} bytes of facts")
    try:
        facts = json.loads(_exactly(stream, length))
        sizes = facts.pop("parts")
        if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) > most_bytes:
            raise BrokenMessageError("parts of impossible size")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenMessageError(str(error)) from error
    return facts, [_exactly(stream, size) for size in sizes]


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise BrokenMessageError("the stream ended")
    return data
