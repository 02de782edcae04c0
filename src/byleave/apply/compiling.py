"""Compile the rows of a release into a ruleset, a batch at a time.

The rows come sorted, as a release holds them, and go straight to their places in the file. What grows with the list in memory are
the slots of one table at a time and the first rows of targets: 35 bytes for each target at most.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.ruleset import KINDS, ruleset_path
from byleave.apply.sections import Array, Room, SectionsFile, new_sections
from byleave.apply.statements import (
    FLAGS_SHIFT,
    NEVER,
    RECORD_WORDS,
    STATES,
    Statements,
    as_records,
    new_statements,
)
from byleave.apply.tables import Ints, slots_for, slots_of
from byleave.apply.wholeness import note_path
from byleave.consent import Evidence, Preference, TargetKind, Use
from byleave.errors import FormatError
from byleave.fingerprints import MOST_VARIANTS, PDQ_BYTES, ClaimedPicture
from byleave.release import Release, open_synced
from byleave.release.leaves import fixed
from byleave.release.patching import read_rows
from byleave.storage import alone_in
from byleave.urls.bulk.sha256 import Words

Rows = Callable[[list[str]], Iterable[pa.RecordBatch]]
"""Gives the rows of a release in their order, by the columns one wants; asked for more than once."""

KIND = "kind"
COLUMNS = [
    "claim",
    "claimant",
    KIND,
    "digest",
    "scope_host",
    "value",
    *(use.value for use in Use),
    "evidence",
    "state",
    "disputed",
    "stale",
    "effective_at",
    "expires_at",
    "number",
]
"""Columns that a ruleset is made of."""

SECRET_BYTES = 16
MOST_ROWS = 2**32 - 1
"""Targets say by 32-bit numbers where their rows begin."""

_KIND_NAMES = pa.array([kind.value for kind in KINDS])
_STATE_NAMES = pa.array([state.value for state in STATES])
_DIGEST = "S32"
_REMEDY = "update Byleave, then sync again"


def compile_ruleset(release: Release, folder: Path) -> Path:
    """Compile a verified release into ``folder/ruleset-<N>.bin``; it appears at once. Returns its path.

    Raises
    ------
    FormatError
        If a row of the release holds a value this version does not know, or is out of order.
    ConflictError
        If another process is at work in the folder.
    """
    path = ruleset_path(folder, release.number)
    facts: dict[str, str | int] = {
        "number": release.number,
        "manifest_sha256": release.manifest_digest.hex(),
        "origins": release.origin,
    }
    with alone_in(folder):
        compile_rows(partial(read_rows, release), path, facts, secrets.token_bytes(SECRET_BYTES))
    return path


def compile_synced(folder: Path) -> Path:
    """Compile the release in force in a synced folder and remove rulesets of others. Running processes keep what they mapped."""
    path = compile_ruleset(open_synced(folder), folder)
    for other in folder.glob("ruleset-*.bin"):
        if other != path:
            other.unlink(missing_ok=True)
            note_path(other).unlink(missing_ok=True)
    return path


def compile_rows(rows: Rows, path: Path, facts: Mapping[str, str | int], secret: bytes) -> None:
    """Compile rows into the file ``path``, which appears at once.

    Parameters
    ----------
    secret
        16 random bytes. The same rows under the same secret give the same bytes, however the rows are cut into batches.

    Raises
    ------
    FormatError
        As for :func:`compile_ruleset`.
    """
    counts = _count(rows)
    with new_sections(path, facts, _rooms(counts)) as file:
        compiler = _Compiler(file, counts)
        for batch in rows(COLUMNS):
            compiler.add(batch)
        compiler.finish(np.frombuffer(secret, np.uint64))


class _Kind:
    """The rows of one kind: where in the ruleset the next one goes, and the distinct digests so far."""

    def __init__(self, kind: TargetKind, first: int) -> None:
        self.keys = f"keys.{kind.value}"
        self.slots = f"slots.{kind.value}"
        self.next = first
        self.targets = 0
        self.begins: list[Ints] = []
        self._last = np.zeros(0, _DIGEST)

    def fresh(self, digests: npt.NDArray[np.uint8]) -> Ints:
        """Return which rows of a batch, by their digests, uint8 (n, 32), begin another target.

        Raises
        ------
        FormatError
            If they do not follow the rows before.
        """
        names = np.ascontiguousarray(digests).view(_DIGEST)[:, 0]
        known = len(self._last)
        follow = np.concatenate([self._last, names])
        self._last = names[-1:].copy()
        if (follow[1:] < follow[:-1]).any():
            raise FormatError(
                "the rows of the release are out of order", remedy="tell the registry's operator"
            )
        places: Ints = np.flatnonzero(follow[1:] != follow[:-1]) + 1 - known
        return places if known else np.concatenate([np.zeros(1, np.int64), places])


class _Compiler:
    """Puts rows into their places in a ruleset: kind by kind in the order of :data:`KINDS`, and as they come within each."""

    def __init__(self, file: SectionsFile, counts: Ints) -> None:
        self._file = file
        self._total = int(counts.sum())
        firsts = np.cumsum(counts) - counts
        self._kinds = [_Kind(kind, int(first)) for kind, first in zip(KINDS, firsts, strict=True)]
        self._hosts = np.zeros(0, _DIGEST)
        self._new_hosts: list[npt.NDArray[np.bytes_]] = []
        self._pictures: list[tuple[Ints, npt.NDArray[np.uint8]]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch, each run of one kind by itself."""
        numbers = _kind_numbers(batch)
        bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for begin, end in pairwise(bounds):
            if begin < end:
                self._add_run(self._kinds[numbers[begin]], batch.slice(begin, end - begin))

    def _add_run(self, kind: _Kind, rows: pa.RecordBatch) -> None:
        digests = fixed(rows["digest"], 32)
        fresh = kind.fresh(digests)
        self._file.put(kind.keys, digests[fresh].view(np.uint64), kind.targets)
        self._file.put("statements", as_records(_statements(rows)), kind.next)
        if kind.keys == "keys.prefix":
            self._add_hosts(rows)
        if kind.keys == "keys.picture" and rows["value"].null_count < len(rows):
            starts = np.zeros(len(rows), np.int64)
            starts[fresh] = 1
            self._pictures.append(_variants(rows["value"], kind.targets - 1 + np.cumsum(starts)))
        kind.begins.append(fresh + kind.next)
        kind.targets += len(fresh)
        kind.next += len(rows)

    def _add_hosts(self, rows: pa.RecordBatch) -> None:
        if rows["scope_host"].null_count:
            raise FormatError("the release holds a path prefix without its host", remedy=_REMEDY)
        hosts = np.ascontiguousarray(fixed(rows["scope_host"], 32)).view(_DIGEST)[:, 0]
        self._new_hosts.append(np.unique(hosts))
        if sum(map(len, self._new_hosts)) > len(
            self._hosts
        ):  # so that each is sorted a few times, and few are held twice
            self._hosts = np.unique(np.concatenate([self._hosts, *self._new_hosts]))
            self._new_hosts.clear()

    def finish(self, secret: Words) -> None:
        """Write what is known once all rows are there: the numbers of targets, their rows, and where every digest stands."""
        file, targets = self._file, 0
        bases = np.zeros(len(KINDS) + 1, np.int64)
        for place, kind in enumerate(self._kinds):
            for begins in kind.begins:
                file.put("starts", begins, targets)
                targets += len(begins)
            kind.begins.clear()
            bases[place + 1] = targets
        file.put("starts", np.array([self._total]), targets)
        file.put("bases", bases)
        file.put("secret", secret)
        for kind in self._kinds:
            file.put(kind.slots, slots_of(file.pieces(kind.keys), kind.targets, secret))
        hosts = np.unique(np.concatenate([self._hosts, *self._new_hosts])).view(np.uint64).reshape(-1, 4)
        file.put("keys.prefix_hosts", hosts)
        file.put("slots.prefix_hosts", slots_of([hosts], len(hosts), secret))
        self._write_pictures(int(bases[KINDS.index(TargetKind.PICTURE)]))

    def _write_pictures(self, first: int) -> None:
        if not self._pictures:
            return
        ticked = np.concatenate([values for _, values in self._pictures])
        targets = np.concatenate([numbers for numbers, _ in self._pictures])
        # One claimant's values are another's as well; sorted by target, then by value, repeats stand side by side.
        words = ticked.view(">u8")
        order = np.lexsort((*words.T[::-1], targets))
        ticked, targets = ticked[order], targets[order]
        fresh = np.ones(len(targets), bool)
        fresh[1:] = (ticked[1:] != ticked[:-1]).any(axis=1) | (targets[1:] != targets[:-1])
        self._file.put("picture_values", ticked[fresh])
        self._file.put("picture_targets", targets[fresh] + first)


