"""One pass over the bytes of a URL column: canonical form, item id, and every URL, prefix, host and domain target that covers it.

A link that is plain, which most are, is read here; any link that would need more of the URL standard is handed back and comes
again in the form ``canonical_url`` gave it. A differential test holds both ways to one answer.

Arrays that come from files are read-only, so that each function is compiled once. Words are little-endian.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.apply.links import canonical, given, new_classes
from byleave.apply.sha256 import Bytes, Sha256, Word, Words, begin, compress, finish, hash_line, new_sha256
from byleave.apply.tables import I64, Ints, Table, find
from byleave.compiled import compiled_lean
from byleave.urls.names import DOMAIN_LABEL, HOST_LABEL, PREFIX_LABEL, URL_LABEL

LINE_BYTES = 34_000
"""Room for a label and the longest canonical form: 8,192 bytes of which each may become three."""
HOSTS_KEPT = 65_536
HOST_BYTES_KEPT = 64
HITS_KEPT = 4
MOST_HITS = LINE_BYTES
"""More targets than one link can hit: every hit but two ends at another byte of its host or path."""


class Tables(NamedTuple):
    """The tables a link is probed against, the first target number of each kind, and this machine's secret, uint64 (2,).

    ``bases`` int64 (4,): url, prefix, host, domain.
    """

    url: Table
    prefix: Table
    prefix_hosts: Table
    host: Table
    domain: Table
    bases: Ints
    secret: Words


class Scratch(NamedTuple):
    """Working memory of one thread: lines that begin with their label (url, host, domain, prefix), and hosts seen of late.

    ``kept`` int64 (:data:`HOSTS_KEPT`, 16) holds a record per host: its length, how many targets it hits, whether it has prefixes, the
    targets, and from byte 64 on, seen through ``kept_bytes``, its name. One record is two lines of the processor's cache.
    """

    sha: Sha256
    classes: Bytes
    url_line: Bytes
    host_line: Bytes
    domain_line: Bytes
    prefix_line: Bytes
    labels: Ints
    kept: Ints
    kept_bytes: Bytes


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
    labels = [label + b"\0" for label in (URL_LABEL, HOST_LABEL, DOMAIN_LABEL, PREFIX_LABEL)]
    lines = [np.zeros(LINE_BYTES, np.uint8) for _ in labels]
    for line, label in zip(lines, labels, strict=True):
        line[: len(label)] = np.frombuffer(label, np.uint8)
    kept = np.zeros((HOSTS_KEPT, 8 + HOST_BYTES_KEPT // 8), np.int64)
    return Scratch(
        new_sha256(),
        new_classes(),
        lines[0],
        lines[1],
        lines[2],
        lines[3],
        np.array([len(label) for label in labels], np.int64),
        kept,
        kept.view(np.uint8),
    )


@compiled_lean
def _host_targets(
    line: Bytes, start: int, end: int, tables: Tables, scratch: Scratch, targets: Ints, at: int
) -> tuple[int, bool]:
    """Write the host and domain targets of ``line[start:end]``; return the new count and whether the host has prefixes."""
    host_line, domain_line = scratch.host_line, scratch.domain_line
    out = scratch.labels[1]
    for i in range(start, end):
        host_line[out] = line[i]
        out += 1
    prefixed = False
    if tables.host.keys.shape[0] + tables.prefix_hosts.keys.shape[0] > 0:
        hash_line(host_line, out, scratch.sha)
        row = find(tables.host, tables.secret, scratch.sha.words)
        if row >= 0:
            targets[at] = tables.bases[2] + row
            at += 1
        prefixed = find(tables.prefix_hosts, tables.secret, scratch.sha.words) >= 0
    if tables.domain.keys.shape[0] == 0:
        return at, prefixed
    for first in range(start, end):
        if first > start and line[first - 1] != 46:
            continue
        out = scratch.labels[2]
        for i in range(first, end):
            domain_line[out] = line[i]
            out += 1
        hash_line(domain_line, out, scratch.sha)
        row = find(tables.domain, tables.secret, scratch.sha.words)
        if row >= 0:
            targets[at] = tables.bases[3] + row
            at += 1
    return at, prefixed


@compiled_lean
def _is_kept(kept: Bytes, place: Word, line: Bytes, start: int, length: int) -> bool:
    different = 0
    for i in range(length):
        different |= kept[place, 64 + i] ^ line[start + i]
    return different == 0


@compiled_lean
def _kept_host_targets(
    line: Bytes, start: int, end: int, tables: Tables, scratch: Scratch, targets: Ints, at: int
) -> tuple[int, bool]:
    """As :func:`_host_targets`, remembering the hosts seen of late: neighbours in a dataset often share one."""
    length = end - start
    if length > HOST_BYTES_KEPT:
        return _host_targets(line, start, end, tables, scratch, targets, at)
    mixed = np.uint64(1469598103934665603)
    for i in range(start, end):
        mixed = np.uint64((mixed ^ np.uint64(line[i])) * np.uint64(1099511628211))
    place = I64((mixed ^ (mixed >> np.uint64(29))) & np.uint64(HOSTS_KEPT - 1))
    kept, names = scratch.kept, scratch.kept_bytes
    if kept[place, 0] == length and _is_kept(names, place, line, start, length):
        count = kept[place, 1]
        for i in range(count):
            targets[at + i] = kept[place, 3 + i]
        return at + count, kept[place, 2] == 1
    after, prefixed = _host_targets(line, start, end, tables, scratch, targets, at)
    if after - at <= HITS_KEPT:
        kept[place, 0] = length
        kept[place, 1] = after - at
        kept[place, 2] = 1 if prefixed else 0
        for i in range(length):
            names[place, 64 + i] = line[start + i]
        for i in range(after - at):
            kept[place, 3 + i] = targets[at + i]
    return after, prefixed


@compiled_lean
def _prefix_targets(
    line: Bytes, start: int, end: int, tables: Tables, scratch: Scratch, targets: Ints, at: int
) -> int:
    """Write the prefix targets of ``line[start:end]``: every whole path segment from the host on, and the path itself."""
    prefix_line, sha = scratch.prefix_line, scratch.sha
    out = scratch.labels[3]
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
    count = 0
    room = found.targets.shape[0] - MOST_HITS
    line = scratch.url_line
    start = scratch.labels[0]
    for row in range(first, offsets.shape[0] - 1):
        if count > room:
            return row, count
        if absent[row]:
            continue
        at, end = offsets[row], offsets[row + 1]
        if raw:
            host_end, out, first_byte, last = canonical(data, at, end, line, start, scratch.classes)
            found.hosts[row, 0] = first_byte
            found.hosts[row, 1] = last - first_byte
        else:
            host_end, out = given(data, at, end, line, start)
        if host_end < 0:
            found.handed_back[row] = 1
            continue
        before = count
        count, prefixed = _kept_host_targets(line, start, host_end, tables, scratch, found.targets, count)
        if prefixed:
            count = _prefix_targets(line, start, out, tables, scratch, found.targets, count)
        hash_line(line, out, scratch.sha)
        found.items[row, 0] = scratch.sha.words[0]
        found.items[row, 1] = scratch.sha.words[1]
        hit = find(tables.url, tables.secret, scratch.sha.words)
        if hit >= 0:
            found.targets[count] = tables.bases[0] + hit
            count += 1
        for i in range(before, count):
            found.rows[i] = row
    return offsets.shape[0] - 1, count
