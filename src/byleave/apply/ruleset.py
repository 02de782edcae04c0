"""A release compiled on this machine: memory-mapped tables of targets under a local secret, and the statements behind each.

A ruleset belongs to one release and one machine. It is derived: throw it away and compile it again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from byleave.apply.choice_words import paths_of
from byleave.apply.kernel import Tables
from byleave.apply.sections import REMEDY, map_sections
from byleave.apply.statements import (
    FLAGS_SHIFT,
    NEVER,
    STATE_MASK,
    STATES,
    Statements,
    as_statements,
)
from byleave.apply.tables import LINE_SLOTS, Ints, Table, read_only
from byleave.apply.wholeness import is_known_whole, note_whole
from byleave.consent import (
    Evidence,
    Preference,
    Preferences,
    Statement,
    TargetKind,
)
from byleave.errors import FormatError, InputError, VerificationError
from byleave.urls.bulk.sha256 import Words

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

_PREFERENCES = tuple(Preference)
_LEVELS = tuple(Evidence)

FILED_AS = "filed_as"
"""In the union of several rulesets: the section of the ids that registries gave their claims, where ``claim`` is one of the union's own."""

MOST_TARGETS = 2**31 - 3
"""The kernel remembers targets of hosts as 32-bit numbers, with two set apart."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHECKED_SLOTS = 1024 * 1024
"""Slots of a table looked at together when it is checked."""
_RELEASE_REMEDY = "update Byleave, then sync again"


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A mapped ruleset. Targets are numbered over all kinds; target ``t`` has the statements ``starts[t]:starts[t + 1]``, one at least.

    number, manifest_digest
        Of the release it was compiled from.
    bases
        int64 (9,): first target number of each of :data:`KINDS`, then the number of targets.
    starts
        uint32 (targets + 1,).
    records
        uint64 (k, :data:`byleave.apply.statements.RECORD_WORDS`): the statements as loops see them.
    filed_as
        Of a union, uint8 (k, 16): the ids that registries gave the claims of statements, where ``claim`` is one of the union's own.
    origins
        The registry it is of; of a union all of them, see :mod:`byleave.apply.merging`.
    folders
        The synced folders it was loaded from by :meth:`load`.
    """

    number: int
    manifest_digest: bytes
    secret: Words
    bases: Ints
    starts: npt.NDArray[np.uint32]
    tables: Mapping[TargetKind, Table]
    prefix_hosts: Table
    records: Words
    picture_values: npt.NDArray[np.uint8]
    picture_targets: Ints
    filed_as: npt.NDArray[np.uint8] | None = None
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
            If no folder is named, or one registry twice, or something else than text or a path.
        """
        from byleave.apply.registries import open_registries

        paths = paths_of(folders, "a folder of a ruleset")
        return replace(open_registries(paths).ruleset, folders=paths)

    def decider(self, **words: Unpack[ChoiceWords]) -> Decider:
        """Return what decides under written choices; the same choices give the same one. For a ruleset from :meth:`load`.

        Raises
        ------
        InputError
            If a choice is not known, is missing, or is of another type than :class:`byleave.apply.deciding.ChoiceWords` names.
        """
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
        return self.filed_as is not None

    @property
    def rows(self) -> Statements:
        """The statements, by the columns of :data:`byleave.apply.statements.STATEMENT`."""
        return as_statements(self.records)

    @property
    def targets(self) -> int:
        """How many targets there are."""
        return int(self.bases[-1])

    def kernel_tables(self) -> Tables:
        """Return what the kernel probes, read-only like the arrays of a mapped file: for others it would be compiled once more."""
        return Tables(
            url=self.tables[TargetKind.URL],
            prefix=self.tables[TargetKind.PREFIX],
            prefix_hosts=self.prefix_hosts,
            host=self.tables[TargetKind.HOST],
            domain=self.tables[TargetKind.DOMAIN],
            bases=read_only(self.bases),
            secret=read_only(self.secret),
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

    def rows_of(self, target: int) -> range:
        """Return the numbers of the statements about a target."""
        return range(int(self.starts[target]), int(self.starts[target + 1]))

    def spans(self, targets: Ints) -> tuple[Ints, Ints]:
        """Return where the statements about targets begin, and how many there are, int64 (n,) each."""
        begins = self.starts[targets].astype(np.int64)
        return begins, self.starts[targets + 1] - begins

    def claims_of(self, target: int) -> list[bytes]:
        """Return the 16-byte ids of the claims that name a target."""
        rows = self.rows_of(target)
        return [row.tobytes() for row in self.rows["claim"][rows.start : rows.stop]]

    def statements(self, target: int) -> tuple[Statement, ...]:
        """Return everything that was said about a target."""
        return tuple(self.statement(row, target) for row in self.rows_of(target))

    def statement(self, row: int, target: int) -> Statement:
        """Return one statement about a target by its number."""
        said, kind, digest = self.rows[row], self.kind_of(target), self.digest_of(target)
        marks = int(said["marks"])
        return Statement(
            claim=said["claim"].tobytes(),
            claimant=said["claimant"].tobytes(),
            kind=kind,
            digest=digest,
            preferences=Preferences(*(_PREFERENCES[p] for p in said["preferences"].tolist())),
            evidence=_LEVELS[said["evidence"]],
            state=STATES[marks & STATE_MASK],
            number=int(said["number"]),
            effective_at=_moment(int(said["effective_at"])),
            expires_at=_moment(int(said["expires_at"])),
            disputed=bool(marks >> FLAGS_SHIFT & 1),
            stale=bool(marks >> FLAGS_SHIFT & 2),
        )


def ruleset_path(folder: Path, number: int) -> Path:
    """Where the ruleset of release ``number`` stands in a synced folder."""
    return folder / f"ruleset-{number}.bin"


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
            records=arrays["statements"],
            picture_values=arrays["picture_values"],
            picture_targets=arrays["picture_targets"],
            filed_as=arrays.get(FILED_AS),
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
        size, used, rows = len(table.slots), 0, 0
        for begin in range(0, size, CHECKED_SLOTS):
            slots = table.slots[begin : begin + CHECKED_SLOTS]
            used += int(np.count_nonzero(slots))
            rows = max(rows, int((slots & np.uint64(0xFFFFFFFF)).max()))
        odd = size < LINE_SLOTS or size & (size - 1)
        if odd or not used < size or used != len(table.keys) or rows > len(table.keys):
            raise VerificationError(f"a table of {path} is damaged", remedy=REMEDY)
    if ruleset.targets > MOST_TARGETS:
        raise FormatError(f"{path} has too many targets for this version", remedy=_RELEASE_REMEDY)
    starts = ruleset.starts
    if len(starts) != ruleset.targets + 1 or starts[0] or starts[-1] != len(ruleset.records):
        raise VerificationError(f"the rows of {path} are damaged", remedy=REMEDY)
    if (starts[1:] <= starts[:-1]).any():
        raise VerificationError(f"targets of {path} have no rows", remedy=REMEDY)


def _moment(microseconds: int) -> datetime | None:
    return None if microseconds == NEVER else _EPOCH + timedelta(microseconds=microseconds)