def _count(rows: Rows) -> Ints:
    """Return how many rows there are of each of :data:`KINDS`."""
    counts = np.zeros(len(KINDS), np.int64)
    for batch in rows([KIND]):
        counts += np.bincount(_kind_numbers(batch), minlength=len(KINDS))
    if counts.sum() > MOST_ROWS:
        raise FormatError("the release has too many rows for this version", remedy=_REMEDY)
    return counts


def _rooms(counts: Ints) -> dict[str, Room]:
    """Return room for every array: there are as many targets as rows, at most."""
    rows = dict(zip(KINDS, map(int, counts), strict=True))
    total, hosts = int(counts.sum()), rows[TargetKind.PREFIX]
    variants = rows[TargetKind.PICTURE] * MOST_VARIANTS
    rooms = {"secret": Room(np.uint64, 2), "bases": Room(np.int64, len(KINDS) + 1)}
    rooms["starts"] = Room(np.uint32, total + 1)
    rooms["statements"] = Room(np.uint64, total, (RECORD_WORDS,))
    for name, count in (*((kind.value, rows[kind]) for kind in KINDS), ("prefix_hosts", hosts)):
        rooms[f"keys.{name}"] = Room(np.uint64, count, (4,))
        rooms[f"slots.{name}"] = Room(np.uint64, slots_for(count))
    rooms["picture_values"] = Room(np.uint8, variants, (PDQ_BYTES,))
    rooms["picture_targets"] = Room(np.int64, variants)
    return rooms


