"""A release compiled on this machine: memory-mapped tables of targets under a local secret, and the statements behind each.

A ruleset belongs to one release and one machine. It is derived: throw it away and compile it again.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.kernel import Tables
from byleave.apply.sections import REMEDY, Array, map_sections, write_sections
from byleave.apply.sha256 import Words
from byleave.apply.tables import Ints, Table, build_slots
from byleave.apply.wholeness import is_known_whole, note_path, note_whole
from byleave.consent import (
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Statement,
    TargetKind,
    Use,
)
from byleave.errors import FormatError, InputError, VerificationError
from byleave.fingerprints import ClaimedPicture
from byleave.release import Release, open_synced
from byleave.release.leaves import fixed

if TYPE_CHECKING:
    from byleave.apply.deciding import ChoiceWords, Decider, Decisions

KINDS = (
    TargetKind.URL,
    TargetKind.PREFIX,
    TargetKind.HOST,
    TargetKind.DOMAIN,
    TargetKind.DIGEST,
    TargetKind.PICTURE,
    TargetKind.TEXT,
    TargetKind.SOUND,
)
"""Kinds in the order of their target numbers."""

STATES = tuple(ClaimState)
_PREFERENCES = tuple(Preference)
_LEVELS = tuple(Evidence)
ROW_ARRAYS = (
    "claim",
    "claimant",
    "preferences",
    "evidence",
    "state",
    "flags",
    "effective_at",
    "expires_at",
    "number",
)

FILED_AS = "filed_as"
"""In the union of several rulesets: the ids that registries gave their claims, where ``claim`` is one of the union's own."""

