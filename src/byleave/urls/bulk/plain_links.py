"""Digests and hosts of many plain links, without their canonical forms ever becoming texts."""

from __future__ import annotations

import numpy as np

from byleave.compiled import compiled_lean
from byleave.urls.bulk.links import LONGEST_LINK, canonical, new_classes
from byleave.urls.bulk.sha256 import Bytes, Ints, Words, pad
from byleave.urls.bulk.sha_many import NO_LINE, ROOM, ManyLines, hash_lines, new_many_lines
from byleave.urls.bulk.usual import ROOM as ROOM_BEHIND
from byleave.urls.bulk.usual import usual
from byleave.urls.names import URL_LABEL

_AT_ONCE = 256
_LABEL = np.frombuffer(URL_LABEL + b"\0", np.uint8)
_LINE_BYTES = LONGEST_LINK + 128
"""Room for a label, a canonical form, which is at most a byte longer than its link, and the padding of SHA-256."""


def name_plain_links(links: list[bytes]) -> tuple[bytes, Ints]:
    """Name the links that are plain.

    Returns the digests of their canonical forms, 32 bytes each, one behind the other, and where their hosts begin and end in them, int64 (n, 2);
    -1 twice, and zeros, for each that is not plain.
    """
    size = len(links)
    data = np.frombuffer(b"".join(links) + bytes(ROOM_BEHIND), np.uint8)
    offsets = np.zeros(size + 1, np.int64)
    np.cumsum(np.fromiter(map(len, links), np.int64, size), out=offsets[1:])
    hosts, digests = np.empty((size, 2), np.int64), np.zeros((size, 4), np.uint64)
    lines = np.empty(_AT_ONCE * _LINE_BYTES + ROOM, np.uint8)
    begins, ends = np.empty(_AT_ONCE, np.int64), np.empty(_AT_ONCE, np.int64)
    _name(data, offsets, _LABEL, new_classes(), lines, begins, ends, new_many_lines(_AT_ONCE), digests, hosts)
    return digests.tobytes(), hosts


@compiled_lean
def _name(
    data: Bytes,
    offsets: Ints,
    label: Bytes,
    classes: Bytes,
    lines: Bytes,
    begins: Ints,
    ends: Ints,
    many: ManyLines,
    digests: Words,
    hosts: Ints,
) -> None:
    size = len(hosts)
    for first in range(0, size, _AT_ONCE):
        count, out = min(_AT_ONCE, size - first), 0
        for place in range(count):
            at, end = offsets[first + place], offsets[first + place + 1]
            begins[place] = NO_LINE
            for i in range(len(label)):
                lines[out + i] = label[i]
            stop, ends[place], begun, ended = usual(data, at, end, lines, out + len(label))
            if stop < 0:
                stop, ends[place], begun, ended = canonical(data, at, end, lines, out + len(label), classes)
            if stop < 0:
                hosts[first + place] = -1
                continue
            hosts[first + place, 0], hosts[first + place, 1] = begun - at, ended - at
            begins[place] = out
            out = pad(lines, out, ends[place])
        hash_lines(lines, begins, ends, count, many, digests[first : first + count])