def _kind_numbers(batch: pa.RecordBatch) -> npt.NDArray[np.int32]:
    numbers = pc.index_in(batch[KIND], _KIND_NAMES)
    if numbers.null_count:
        raise FormatError("the release holds targets of a kind not known here", remedy=_REMEDY)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.int32)


def _statements(rows: pa.RecordBatch) -> Statements:
    preferences = np.stack([_numbers(rows[use.value], np.uint8) for use in Use], axis=1)
    evidence = _numbers(rows["evidence"], np.uint8)
    if preferences.max() > max(Preference) or evidence.max() > max(Evidence):
        raise FormatError("the release holds a preference or level not known here", remedy=_REMEDY)
    states = pc.index_in(rows["state"], _STATE_NAMES)
    if states.null_count:
        raise FormatError("the release holds a claim state not known here", remedy=_REMEDY)
    disputed, stale = (_numbers(rows[name].cast(pa.uint8()), np.uint8) for name in ("disputed", "stale"))
    flags = disputed | stale << np.uint8(1)
    return new_statements(
        len(rows),
        claim=fixed(rows["claim"], 16),
        claimant=fixed(rows["claimant"], 16),
        effective_at=_numbers(rows["effective_at"].cast(pa.int64()), np.int64),
        expires_at=_numbers(rows["expires_at"].cast(pa.int64()), np.int64),
        number=_numbers(rows["number"], np.int64),
        preferences=preferences,
        evidence=evidence,
        marks=_numbers(states, np.uint8) | flags << np.uint8(FLAGS_SHIFT),
    )


def _numbers(column: pa.Array, dtype: npt.DTypeLike) -> Array:
    filled = pc.fill_null(column, NEVER) if column.null_count else column
    return np.asarray(filled.to_numpy(zero_copy_only=False)).astype(dtype, copy=False)


def _variants(values: pa.Array, targets: Ints) -> tuple[Ints, npt.NDArray[np.uint8]]:
    """Return the picture values that were ticked, uint8 (m, 32), and which of ``targets``, one a row, each is of."""
    places = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    told = [ClaimedPicture.parse(text).variants for text in values.drop_null().to_pylist()]
    joined = b"".join(variant for variants in told for variant in variants)
    repeated = np.repeat(targets[places], [len(variants) for variants in told])
    return repeated, np.frombuffer(joined, np.uint8).reshape(-1, PDQ_BYTES)