MOST_TARGETS = 2**31 - 3
"""The kernel remembers targets of hosts as 32-bit numbers, with two set apart."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = np.iinfo(np.int64).min
_RELEASE_REMEDY = "update Byleave, then sync again"


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A mapped ruleset. Targets are numbered over all kinds; target ``t`` has the rows ``starts[t]:starts[t + 1]``.

    number, manifest_digest
        Of the release it was compiled from.
    bases
        int64 (9,): first target number of each of :data:`KINDS`, then the number of targets.
    origins
        The registry it is of; of a union all of them, see :mod:`byleave.apply.merging`.
    folders
        The synced folders it was loaded from by :meth:`load`.
    """

    number: int
    manifest_digest: bytes
    secret: Words
    bases: Ints
    starts: Ints
    tables: Mapping[TargetKind, Table]
    prefix_hosts: Table
    rows: Mapping[str, Array]
    picture_values: npt.NDArray[np.uint8]
    picture_targets: Ints
    origins: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    deciders: dict[str, Decider] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, *folders: Path | str) -> Ruleset:
        """Map the ruleset of the release in force in a synced folder, verified again; of several folders, of their union.

        Raises
        ------
        NotFoundError, FormatError, VerificationError
            If there is none, it was not compiled here, or it does not verify.
        InputError
            If no folder is named, or one registry twice.
        """
        from byleave.apply.registries import open_registries

        paths = tuple(Path(folder) for folder in folders)
        return replace(open_registries(paths).ruleset, folders=paths)

    def decider(self, **words: Unpack[ChoiceWords]) -> Decider:
        """Return what decides under written choices; the same choices give the same one. For a ruleset from :meth:`load`."""
        from byleave.apply.deciding import Decider

        if not self.folders:
            raise InputError("this ruleset was not loaded from a folder", remedy="use Ruleset.load(folder)")
        key = repr(sorted(words.items()))
        if key not in self.deciders:
            self.deciders[key] = Decider.of_words(self.folders, **words)
        return self.deciders[key]

    def decide(self, rows: pa.RecordBatch, **words: Unpack[ChoiceWords]) -> Decisions:
        """Decide about a batch and say why; see :meth:`byleave.apply.deciding.Decider.decide`."""
        return self.decider(**words).decide(rows)

    def keep_mask(self, rows: pa.Table | pa.RecordBatch, **words: Unpack[ChoiceWords]) -> pa.BooleanArray:
        """Say for each row of a table or batch whether it stays; see :meth:`byleave.apply.deciding.Decider.keep_mask`."""
        return self.decider(**words).keep_mask(rows)

    @property
    def is_union(self) -> bool:
        """Whether it stands for several registries."""
        return FILED_AS in self.rows

    @property
    def targets(self) -> int:
        """How many targets there are."""
        return int(self.bases[-1])

    def kernel_tables(self) -> Tables:
        """Return what the kernel probes."""
        return Tables(
            url=self.tables[TargetKind.URL],
            prefix=self.tables[TargetKind.PREFIX],
            prefix_hosts=self.prefix_hosts,
            host=self.tables[TargetKind.HOST],
            domain=self.tables[TargetKind.DOMAIN],
            bases=self.bases,
            secret=self.secret,
        )

    def kind_of(self, target: int) -> TargetKind:
        """Return what sort of target a number stands for."""
        return KINDS[bisect_right(self.bases.tolist(), target) - 1]

    def targets_of(self, kinds: Iterable[TargetKind]) -> range:
        """Return the numbers of all targets of ``kinds``, which stand side by side in :data:`KINDS`."""
        places = sorted(KINDS.index(kind) for kind in kinds)
        return range(int(self.bases[places[0]]), int(self.bases[places[-1] + 1]))

    def digest_of(self, target: int) -> bytes:
        """Return the 32-byte digest of a target."""
        kind = self.kind_of(target)
        digest: bytes = self.tables[kind].keys[target - int(self.bases[KINDS.index(kind)])].tobytes()
        return digest

    def claims_of(self, target: int) -> list[bytes]:
        """Return the 16-byte ids of the claims that name a target."""
        return [row.tobytes() for row in self.rows["claim"][self.starts[target] : self.starts[target + 1]]]

    def statements(self, target: int) -> tuple[Statement, ...]:
        """Return everything that was said about a target."""
        kind, digest = self.kind_of(target), self.digest_of(target)
        return tuple(
            self._statement(row, kind, digest)
            for row in range(int(self.starts[target]), int(self.starts[target + 1]))
        )

    def _statement(self, row: int, kind: TargetKind, digest: bytes) -> Statement:
        rows = self.rows
        flags = int(rows["flags"][row])
        return Statement(
            claim=rows["claim"][row].tobytes(),
            claimant=rows["claimant"][row].tobytes(),
            kind=kind,
            digest=digest,
            preferences=Preferences(*(_PREFERENCES[p] for p in rows["preferences"][row].tolist())),
            evidence=_LEVELS[rows["evidence"][row]],
            state=STATES[int(rows["state"][row])],
            number=int(rows["number"][row]),
            effective_at=_moment(int(rows["effective_at"][row])),
            expires_at=_moment(int(rows["expires_at"][row])),
            disputed=bool(flags & 1),
            stale=bool(flags & 2),
        )


def ruleset_path(folder: Path, number: int) -> Path:
    """Where the ruleset of release ``number`` stands in a synced folder."""
    return folder / f"ruleset-{number}.bin"


def compile_ruleset(release: Release, folder: Path) -> Path:
    """Compile a verified release into ``folder/ruleset-<N>.bin``; it appears at once. Returns its path.

    Raises
    ------
    FormatError
        If a row of the release holds a value this version does not know.
    """
    path = ruleset_path(folder, release.number)
    arrays = compile_claims(release.claims())
    facts: dict[str, str | int] = {
        "number": release.number,
        "manifest_sha256": release.manifest_digest.hex(),
        "origins": release.origin,
    }
    write_sections(path, facts, arrays)
    return path


def compile_synced(folder: Path) -> Path:
    """Compile the release in force in a synced folder and remove rulesets of others. Running processes keep what they mapped."""
    path = compile_ruleset(open_synced(folder), folder)
    for other in folder.glob("ruleset-*.bin"):
        if other != path:
            other.unlink(missing_ok=True)
            note_path(other).unlink(missing_ok=True)
    return path


