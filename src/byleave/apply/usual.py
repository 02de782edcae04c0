"""The canonical form of the usual link, which is the link itself less scheme and ``www.``: checked 64 bytes at a time, then copied.

A link that is not usual is left to ``byleave.apply.links``, which knows more and goes byte by byte; both say the same of any link
that this one takes.
"""

from __future__ import annotations

import numpy as np

from byleave.apply.links import LONGEST_LINK
from byleave.apply.sha256 import U64, Bytes
from byleave.apply.wide import (
    WIDTH,
    ampersands,
    bits_above,
    copy_bytes,
    dots,
    host_letters,
    letters_a,
    letters_n,
    letters_x,
    load_word,
    low_bits,
    lowest_bit,
    notable,
    slashes,
)
from byleave.compiled import compiled_within

HTTP = U64(int.from_bytes(b"http://\0", "little"))
HTTPS = U64(int.from_bytes(b"https://", "little"))
WWW = U64(int.from_bytes(b"www.", "little"))
SEVEN_BYTES = U64(2**56 - 1)
FOUR_BYTES = U64(2**32 - 1)
ONE = U64(1)
SHORTEST = 16
"""Shorter links are left alone, so that words may be read without asking whether there are eight bytes more."""


@compiled_within
def _host_start(data: Bytes, at: int, end: int) -> int:
    """Return where the host begins behind scheme and one ``www.``, or -1."""
    if end - at < SHORTEST:
        return -1
    word = load_word(data, at)
    if word == HTTPS:
        at += 8
    elif word & SEVEN_BYTES == HTTP:
        at += 7
    else:
        return -1
    if load_word(data, at) & FOUR_BYTES == WWW:
        at += 4
    return at


@compiled_within
def _usual_host(line: Bytes, at: int) -> int:
    """Return the length of the host at ``at``, which a slash must follow within 64 bytes, or -1 if it needs a closer look."""
    length = lowest_bit(slashes(line, at))
    if length == WIDTH or length == 0:
        return -1
    inside = low_bits(length)
    if host_letters(line, at) & inside != inside:
        return -1
    between = dots(line, at) & inside
    begins = (between << ONE) | ONE
    if begins & (between | (ONE << U64(length))):
        return -1
    if begins & letters_x(line, at) & (letters_n(line, at) >> ONE):
        return -1
    top = line[at + WIDTH - 1 - bits_above(begins)]
    return -1 if 48 <= top <= 57 else length


@compiled_within
def _usual_rest(line: Bytes, at: int, skipped: int, length: int) -> bool:
    """Whether everything behind the first ``skipped`` bytes may stay as it is: nothing to encode, no entity, no dot segment."""
    odd = U64(0)
    wanted = low_bits(length) & ~low_bits(skipped)
    for chunk in range(0, length, WIDTH):
        place = at + chunk
        here = notable(line, place) | (ampersands(line, place) & letters_a(line, place + 1))
        odd |= (here | (slashes(line, place) & dots(line, place + 1))) & wanted
        wanted = low_bits(length - chunk - WIDTH)
    return bool(odd == U64(0)) and line[at + length - 1] != 63


@compiled_within
def usual(data: Bytes, at: int, end: int, line: Bytes, out: int) -> tuple[int, int, int, int]:
    """Write the canonical form of the usual link ``data[at:end]`` behind ``line[:out]``, which has 64 bytes of room beyond the link's own.

    Returns where its host and it itself end in the line, and where its host begins and ends in the data; -1 if it is not usual.
    """
    start = _host_start(data, at, end)
    if start < 0 or end - at > LONGEST_LINK:
        return -1, -1, -1, -1
    length = end - start
    copy_bytes(line, out, data, start, length)
    line[out + length] = np.uint8(0)
    size = _usual_host(line, out)
    if size < 0 or size >= length or not _usual_rest(line, out, size, length):
        return -1, -1, -1, -1
    again = load_word(line, out) & FOUR_BYTES == WWW
    lost = data[start - 1] == 46 and dots(line, out) & low_bits(size) == U64(0)
    if again or lost:
        return -1, -1, -1, -1
    return out + size, out + length, start, start + size
