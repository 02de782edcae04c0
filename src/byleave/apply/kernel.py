"""The pass over the bytes of a URL column: canonical form, item id, and every URL, prefix, host and domain target that covers it.

Rows go through in blocks, and each step over a whole block before the next one: forms, digests, places in the table, answers. Memory that
a later step needs is asked for in an earlier one, and independent digests overlap in the processor.

A link that is plain, which most are, is read here; any link that would need more of the URL standard is handed back and comes
again in the form ``canonical_url`` gave it. A differential test holds both ways to one answer.

Arrays that come from files are read-only, so that each function is compiled once. Words are little-endian.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.apply.hosts import (
    NAME_BYTES,
    NAMES_KEPT,
    RECORD_WORDS,
    TARGETS_KEPT,
    Hosts,
    Tables,
    fetch_name,
    hits_nothing,
    host_targets,
    name_key,
    write_name,
)
from byleave.apply.tables import I64, Ints, fetch_slots, find, find_probed, mixed_key, probe
from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.links import canonical, given, new_classes
from byleave.urls.bulk.sha256 import (
    Bytes,
    Sha256,
    Word,
    Words,
    begin,
    compress,
    finish,
    new_sha256,
    pad,
)
from byleave.urls.bulk.sha_many import NO_LINE, ManyLines, hash_lines, new_many_lines
from byleave.urls.bulk.usual import usual
from byleave.urls.bulk.wide import WIDTH, copy_wide, fetch
from byleave.urls.names import DOMAIN_LABEL, HOST_LABEL, PREFIX_LABEL, URL_LABEL

__all__ = ["LINE_BYTES", "MOST_HITS", "Found", "Scratch", "Tables", "match_links", "new_scratch"]

LINE_BYTES = 34_000
"""Room for a label, the longest canonical form, 8,192 bytes of which each may become three, and what is read beyond an end."""
MOST_HITS = LINE_BYTES
"""More targets than one link can hit: every hit but two ends at another byte of its host or path."""
BLOCK_ROWS = 256
BLOCK_BYTES = 64 * 1024
"""A block ends when its lines are longer than this, which leaves room for one line of any length."""
AHEAD = 2048
"""Links this many bytes further on are asked for while one is read."""


class Block(NamedTuple):
    """Working memory for the rows of one block.

    lines
        Their lines: the label, the canonical form, then the padding of SHA-256.
    begins, host_ends, ends
        int64 (:data:`BLOCK_ROWS`,): where in it a line begins, and its host and itself end; ``begins`` is -1 for a row without one.
    keys
        uint64: the key of each host.
    names
        uint64 (:data:`BLOCK_ROWS`, 8): each host as a record of one that hits nothing.
    plain
        uint8: 1 where a host is remembered as such.
    digests
        uint64 (:data:`BLOCK_ROWS`, 4).
    mixed
        uint64: where each digest stands in the table of links, mixed with this machine's secret.
    probed
        int64: the row of that table that has it, if its tag tells the truth; -1 if none has.
    """

    lines: Bytes
    begins: Ints
    host_ends: Ints
    ends: Ints
    keys: Words
    names: Words
    plain: Bytes
    digests: Words
    mixed: Words
    probed: Ints


class Scratch(NamedTuple):
    """Working memory of one thread for one set of tables. ``label`` and ``prefix_line`` begin with their label, of ``labels`` bytes."""

    sha: Sha256
    many: ManyLines
    classes: Bytes
    label: Bytes
    prefix_line: Bytes
    labels: Ints
    block: Block
    hosts: Hosts


class Found(NamedTuple):
    """What a pass writes.

    handed_back
        uint8 (n,): 1 where the link was not plain and nothing else was written.
    items
        uint64 (n, 2): item ids.
    hosts
        int64 (n, 2): where the host begins in the data, and its length.
    rows, targets
        int64: pairs of a row and a target that covers it, by rising row.
    """

    handed_back: Bytes
    items: Words
    hosts: Ints
    rows: Ints
    targets: Ints


def new_scratch() -> Scratch:
    """Make working memory for one thread and one set of tables."""
    lines = []
    for label in (URL_LABEL, PREFIX_LABEL, HOST_LABEL, DOMAIN_LABEL):
        line = np.zeros(LINE_BYTES, np.uint8)
        line[: len(label) + 1] = np.frombuffer(label + b"\0", np.uint8)
        lines.append(line)
    block = Block(
        _by_lines(BLOCK_BYTES + LINE_BYTES),
        np.zeros(BLOCK_ROWS, np.int64),
        np.zeros(BLOCK_ROWS, np.int64),
        np.zeros(BLOCK_ROWS, np.int64),
        np.zeros(BLOCK_ROWS, np.uint64),
        _records(BLOCK_ROWS),
        np.zeros(BLOCK_ROWS, np.uint8),
        np.zeros((BLOCK_ROWS, 4), np.uint64),
        np.zeros(BLOCK_ROWS, np.uint64),
        np.zeros(BLOCK_ROWS, np.int64),
    )
    kept = _records(NAMES_KEPT)
    hosts = Hosts(
        new_sha256(),
        np.zeros(3 * NAME_BYTES, np.uint8),
        np.arange(3) * NAME_BYTES,
        np.zeros(3, np.int64),
        np.zeros((3, 4), np.uint64),
        lines[2],
        lines[3],
        np.array([len(HOST_LABEL) + 1, len(DOMAIN_LABEL) + 1], np.int64),
        kept,
        kept.view(np.int32),
        _records(1),
        np.zeros(TARGETS_KEPT + 1, np.int64),
    )
    labels = np.array([len(URL_LABEL) + 1, len(PREFIX_LABEL) + 1], np.int64)
    return Scratch(
        new_sha256(), new_many_lines(BLOCK_ROWS), new_classes(), lines[0], lines[1], labels, block, hosts
    )


def _by_lines(size: int) -> Bytes:
    """Make an array that begins where a line of the processor's cache does."""
    room = np.zeros(size + WIDTH, np.uint8)
    return room[-room.ctypes.data % WIDTH :][:size]