def compile_claims(claims: pa.Table) -> dict[str, Array]:
    """Turn the rows of a release into the arrays of a ruleset, under a new secret."""
    secret = np.frombuffer(secrets.token_bytes(16), np.uint64)
    parts = [claims.filter(pc.equal(claims["kind"], kind.value)) for kind in KINDS]
    if sum(part.num_rows for part in parts) != claims.num_rows:
        raise FormatError("the release holds targets of a kind not known here", remedy=_RELEASE_REMEDY)
    arrays: dict[str, Array] = {"secret": secret}
    bases, counts, ordered = [0], [np.zeros(1, np.int64)], []
    for kind, part in zip(KINDS, parts, strict=True):
        digests = _fixed(part["digest"], 32).view(np.uint64)
        order, firsts = _grouped(digests)
        keys = digests[order][firsts]
        arrays[f"slots.{kind.value}"] = build_slots(keys, secret)
        arrays[f"keys.{kind.value}"] = keys
        counts.append(np.diff(np.append(firsts, part.num_rows)))
        bases.append(bases[-1] + len(keys))
        ordered.append(part.take(pa.array(order)))
    arrays |= _prefix_hosts(parts[KINDS.index(TargetKind.PREFIX)], secret)
    arrays |= _picture_values(ordered[KINDS.index(TargetKind.PICTURE)], arrays["keys.picture"], bases)
    arrays["bases"] = np.array(bases, np.int64)
    arrays["starts"] = np.cumsum(np.concatenate(counts), dtype=np.int64)
    return arrays | _rows(pa.concat_tables(ordered))


def load_ruleset(path: Path, number: int, manifest_digest: bytes) -> Ruleset:
    """Map a compiled ruleset and make sure it belongs to the release one means.

    Its bytes are all checked when it is first mapped, and whenever the file has changed; in between, mapping reads next to nothing.

    Raises
    ------
    NotFoundError, FormatError, VerificationError
        If it is missing, of another format, damaged, or of another release. The remedy is to compile it again.
    """
    checked = is_known_whole(path)
    facts, arrays = map_sections(path, checked=checked)
    if facts.get("number") != number or facts.get("manifest_sha256") != manifest_digest.hex():
        raise VerificationError(f"{path} was compiled from another release", remedy=REMEDY)
    try:
        ruleset = Ruleset(
            number=number,
            manifest_digest=manifest_digest,
            secret=arrays["secret"],
            bases=arrays["bases"],
            starts=arrays["starts"],
            tables={k: Table(arrays[f"slots.{k.value}"], arrays[f"keys.{k.value}"]) for k in KINDS},
            prefix_hosts=Table(arrays["slots.prefix_hosts"], arrays["keys.prefix_hosts"]),
            rows={name: arrays[name] for name in (*ROW_ARRAYS, *({FILED_AS} & arrays.keys()))},
            picture_values=arrays["picture_values"],
            picture_targets=arrays["picture_targets"],
            origins=tuple(filter(None, str(facts.get("origins", "")).split("\n"))),
        )
    except KeyError as error:
        raise FormatError(f"{path} lacks the section {error}", remedy=REMEDY) from error
    if not checked:
        _check_tables(ruleset, path)
        note_whole(path)
    return ruleset


def _check_tables(ruleset: Ruleset, path: Path) -> None:
    """Refuse tables that would send the kernel out of bounds or round in circles."""
    for table in (*ruleset.tables.values(), ruleset.prefix_hosts):
        size, used = len(table.slots), np.count_nonzero(table.slots)
        rows = (table.slots & np.uint64(0xFFFFFFFF)).max(initial=np.uint64(0))
        if size & (size - 1) or not used < size or used != len(table.keys) or int(rows) > len(table.keys):
            raise VerificationError(f"a table of {path} is damaged", remedy=REMEDY)
    if ruleset.targets > MOST_TARGETS:
        raise FormatError(f"{path} has too many targets for this version", remedy=_RELEASE_REMEDY)
    if len(ruleset.starts) != ruleset.targets + 1 or int(ruleset.starts[-1]) != len(ruleset.rows["number"]):
        raise VerificationError(f"the rows of {path} are damaged", remedy=REMEDY)


