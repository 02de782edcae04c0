"""The canonical form of plain links, written byte by byte: the fast subset of ``byleave.urls.canonical``."""

from __future__ import annotations

import numpy as np

from byleave.compiled import compiled_lean
from byleave.urls.bulk.sha256 import Bytes

PLAIN, ESCAPE, AMPERSAND, DOT, QUERY, QUOTE, UNUSUAL = range(7)
LONGEST_LINK = 8192


def new_classes() -> Bytes:
    """Make the table uint8 (256,) that says what each byte of a link asks for; whatever browsers rewrite is ``UNUSUAL``."""
    classes = np.full(256, UNUSUAL, np.uint8)
    classes[0x21:0x7F] = PLAIN
    for byte in b'"<>`{}^|\\':
        classes[byte] = UNUSUAL
    for byte, kind in zip(b"%&.?'", (ESCAPE, AMPERSAND, DOT, QUERY, QUOTE), strict=True):
        classes[byte] = kind
    return classes


@compiled_lean
def _hex(byte: int) -> int:
    if 48 <= byte <= 57:
        return byte - 48
    if 65 <= byte <= 70:
        return byte - 55
    if 97 <= byte <= 102:
        return byte - 87
    return -1


@compiled_lean
def _is_xn(data: Bytes, at: int, end: int) -> bool:
    """Whether a label begins with ``xn``, as punycode does, which must be checked by the rules of domain names."""
    return at + 1 < end and data[at] == 120 and data[at + 1] == 110


@compiled_lean
def _plain_host(data: Bytes, at: int, end: int) -> int:
    """Return where the host ends that begins at ``at``, or -1 if it is not plain: ``[a-z0-9-]`` labels, no punycode, no number."""
    start = at
    label = at
    while at < end:
        c = data[at]
        if c == 46:
            if at == label:
                return -1
            label = at + 1
        elif c == 47 or c == 63 or c == 35:
            break
        elif not (97 <= c <= 122 or 48 <= c <= 57 or c == 45) or (at == label and _is_xn(data, at, end)):
            return -1
        at += 1
    if at in (start, label) or 48 <= data[label] <= 57:
        return -1
    return at


@compiled_lean
def _without_www(data: Bytes, at: int, end: int) -> int:
    """Return where the host begins once one leading ``www.`` is dropped, which is only done where a dotted name is left."""
    if (
        end - at > 4
        and data[at] == 119
        and data[at + 1] == 119
        and data[at + 2] == 119
        and data[at + 3] == 46
    ):
        for i in range(at + 4, end):
            if data[i] == 46:
                return at + 4
    return at


@compiled_lean
def _scheme(data: Bytes, at: int, end: int) -> int:
    """Return where the host begins after ``http://`` or ``https://``, or -1."""
    if end - at < 8 or data[at] != 104 or data[at + 1] != 116 or data[at + 2] != 116 or data[at + 3] != 112:
        return -1
    at += 5 if data[at + 4] == 115 else 4
    if data[at] != 58 or data[at + 1] != 47 or data[at + 2] != 47:
        return -1
    return at + 3


@compiled_lean
def _escaped(data: Bytes, at: int, end: int, line: Bytes, out: int) -> int:
    """Write one percent-encoded byte in its normal form; return the new length, or -1 if it is no plain one."""
    if at + 2 >= end:
        return -1
    high, low = _hex(data[at + 1]), _hex(data[at + 2])
    if high < 0 or low < 0:
        return -1
    byte = 16 * high + low
    if byte == 46 or byte == 97 or byte == 109 or byte == 112:
        return -1  # a dot may make a dot segment, and the letters of "amp" an entity
    if 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte == 45 or byte == 95 or byte == 126:
        line[out] = byte
        return out + 1
    line[out] = 37
    line[out + 1] = 48 + high if high < 10 else 55 + high
    line[out + 2] = 48 + low if low < 10 else 55 + low
    return out + 3


@compiled_lean
def _is_amp(data: Bytes, at: int, end: int) -> bool:
    """Whether ``amp;`` stands at ``at``, so that the ``&`` before it was an entity."""
    return (
        at + 4 <= end
        and data[at] == 97
        and data[at + 1] == 109
        and data[at + 2] == 112
        and data[at + 3] == 59
    )


@compiled_lean
def _is_odd(kind: int, query: int, before: int) -> bool:
    """Whether a byte asks for more than copying: browsers encode it, or a segment that begins with a dot may resolve."""
    return kind == UNUSUAL or (kind == QUOTE and query >= 0) or (kind == DOT and query < 0 and before == 47)


@compiled_lean
def _after_host(data: Bytes, at: int, end: int, line: Bytes, out: int, classes: Bytes) -> int:
    """Write path and query behind ``line[:out]``, drop the fragment; return the new length, or -1 if they are not plain."""
    query = -1
    while at < end and data[at] != 35:
        kind = classes[data[at]]
        if _is_odd(kind, query, line[out - 1]):
            return -1
        if kind == ESCAPE:
            out = _escaped(data, at, end, line, out)
            if out < 0:
                return -1
            at += 3
            continue
        if kind == QUERY and query < 0:
            query = out
        line[out] = data[at]
        out += 1
        at += 1
        if kind == AMPERSAND and _is_amp(data, at, end):
            at += 4
            if _is_amp(data, at, end):
                return -1
    for i in range(at, end):
        if classes[data[i]] == UNUSUAL:
            return -1
    return query if out == query + 1 else out


@compiled_lean
def canonical(
    data: Bytes, at: int, end: int, line: Bytes, out: int, classes: Bytes
) -> tuple[int, int, int, int]:
    """Write the canonical form of the plain link ``data[at:end]`` behind ``line[:out]``.

    Returns where its host and it itself end in the line, and where its host begins and ends in the data; -1 if it is not plain.
    """
    start = _scheme(data, at, end)
    if start < 0 or end - at > LONGEST_LINK:
        return -1, -1, -1, -1
    stop = _plain_host(data, start, end)
    if stop < 0:
        return -1, -1, -1, -1
    start = _without_www(data, start, stop)
    if _without_www(data, start, stop) != start:
        return -1, -1, -1, -1
    for i in range(start, stop):
        line[out] = data[i]
        out += 1
    host_end = out
    if stop == end or data[stop] != 47:
        line[out] = 47
        out += 1
    out = _after_host(data, stop, end, line, out, classes)
    return (host_end, out, start, stop) if out >= 0 else (-1, -1, -1, -1)


@compiled_lean
def given(data: Bytes, at: int, end: int, line: Bytes, out: int, room: int) -> tuple[int, int]:
    """Copy a link that is canonical already behind ``line[:out]``; return where its host and it itself end there.

    Both are -1 if it is longer than ``room``.
    """
    if end - at > room:
        return -1, -1
    host_end = -1
    bracket = end > at and data[at] == 91
    for i in range(at, end):
        c = data[i]
        if host_end < 0 and (c == 47 or c == 63 or (c == 58 and not bracket)):
            host_end = out
        line[out] = c
        out += 1
        if bracket and c == 93:
            bracket = False
    return (out if host_end < 0 else host_end), out
