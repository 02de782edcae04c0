"""The canonical form of the usual link, which is the link itself less scheme and ``www.``: checked 64 bytes at a time, then copied.

A link that is not usual is left to ``byleave.urls.bulk.links``, which knows more and goes byte by byte; both say the same of any link
that this one takes.
"""

from __future__ import annotations

from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.links import LONGEST_LINK
from byleave.urls.bulk.sha256 import U64, Bytes
from byleave.urls.bulk.wide import (
    WIDTH,
    ampersands,
    bits_above,
    copy_wide,
    dots,
    host_letters,
    letters_a_after_ampersands,
    letters_n_after_x,
    load_word,
    low_bits,
    lowest_bit,
    notable,
    slashes,
)

HTTP = U64(int.from_bytes(b"http://\0", "little"))
HTTPS = U64(int.from_bytes(b"https://", "little"))
WWW = U64(int.from_bytes(b"www.", "little"))
ENTITY = U64(int.from_bytes(b"amp;", "little"))
SEVEN_BYTES = U64(2**56 - 1)
FOUR_BYTES = U64(2**32 - 1)
ONE = U64(1)
SHORTEST = 16
"""Shorter links are left alone, so that words may be read without asking whether there are eight bytes more."""
LEAST = 2 * WIDTH
"""So many bytes are read and copied in any case: most links have less, and how many less is not asked."""
ROOM = LEAST
"""Bytes that must follow a link in its array."""


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
def _usual_host(data: Bytes, at: int) -> int:
    """Return the length of the host at ``at``, which a slash must follow within 64 bytes, or -1 if it needs a closer look."""
    length = lowest_bit(slashes(data, at))
    if length == WIDTH or length == 0:
        return -1
    inside = low_bits(length)
    if host_letters(data, at) & inside != inside:
        return -1
    between = dots(data, at) & inside
    begins = (between << ONE) | ONE
    if begins & (between | (ONE << U64(length))):
        return -1
    if (begins << ONE) & letters_n_after_x(data, at) & inside:
        return -1
    top = data[at + WIDTH - 1 - bits_above(begins)]
    return -1 if 48 <= top <= 57 else length


@compiled_within
def _usual_rest(data: Bytes, at: int, skipped: int, length: int) -> tuple[bool, bool]:
    """Look at everything behind the first ``skipped`` bytes: whether it is usual, and whether it may hold ``&amp;``.

    Usual is what needs no encoding and has no dot segment.
    """
    odd, entities = U64(0), U64(0)
    wanted = low_bits(length) & ~low_bits(skipped)
    for chunk in range(0, max(length, LEAST), WIDTH):
        odd |= notable(data, at + chunk) & wanted
        entities |= letters_a_after_ampersands(data, at + chunk) & wanted
        wanted = low_bits(length - chunk - WIDTH)
    return bool(odd == U64(0)) and data[at + length - 1] != 63, bool(entities != U64(0))


@compiled_lean
def _without_entities(line: Bytes, at: int, end: int) -> int:
    """Take ``amp;`` out behind each ``&`` of ``line[at:end]``; return the new end, or -1 if another one follows."""
    while at < end:
        found = ampersands(line, at) & low_bits(end - at)
        if found == U64(0):
            at += WIDTH
            continue
        at += lowest_bit(found) + 1
        if load_word(line, at) & FOUR_BYTES != ENTITY or at + 4 > end:
            continue
        for place in range(at, end - 4, WIDTH):
            copy_wide(line, place, line, place + 4)
        end -= 4
        if load_word(line, at) & FOUR_BYTES == ENTITY and at + 4 <= end:
            return -1
    return end


@compiled_within
def usual(data: Bytes, at: int, end: int, line: Bytes, out: int) -> tuple[int, int, int, int]:
    """Write the canonical form of the usual link ``data[at:end]`` behind ``line[:out]``, which has 128 bytes of room beyond the link's own.

    Returns where its host and it itself end in the line, and where its host begins and ends in the data; -1 if it is not usual. The last
    links of an array are left to the other way, since more is read at a time than they may have.
    """
    start = _host_start(data, at, end) if end + ROOM <= data.shape[0] and end - at <= LONGEST_LINK else -1
    if start < 0:
        return -1, -1, -1, -1
    length = end - start
    size = _usual_host(data, start)
    if size < 0 or size >= length:
        return -1, -1, -1, -1
    plain, entities = _usual_rest(data, start, size, length)
    again = load_word(data, start) & FOUR_BYTES == WWW
    lost = data[start - 1] == 46 and dots(data, start) & low_bits(size) == U64(0)
    if not plain or again or lost:
        return -1, -1, -1, -1
    for chunk in range(0, max(length, LEAST), WIDTH):
        copy_wide(line, out + chunk, data, start + chunk)
    stop = out + length
    if entities:
        stop = _without_entities(line, out + size, stop)
    return (out + size, stop, start, start + size) if stop >= 0 else (-1, -1, -1, -1)
