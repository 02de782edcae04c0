"""Match the rows of one batch: which targets cover each, what its item id is, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from byleave.apply.counting import Names
from byleave.apply.covering import CoverageTables
from byleave.apply.kernel import MOST_HITS, Found, match_links, new_scratch
from byleave.apply.near import NearNumbers
from byleave.apply.ruleset import KINDS, Ruleset
from byleave.apply.sidecars.comparing import PictureComparer
from byleave.apply.sidecars.seen import Seen, Stated
from byleave.apply.tables import Ints, find_many, read_only
from byleave.consent import TargetKind
from byleave.errors import FormatError
from byleave.urls import MAX_URL_BYTES, canonical_url, host_of, item_id_of_bytes
from byleave.urls.bulk.sha256 import Bytes, Words

Flags = npt.NDArray[np.bool_]

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Matched:
    """What was found out about the ``n`` rows of a batch.

    items
        uint8 (n, 16): item ids, zero where ``named`` is false.
    named
        bool (n,): whether the row has an item id.
    bad_link, bad_digest
        bool (n,): a link, or the digest of a file, that is there and cannot be read; a row with neither is a bad link.
    with_digest
        bool (n,): whether the row says what its file's SHA-256 is, or what stands beside it does.
    rows, targets
        int64 (k,): pairs of a row and a target that covers it, by rising row. Targets from ``ruleset.targets`` on are places in the
        coverage.
    linked
        bool (n,): whether the row has a link that could be read, and so was compared by it.
    checked
        bool (n,): whether the pixels behind the row were compared by the coverage.
    printed
        bool (n,): whether they were compared by a fingerprint that stands beside the row.
    review
        bool (n,): whether a flat picture is near a claimed one, so that a person should look.
    stated
        The digests that the rows state, if there is a column of them.
    seen
        What stands beside the rows, if anything does.
    """

    items: Bytes
    named: Flags
    bad_link: Flags
    bad_digest: Flags
    with_digest: Flags
    rows: Ints
    targets: Ints
    linked: Flags
    checked: Flags
    printed: Flags
    review: Flags
    stated: Stated | None
    seen: Seen | None
    hosts: Ints
    link_data: Bytes
    odd_hosts: dict[int, str]

    def host(self, row: int) -> str:
        """Return the host of a row, or an empty text where it has none that can be read."""
        if row in self.odd_hosts:
            return self.odd_hosts[row]
        start, length = (int(number) for number in self.hosts[row])
        return self.link_data[start : start + length].tobytes().decode("ascii")

    def count_hosts(self, rows: Ints, names: Names) -> None:
        """Count the hosts of some rows, int64 (n,), each distinct."""
        if self.odd_hosts:
            odd = np.zeros(len(self.named), bool)
            odd[np.fromiter(self.odd_hosts, np.int64, len(self.odd_hosts))] = True
            others = [self.odd_hosts[row] for row in rows[odd[rows]].tolist()]
            names.add(pa.array(others, pa.large_string()))
            rows = rows[~odd[rows]]
        spans = self.hosts[rows]
        names.add_spans(self.link_data, spans[:, 0], spans[:, 1])


class Matcher:
    """Matches batches against one ruleset and, if given, one coverage. Holds working memory: one per thread."""

    def __init__(self, ruleset: Ruleset, coverage: CoverageTables | None) -> None:
        self._ruleset = ruleset
        self._coverage = coverage
        self._comparer = PictureComparer(ruleset, NearNumbers.of(ruleset, coverage))
        self._tables = ruleset.kernel_tables()
        self._scratch = new_scratch()
        self._pairs = np.empty((2, 0), np.int64)

    def match(
        self, links: pa.Array | None, digests: pa.Array | None, size: int, seen: Seen | None = None
    ) -> Matched:
        """Match ``size`` rows by their links, the SHA-256 digests of their files, and what stands beside them; what is not there is ``None``."""
        linked = self._match_links(links, size)
        named, items, rows, targets = linked.named, linked.items, linked.rows, linked.targets
        known, bad_digest = np.zeros(size, bool), np.zeros(size, bool)
        printed, review = np.zeros(size, bool), np.zeros(size, bool)
        pairs, stated = [(rows, targets)], None
        if digests is not None:
            values, known, bad_digest = read_digests(digests)
            self._name_by_bytes(items, named, linked.absent, values, known)
            pairs.append(self._match_digests(values, known))
            stated = Stated(values, known)
        if seen is not None:
            unnamed = linked.absent & ~known
            self._name_by_bytes(items, named, unnamed, seen.digests, seen.with_digest)
            pairs.append(self._match_digests(seen.digests, seen.with_digest))
            near_rows, near_numbers, review = self._comparer.compare(seen)
            pairs.append((near_rows, near_numbers))
            printed, known = seen.with_print, known | seen.with_digest
        named |= linked.absent & known
        checked, covered = self._match_coverage(items, named)
        rows, targets = (np.concatenate(part) for part in zip(*pairs, covered, strict=True))
        order = np.argsort(rows, kind="stable")
        return Matched(
            items=items,
            named=named,
            bad_link=linked.unreadable | (linked.absent & ~known & ~bad_digest),
            bad_digest=bad_digest,
            with_digest=known,
            linked=~(linked.absent | linked.unreadable),
            rows=rows[order],
            targets=targets[order],
            checked=checked,
            printed=printed,
            review=review,
            stated=stated,
            seen=seen,
            hosts=linked.hosts,
            link_data=linked.data,
            odd_hosts=linked.odd_hosts,
        )

    def _match_coverage(self, items: Bytes, named: Flags) -> tuple[Flags, tuple[Ints, Ints]]:
        """Return which rows a coverage has looked at, and those that it found to be covered, with their targets."""
        if self._coverage is None:
            return np.zeros(len(named), bool), (np.zeros(0, np.int64), np.zeros(0, np.int64))
        words = read_only(items.view(np.uint64).reshape(-1, 2))
        places = self._find(self._coverage.matched, words)
        rows = np.flatnonzero(named & (places >= 0))
        checked = named & (self._find(self._coverage.checked, words) >= 0)
        return checked, (rows, places[rows] + self._ruleset.targets)

    def _match_links(self, links: pa.Array | None, size: int) -> _Linked:
        if links is None:
            links = pa.nulls(size, pa.large_binary())
        data, offsets, absent = link_buffers(links)
        found, rows, targets = self._pass(data, offsets, absent, raw=True)
        unreadable, odd_hosts = np.zeros(size, bool), dict[int, str]()
        odd = np.flatnonzero(found.handed_back)
        if len(odd):
            texts = [_canonical_or_none(data, offsets, int(row)) for row in odd]
            odd_hosts = {
                int(row): host_of(text) if text else "" for row, text in zip(odd, texts, strict=True)
            }
            unreadable[odd] = [text is None for text in texts]
            data2, offsets2, absent2 = link_buffers(pa.array(texts, pa.large_string()))
            again, odd_rows, odd_targets = self._pass(data2, offsets2, absent2, raw=False)
            unreadable[odd] |= again.handed_back.astype(bool)
            found.items[odd] = again.items
            rows, targets = np.concatenate([rows, odd[odd_rows]]), np.concatenate([targets, odd_targets])
        items = found.items.view(np.uint8).reshape(size, 16)
        items[unreadable] = 0
        return _Linked(
            items, ~(absent | unreadable), absent, unreadable, rows, targets, found.hosts, data, odd_hosts
        )

    def _pass(self, data: Bytes, offsets: Ints, absent: Flags, *, raw: bool) -> tuple[Found, Ints, Ints]:
        size = len(offsets) - 1
        if len(self._pairs[0]) < MOST_HITS + 2 * size:
            self._pairs = np.empty((2, MOST_HITS + 2 * size), np.int64)
        found = Found(
            np.zeros(size, np.uint8),
            np.zeros((size, 2), np.uint64),
            np.zeros((size, 2), np.int64),
            *self._pairs,
        )
        row, pairs = 0, []
        while True:
            row, count = match_links(data, offsets, absent, raw, row, self._tables, self._scratch, found)
            pairs.append((found.rows[:count].copy(), found.targets[:count].copy()))
            if row == size:
                break
        return found, np.concatenate([r for r, _ in pairs]), np.concatenate([t for _, t in pairs])

    def _find(self, table: Any, words: Words) -> Ints:
        places = np.empty(len(words), np.int64)
        find_many(table, self._tables.secret, words, places)
        return places

    def _match_digests(self, values: Bytes, known: Flags) -> tuple[Ints, Ints]:
        words = read_only(values.view(np.uint64).reshape(len(values), 4))
        places = self._find(self._ruleset.tables[TargetKind.DIGEST], words)
        rows = np.flatnonzero(known & (places >= 0))
        return rows, places[rows] + self._ruleset.bases[KINDS.index(TargetKind.DIGEST)]

    @staticmethod
    def _name_by_bytes(items: Bytes, named: Flags, absent: Flags, values: Bytes, known: Flags) -> None:
        for row in np.flatnonzero(absent & known & ~named):
            items[row] = np.frombuffer(item_id_of_bytes(values[row].tobytes()), np.uint8)


@dataclass(frozen=True, slots=True)
class _Linked:
    items: Bytes
    named: Flags
    absent: Flags
    unreadable: Flags
    rows: Ints
    targets: Ints
    hosts: Ints
    data: Bytes
    odd_hosts: dict[int, str]


def link_buffers(links: pa.Array) -> tuple[Bytes, Ints, Flags]:
    """Return the bytes, the offsets int64 (n + 1,) and the nulls of a column of text or bytes; views where Arrow allows."""
    if pa.types.is_dictionary(links.type):
        links = links.dictionary_decode()
    if not is_textual(links.type):
        raise FormatError(
            f"the column of links holds {links.type}, not text", remedy="write the links as text"
        )
    wide = pa.types.is_large_binary(links.type) or pa.types.is_large_string(links.type)
    if not (wide or pa.types.is_binary(links.type) or pa.types.is_string(links.type)):
        links, wide = links.cast(pa.large_binary()), True
    _, offsets, data = links.buffers()
    # A cast to 64-bit offsets would copy the bytes of the links as well.
    kind = np.dtype(np.int64 if wide else np.int32)
    first = kind.itemsize * links.offset
    wanted = np.frombuffer(offsets, kind, len(links) + 1, first) if len(links) else _NO_OFFSETS
    wanted = wanted.astype(np.int64, copy=False)
    absent = links.is_null().to_numpy(zero_copy_only=False)
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else _NO_BYTES
    return read_only(content), read_only(wanted), read_only(absent)


def is_textual(kind: pa.DataType) -> bool:
    """Whether a column of this type may hold links."""
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_string_view(kind)
        or types.is_binary_view(kind)
        or (types.is_dictionary(kind) and is_textual(kind.value_type))
    )


def read_digests(column: pa.Array) -> tuple[Bytes, Flags, Flags]:
    """Read SHA-256 digests, as 32 bytes or 64 hex digits; return uint8 (n, 32), which are there, and which cannot be read.

    An empty text counts as none: downloaders write it for what they failed to fetch. Text is never taken for 32 bytes: it may be another digest in hex.
    """
    is_text = _is_text(column.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    values = np.zeros((len(column), DIGEST_BYTES), np.uint8)
    known, unreadable = np.zeros(len(column), bool), np.zeros(len(column), bool)
    left = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    if is_textual(column.type):
        left = _read_plain(
            column, values, known, (2 * DIGEST_BYTES,) if is_text else (DIGEST_BYTES, 2 * DIGEST_BYTES)
        )
        column = column.cast(pa.large_binary()) if len(left) else column
    for row in left.tolist():
        value = column[row].as_py()
        digest = _digest(value, is_text=is_text) if value else None
        unreadable[row] = bool(value) and digest is None
        if digest is not None:
            known[row], values[row] = True, np.frombuffer(digest, np.uint8)
    return values, known, unreadable


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return bool(
        pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)
    )


def _read_plain(column: pa.Array, values: Bytes, known: Flags, sizes: Sequence[int]) -> Ints:
    """Read what is 32 bytes or 64 hex digits, as ``sizes`` say, and nothing else, all at a time; return the rows of other texts, int64 (k,)."""
    data, offsets, absent = link_buffers(column)
    lengths = np.where(absent, 0, np.diff(offsets))
    for size in sizes:
        rows = np.flatnonzero(lengths == size)
        if not len(rows):
            continue
        found = np.lib.stride_tricks.sliding_window_view(data, size)[offsets[rows]]
        if size > DIGEST_BYTES:
            pairs = _HEX_PAIRS[found.view("<u2")]
            good = pairs.max(axis=1) < _NO_PAIR
            rows, found = rows[good], pairs.astype(np.uint8)[good]
        values[rows], known[rows] = found, True
    return np.flatnonzero((lengths > 0) & ~known)


def _digest(value: object, *, is_text: bool) -> bytes | None:
    if not isinstance(value, bytes):
        return None
    if len(value) == DIGEST_BYTES and not is_text:
        return value
    try:
        digest = bytes.fromhex(value.decode("ascii"))
    except ValueError:
        return None
    return digest if len(digest) == DIGEST_BYTES else None


def _canonical_or_none(data: Bytes, offsets: Ints, row: int) -> str | None:
    begin, end = int(offsets[row]), int(offsets[row + 1])
    if end - begin > MAX_URL_BYTES:
        return None
    try:
        return canonical_url(data[begin:end].tobytes().decode())
    except (UnicodeDecodeError, FormatError):
        return None


_NO_OFFSETS = np.zeros(1, np.int64)
_NO_BYTES = np.zeros(1, np.uint8)


def _hex_pairs() -> npt.NDArray[np.uint16]:
    """Return what two hex digits stand for, uint16 (65536,), by both as one number, the first in its lower byte."""
    pairs = np.full(2**16, _NO_PAIR, np.uint16)
    digits = {ord(digit): int(digit, 16) for digit in "0123456789abcdefABCDEF"}
    for first, high in digits.items():
        for second, low in digits.items():
            pairs[second << 8 | first] = high << 4 | low
    return pairs


_NO_PAIR = 256
_HEX_PAIRS = _hex_pairs()