def _records(count: int) -> Words:
    return _by_lines(8 * RECORD_WORDS * count).view(np.uint64).reshape(count, RECORD_WORDS)


@compiled_lean
def _prefix_targets(
    line: Bytes, start: int, end: int, tables: Tables, scratch: Scratch, targets: Ints, at: int
) -> int:
    """Write the prefix targets of ``line[start:end]``: every whole path segment from the host on, and the path itself."""
    prefix_line, sha = scratch.prefix_line, scratch.sha
    out = scratch.labels[1]
    begin(sha.state)
    done = 0
    for i in range(start, end + 1):
        if i == end or line[i] == 63:
            if prefix_line[out - 1] == 47:
                break
            c = np.uint8(47)
            last = True
        else:
            c = line[i]
            last = False
        prefix_line[out] = c
        out += 1
        while done + 64 <= out:
            compress(sha.state, prefix_line, done, sha.schedule, sha.rounds)
            done += 64
        if c == 47:
            finish(prefix_line, done, out, sha)
            row = find(tables.prefix, tables.secret, sha.words)
            if row >= 0:
                targets[at] = tables.bases[1] + row
                at += 1
        if last:
            break
    return at


@compiled_within
def _write_line(
    data: Bytes,
    at: int,
    end: int,
    raw: bool,  # noqa: FBT001 - a compiled loop takes no keyword-only arguments
    start: int,
    row: int,
    place: int,
    scratch: Scratch,
    found: Found,
) -> tuple[int, int]:
    """Write the canonical form of a link behind ``lines[:start]``, and its host; return where its host and it itself end, or -1 twice."""
    lines, names = scratch.block.lines, scratch.block.names
    if raw:
        host_end, out, first, last = usual(data, at, end, lines, start)
        if host_end >= 0:
            write_name(data, first, last, names, place)
        else:
            host_end, out, first, last = canonical(data, at, end, lines, start, scratch.classes)
            write_name(lines, start, host_end, names, place)
        found.hosts[row, 0] = first
        found.hosts[row, 1] = last - first
        return host_end, out
    host_end, out = given(data, at, end, lines, start, LINE_BYTES - 128)
    write_name(lines, start, host_end, names, place)
    return host_end, out


