"""Host and domain targets, with the names seen of late remembered: datasets name few hosts often, and hosts share domains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.apply.tables import I64, Ints, Table, fetch_slots, find, mixed_key
from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha256 import U64, Bytes, Sha256, Word, Words, hash_line, hash_two, pad
from byleave.urls.bulk.wide import WIDTH, copy_first, copy_wide, differing, fetch, folded

NAMES_KEPT = 1 << 20
"""Records of a cache line each: 64 MiB, of which the system gives what is touched."""
LONGEST_KEPT = 40
TARGETS_KEPT = 3
RECORD_WORDS = 8
_LENGTH, _HOST, _COUNT, _TARGETS = 10, 11, 12, 13
_PREFIXED = 256
_FACTS = LONGEST_KEPT // 8
_OF_NAME = U64(2 ** (LONGEST_KEPT + 4) - 1)
"""The bytes of a record that say whose it is, as bits: name and length."""
_OF_NOTHING = U64(2 ** (LONGEST_KEPT + 12) - 1)
"""The bytes that also say that it hits nothing."""
NAME_BYTES = 256
HOST, DOMAIN, ABOVE = 0, 1, 2
NOT_ASKED = 0
FIRST_TARGET = 2
_NOTHING = U64(1 << 32)


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


class Hosts(NamedTuple):
    """Working memory of one thread for one set of tables.

    lines, starts, ends, digests
        Three lines of :data:`NAME_BYTES`, in which a name is hashed as a host and as a domain at once, and a domain above it, and uint64 (3, 4)
        for the results.
    host_line, domain_line
        Room behind the label of a host, and of a domain; ``labels`` int64 (2,) says how long these are.
    kept
        uint64 (:data:`NAMES_KEPT`, 8), a line of the processor's cache for each name, which is its first five words. The halves of the others,
        seen through ``facts`` int32 (:data:`NAMES_KEPT`, 16), are its length; what it hits as a host (0 not asked yet, 1 nothing, else the
        target + 2); how many targets it hits as a domain or below one, and 256 more if it has prefixes; these targets.
    parent
        uint64 (1, 8): the name of a domain above a host, as :func:`write_name` writes it.
    chain
        int64 (:data:`TARGETS_KEPT` + 1,): the domain targets of the name at hand.
    """

    sha: Sha256
    lines: Bytes
    starts: Ints
    ends: Ints
    digests: Words
    host_line: Bytes
    domain_line: Bytes
    labels: Ints
    kept: Words
    facts: npt.NDArray[np.int32]
    parent: Words
    chain: Ints


@compiled_lean
def _host_target(line: Bytes, start: int, end: int, tables: Tables, hosts: Hosts) -> tuple[Word, Word]:
    """Return the host target of ``line[start:end]`` or -1, and 1 if the host has prefixes, else 0."""
    if tables.host.keys.shape[0] + tables.prefix_hosts.keys.shape[0] == 0:
        return I64(-1), I64(0)
    out = hosts.labels[0]
    for i in range(start, end):
        hosts.host_line[out] = line[i]
        out += 1
    hash_line(hosts.host_line, out, hosts.sha)
    row = find(tables.host, tables.secret, hosts.sha.words)
    prefixed = find(tables.prefix_hosts, tables.secret, hosts.sha.words) >= 0
    return (tables.bases[2] + row if row >= 0 else I64(-1)), I64(1 if prefixed else 0)


@compiled_lean
def _domain_target(line: Bytes, start: int, end: int, tables: Tables, hosts: Hosts) -> Word:
    """Return the target of the domain ``line[start:end]``, not of those above it, or -1."""
    out = hosts.labels[1]
    for i in range(start, end):
        hosts.domain_line[out] = line[i]
        out += 1
    hash_line(hosts.domain_line, out, hosts.sha)
    row = find(tables.domain, tables.secret, hosts.sha.words)
    return tables.bases[3] + row if row >= 0 else I64(-1)


@compiled_within
def write_name(line: Bytes, start: int, end: int, names: Words, row: int) -> None:
    """Write the name ``line[start:end]`` as the record of one that hits nothing; 64 bytes of the line are read.

    Of a longer name than :data:`LONGEST_KEPT` the length tells it from any that is remembered.
    """
    length = end - start
    copy_first(names, WIDTH * row, line, start, min(length, LONGEST_KEPT))
    names[row, _FACTS] = U64(length) | _NOTHING


@compiled_within
def name_key(names: Words, row: int, secret: Words) -> Word:
    """Mix a name, as :func:`write_name` wrote it, into a word by which it is remembered."""
    one, other = secret[0], secret[1]
    first = folded(names[row, 0] ^ one, names[row, 1] ^ other)
    second = folded(names[row, 2] ^ other, names[row, 3] ^ one)
    return folded(first ^ names[row, 4] ^ one, second ^ other)


@compiled_within
def _place(key: Word) -> Word:
    return I64(key & U64(NAMES_KEPT - 1))


@compiled_within
def fetch_name(key: Word, hosts: Hosts) -> None:
    """Bring the record of a name nearer before it is needed."""
    fetch(hosts.kept, _place(key) * RECORD_WORDS)


@compiled_within
def hits_nothing(key: Word, names: Words, row: int, hosts: Hosts) -> bool:
    """Whether a name is remembered as one that hits nothing and has no prefixes."""
    different = differing(hosts.kept, WIDTH * _place(key), names, WIDTH * row)
    return bool(different & _OF_NOTHING == U64(0))


@compiled_within
def _is_kept(place: Word, names: Words, row: int, hosts: Hosts) -> bool:
    return bool(differing(hosts.kept, WIDTH * place, names, WIDTH * row) & _OF_NAME == U64(0))


@compiled_within
def _keep(place: Word, names: Words, row: int, count: int, hosts: Hosts) -> None:
    """Remember a name with the first ``count`` targets of the chain."""
    facts = hosts.facts
    copy_wide(hosts.kept, WIDTH * place, names, WIDTH * row)
    facts[place, _HOST] = NOT_ASKED
    facts[place, _COUNT] = count
    for i in range(count):
        facts[place, _TARGETS + i] = hosts.chain[i]


@compiled_lean
def _learn_domains(line: Bytes, start: int, end: int, tables: Tables, hosts: Hosts) -> int:
    """Put the domain targets of ``line[start:end]`` into the chain, the narrowest first; return how many, or -1 if they do not fit."""
    count = 0
    if tables.domain.keys.shape[0] == 0:
        return count
    for first in range(end - 1, start - 1, -1):
        if first > start and line[first - 1] != 46:
            continue
        write_name(line, first, end, hosts.parent, 0)
        place = _place(name_key(hosts.parent, 0, tables.secret))
        if _is_kept(place, hosts.parent, 0, hosts):
            count = hosts.facts[place, _COUNT] % _PREFIXED
            for i in range(count):
                hosts.chain[i] = hosts.facts[place, _TARGETS + i]
            continue
        _write_line(line, first, end, ABOVE, hosts)
        hash_two(hosts.lines, hosts.starts, hosts.ends, ABOVE, ABOVE, hosts.sha, hosts.digests)
        row = find(tables.domain, tables.secret, hosts.digests[ABOVE])
        target = tables.bases[3] + row
        if row >= 0:
            if count == TARGETS_KEPT:
                return -1
            for i in range(count, 0, -1):
                hosts.chain[i] = hosts.chain[i - 1]
            hosts.chain[0] = target
            count += 1
        _keep(place, hosts.parent, 0, count, hosts)
    return count


@compiled_within
def _write_line(line: Bytes, start: int, end: int, which: int, hosts: Hosts) -> None:
    """Write a short name behind the label of a host or a domain into the line ``which``, padded for :func:`hash_two`."""
    at = NAME_BYTES * which
    copy_wide(hosts.lines, at, hosts.host_line if which == HOST else hosts.domain_line, 0)
    at += hosts.labels[min(which, DOMAIN)]
    copy_wide(hosts.lines, at, line, start)
    hosts.ends[which] = at + end - start
    pad(hosts.lines, hosts.starts[which], hosts.ends[which])


@compiled_lean
def _learn(
    place: Word, line: Bytes, start: int, end: int, names: Words, row: int, tables: Tables, hosts: Hosts
) -> bool:
    """Find out and remember at ``place`` all about the host ``line[start:end]``; return whether it fits a record."""
    above = start
    while above < end and line[above] != 46:
        above += 1
    write_name(line, above + 1, end, hosts.parent, 0)
    fetch_name(name_key(hosts.parent, 0, tables.secret), hosts)
    _write_line(line, start, end, HOST, hosts)
    _write_line(line, start, end, DOMAIN, hosts)
    hash_two(hosts.lines, hosts.starts, hosts.ends, HOST, DOMAIN, hosts.sha, hosts.digests)
    fetch_slots(tables.domain, mixed_key(tables.secret, hosts.digests[DOMAIN]))
    fetch_slots(tables.host, mixed_key(tables.secret, hosts.digests[HOST]))
    fetch_slots(tables.prefix_hosts, mixed_key(tables.secret, hosts.digests[HOST]))
    count = _learn_domains(line, above + 1, end, tables, hosts)
    domain = find(tables.domain, tables.secret, hosts.digests[DOMAIN])
    if count < 0 or (domain >= 0 and count == TARGETS_KEPT):
        return False
    if domain >= 0:
        for i in range(count, 0, -1):
            hosts.chain[i] = hosts.chain[i - 1]
        hosts.chain[0] = tables.bases[3] + domain
        count += 1
    _keep(place, names, row, count, hosts)
    host = find(tables.host, tables.secret, hosts.digests[HOST])
    hosts.facts[place, _HOST] = tables.bases[2] + host + FIRST_TARGET if host >= 0 else FIRST_TARGET - 1
    if find(tables.prefix_hosts, tables.secret, hosts.digests[HOST]) >= 0:
        hosts.facts[place, _COUNT] += _PREFIXED
    return True


@compiled_lean
def _ask_all(
    line: Bytes, start: int, end: int, tables: Tables, hosts: Hosts, targets: Ints, at: int
) -> tuple[int, bool]:
    """As :func:`host_targets`, remembering nothing."""
    target, prefixed = _host_target(line, start, end, tables, hosts)
    if target >= 0:
        targets[at] = target
        at += 1
    if tables.domain.keys.shape[0] == 0:
        return at, prefixed == 1
    for first in range(start, end):
        if first > start and line[first - 1] != 46:
            continue
        target = _domain_target(line, first, end, tables, hosts)
        if target >= 0:
            targets[at] = target
            at += 1
    return at, prefixed == 1


@compiled_within
def host_targets(
    line: Bytes,
    start: int,
    end: int,
    key: Word,
    names: Words,
    row: int,
    tables: Tables,
    hosts: Hosts,
    targets: Ints,
    at: int,
) -> tuple[int, bool]:
    """Write the host and domain targets of ``line[start:end]`` behind ``targets[:at]``; :func:`write_name` wrote it into a row of ``names``.

    ``key`` is its :func:`name_key`. Returns the new count and whether the host has prefixes.
    """
    if end - start > LONGEST_KEPT or end == start:
        return _ask_all(line, start, end, tables, hosts, targets, at)
    facts = hosts.facts
    place = _place(key)
    if not _is_kept(place, names, row, hosts) and not _learn(
        place, line, start, end, names, row, tables, hosts
    ):
        return _ask_all(line, start, end, tables, hosts, targets, at)
    if facts[place, _HOST] == NOT_ASKED:
        target, prefixed = _host_target(line, start, end, tables, hosts)
        facts[place, _HOST] = target + FIRST_TARGET
        facts[place, _COUNT] += _PREFIXED * prefixed
    if facts[place, _HOST] >= FIRST_TARGET:
        targets[at] = facts[place, _HOST] - FIRST_TARGET
        at += 1
    count = facts[place, _COUNT]
    for i in range(count % _PREFIXED):
        targets[at] = facts[place, _TARGETS + i]
        at += 1
    return at, count >= _PREFIXED