def _grouped(digests: Words) -> tuple[Ints, Ints]:
    """Return an order that puts equal digests side by side, and where in it each distinct digest begins."""
    names = digests.view(np.uint8).reshape(-1, 32).view("S32")[:, 0]
    # A release's rows come sorted; sorting ten million of them once more would take as long as all the rest.
    if (names[1:] >= names[:-1]).all():
        order = np.arange(len(digests))
    else:
        order = np.lexsort(digests.byteswap().T[::-1])
    same = digests[order]
    changes = np.flatnonzero((same[1:] != same[:-1]).any(axis=1)) + 1
    return order, np.concatenate([np.zeros(min(len(order), 1), np.int64), changes])


def _prefix_hosts(part: pa.Table, secret: Words) -> dict[str, Array]:
    if part["scope_host"].null_count:
        raise FormatError("the release holds a path prefix without its host", remedy=_RELEASE_REMEDY)
    hosts = _fixed(part["scope_host"], 32).view(np.uint64)
    order, firsts = _grouped(hosts)
    keys = hosts[order][firsts]
    return {"slots.prefix_hosts": build_slots(keys, secret), "keys.prefix_hosts": keys}


def _picture_values(pictures: pa.Table, keys: Words, bases: list[int]) -> dict[str, Array]:
    places = {key.tobytes(): place for place, key in enumerate(keys)}
    first = bases[KINDS.index(TargetKind.PICTURE)]
    ticked = {
        (first + places[digest], variant)
        for digest, value in zip(pictures["digest"].to_pylist(), pictures["value"].to_pylist(), strict=True)
        if value is not None
        for variant in ClaimedPicture.parse(value).variants
    }
    ordered = sorted(ticked)
    return {
        "picture_targets": np.array([target for target, _ in ordered], np.int64),
        "picture_values": np.frombuffer(b"".join(v for _, v in ordered), np.uint8).reshape(-1, 32),
    }


def _rows(table: pa.Table) -> dict[str, Array]:
    preferences = np.stack([_numbers(table[use.value], np.uint8) for use in Use], axis=1)
    evidence = _numbers(table["evidence"], np.uint8)
    known = pc.is_in(table["state"], pa.array([state.value for state in STATES]))
    if preferences.max(initial=0) > max(Preference) or evidence.max(initial=0) > max(Evidence):
        raise FormatError("the release holds a preference or level not known here", remedy=_RELEASE_REMEDY)
    if table.num_rows and not pc.all(known).as_py():
        raise FormatError("the release holds a claim state not known here", remedy=_RELEASE_REMEDY)
    state = pc.index_in(table["state"], pa.array([state.value for state in STATES]))
    flags = _numbers(pc.cast(table["disputed"], pa.uint8()), np.uint8)
    flags = flags | (_numbers(pc.cast(table["stale"], pa.uint8()), np.uint8) << np.uint8(1))
    return {
        "claim": _fixed(table["claim"], 16),
        "claimant": _fixed(table["claimant"], 16),
        "preferences": preferences,
        "evidence": evidence,
        "state": _numbers(state, np.uint8),
        "flags": flags,
        "effective_at": _numbers(pc.cast(table["effective_at"], pa.int64()), np.int64),
        "expires_at": _numbers(pc.cast(table["expires_at"], pa.int64()), np.int64),
        "number": _numbers(table["number"], np.int64),
    }


def _fixed(column: pa.ChunkedArray, width: int) -> npt.NDArray[np.uint8]:
    """View a column of fixed-size binaries without nulls as uint8 (n, width)."""
    joined = column.combine_chunks()
    chunks = joined.chunks if isinstance(joined, pa.ChunkedArray) else [joined]
    return np.concatenate([np.zeros((0, width), np.uint8), *(fixed(chunk, width) for chunk in chunks)])


def _numbers(column: pa.ChunkedArray, dtype: npt.DTypeLike) -> Array:
    filled = pc.fill_null(column, _NEVER) if column.null_count else column
    return np.asarray(filled.to_numpy()).astype(dtype)


def _moment(microseconds: int) -> datetime | None:
    return None if microseconds == _NEVER else _EPOCH + timedelta(microseconds=microseconds)