@compiled_within
def _write_block(
    data: Bytes,
    offsets: Ints,
    absent: npt.NDArray[np.bool_],
    raw: bool,  # noqa: FBT001 - a compiled loop takes no keyword-only arguments
    first: int,
    tables: Tables,
    scratch: Scratch,
    found: Found,
) -> int:
    """Write the lines of rows from ``first`` on; return how many rows that were."""
    block = scratch.block
    label = scratch.labels[0]
    out, count = 0, 0
    while count < BLOCK_ROWS and first + count < offsets.shape[0] - 1 and out < BLOCK_BYTES:
        row, place = first + count, count
        count += 1
        block.begins[place] = NO_LINE
        if absent[row]:
            continue
        fetch(data, offsets[row] + AHEAD)
        fetch(data, offsets[row] + AHEAD + WIDTH)
        copy_wide(block.lines, out, scratch.label, 0)
        host_end, end = _write_line(
            data, offsets[row], offsets[row + 1], raw, out + label, row, place, scratch, found
        )
        if host_end < 0:
            found.handed_back[row] = 1
            continue
        block.begins[place] = out
        block.host_ends[place] = host_end
        block.ends[place] = end
        block.keys[place] = name_key(block.names, place, tables.secret)
        fetch_name(block.keys[place], scratch.hosts)
        out = pad(block.lines, out, end)
    return count


@compiled_within
def _name_block(first: int, count: int, tables: Tables, scratch: Scratch, found: Found) -> None:
    """Write the digest of each line, the item id, where the digest stands in the table of links, and whether its host is of interest."""
    block = scratch.block
    hash_lines(block.lines, block.begins, block.ends, count, scratch.many, block.digests)
    for place in range(count):
        if block.begins[place] == NO_LINE:
            continue
        found.items[first + place, 0] = block.digests[place, 0]
        found.items[first + place, 1] = block.digests[place, 1]
        block.mixed[place] = mixed_key(tables.secret, block.digests[place])
        fetch_slots(tables.url, block.mixed[place])
        block.plain[place] = hits_nothing(block.keys[place], block.names, place, scratch.hosts)


@compiled_within
def _probe_block(count: int, tables: Tables, block: Block) -> None:
    """Find by its tag where each digest may stand in the table of links, so that the digest there is on its way before it is compared."""
    for place in range(count):
        if block.begins[place] != NO_LINE:
            block.probed[place] = probe(tables.url, block.mixed[place])


@compiled_lean
def match_links(
    data: Bytes,
    offsets: Ints,
    absent: npt.NDArray[np.bool_],
    raw: bool,  # noqa: FBT001 - a compiled loop takes no keyword-only arguments
    first: int,
    tables: Tables,
    scratch: Scratch,
    found: Found,
) -> tuple[int, int]:
    """Match the links ``data[offsets[i]:offsets[i + 1]]`` from row ``first`` on; ``raw`` says that they are not canonical yet.

    Returns the row it stopped before, which is the end unless the room for hits ran out, and the number of hits written.
    """
    count: Word = I64(0)  # for a plain 0 every loop it is handed to would be compiled twice
    room = found.targets.shape[0] - MOST_HITS
    block = scratch.block
    label = scratch.labels[0]
    row, size = first, offsets.shape[0] - 1
    while row < size:
        rows = _write_block(data, offsets, absent, raw, row, tables, scratch, found)
        _name_block(row, rows, tables, scratch, found)
        _probe_block(rows, tables, block)
        for place in range(rows):
            if block.begins[place] == NO_LINE or (block.plain[place] and block.probed[place] < 0):
                continue
            if count > room:
                return row + place, count
            before, start, end = count, block.begins[place] + label, block.ends[place]
            count, prefixed = host_targets(
                block.lines, start, block.host_ends[place], block.keys[place], block.names, place,
                tables, scratch.hosts, found.targets, count,
            )  # fmt: skip
            if prefixed:
                count = _prefix_targets(block.lines, start, end, tables, scratch, found.targets, count)
            hit = find_probed(tables.url, block.probed[place], block.mixed[place], block.digests[place])
            if hit >= 0:
                found.targets[count] = tables.bases[0] + hit
                count += 1
            for i in range(before, count):
                found.rows[i] = row + place
        row += rows
    return size, count
