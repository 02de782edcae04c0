"""Attestations: the signed statement that this output came from that input under release N. ``docs/reference/attestation.md`` has every field.

Light: whoever checks one needs neither Arrow nor the program that wrote the dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from byleave.consent import Regime, Standard, Use
from byleave.errors import UnfitError, VerificationError, as_format_error
from byleave.log import JSON, Checkpoint, Policy, VerifierKey, WitnessedCheckpoint
from byleave.log.notes import MAX_NOTE_BYTES
from byleave.release.commitments import Commitments
from byleave.release.keys import verify_ed25519
from byleave.release.manifest import ReleaseName
from byleave.release.statements import (
    PREDICATES,
    FileDigest,
    Signed,
    Statement,
    files_of,
    open_statement,
    sha256_of,
)
from byleave.release.terms_said import (
    count,
    minimum_members,
    minimum_of,
    moment,
    regime_and_uses,
    word,
    written,
)

APPLIED: Final = PREDICATES + "applied/v1"
ATTESTATION: Final = "attestation.dsse.json"
"""What the file is called in the folder beside the output's data."""

FOUND: Final = (
    "answers",
    "causes",
    "checked_by",
    "copies",
    "coverage",
    "evidence",
    "fingerprints",
    "regimes",
    "set_aside",
    "unchecked",
    "unreadable",
)
"""Members of the report that an attestation repeats: counts, and never a host, a claim or a link."""

_REMEDY: Final = "ask whoever signed it for the attestation again, or update Byleave"


@dataclass(frozen=True, slots=True)
class NamedList:
    """Which list of which registry was applied."""

    origin: str
    name: ReleaseName
    published_at: datetime

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        name = ReleaseName(count(members, "number"), sha256_of(members["manifest_sha256"]))
        return cls(word(members, "origin"), name, moment(members, "published_at"))


@dataclass(frozen=True, slots=True)
class ListApplied:
    """A list that was applied, and what its registry's log was then.

    note
        The log's checkpoint as the registry signed it, whole; its size is N or more.
    """

    which: NamedList
    note: str

    @property
    def origin(self) -> str:
        """The registry and its log."""
        return self.which.origin

    @property
    def name(self) -> ReleaseName:
        """Which list it is."""
        return self.which.name

    @property
    def published_at(self) -> datetime:
        """When it was published."""
        return self.which.published_at

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says of the log. Whether it is signed is for :meth:`check_log`."""
        return Checkpoint.parse(self.note.rpartition("\n\n")[0] + "\n")

    def members(self) -> dict[str, JSON]:
        """Write it."""
        checkpoint = self.checkpoint
        return {
            **self.name.members(),
            "checkpoint": {
                "note": self.note,
                "origin": checkpoint.origin,
                "root": checkpoint.root.hex(),
                "size": checkpoint.size,
            },
            "origin": self.origin,
            "published_at": written(self.published_at),
        }

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError, or FormatError for the note, where it is none."""
        stated = members["checkpoint"]
        note = stated["note"]
        if not isinstance(note, str) or len(note) > MAX_NOTE_BYTES:
            raise UnfitError("a checkpoint is a note")
        read = cls(NamedList.parse(members), note)
        checkpoint = read.checkpoint
        if (stated["origin"], stated["size"], stated["root"]) != (
            checkpoint.origin,
            checkpoint.size,
            checkpoint.root.hex(),
        ):
            raise UnfitError("the checkpoint's note says something else")
        return read

    def check_log(self, policy: Policy) -> WitnessedCheckpoint:
        """Check that the log it names is one that ``policy`` accepts, and long enough to hold its list.

        Raises
        ------
        VerificationError
            If the checkpoint is not signed as the policy asks, is another registry's, or is older than the list.
        """
        witnessed = policy.open_checkpoint(self.note, verify_ed25519)
        checkpoint, number = witnessed.checkpoint, self.name.number
        if checkpoint.origin != self.origin:
            raise VerificationError(
                f"the list is of {self.origin}, and the log of {checkpoint.origin}", remedy=_REMEDY
            )
        if checkpoint.size < number:
            raise VerificationError(
                f"list no. {number} is made of more claim events than the {checkpoint.size} in the log it names",
                remedy=_REMEDY,
            )
        return witnessed


@dataclass(frozen=True, slots=True)
class Attestation:
    """What an organisation says it did.

    request
        The choices of the run as its report has them: regime, uses, mode and all others.
    found
        What the run found, as its report has it: coverage, what could not be checked or read, causes.
    rows
        Rows of the input, kept and removed.
    inputs, outputs
        Files by digest, all of them; of more than 10,000 the one file that lists them. Outputs are the statement's subjects.
    pledge
        SHA-256 of the pledge this fulfils.
    commitments
        There where single items can be proven absent or opened.
    others
        The lists of further registries that were applied together with the first, each with its log. Attestations of earlier versions
        name these lists alone, among what was found.
    """

    organisation: str
    dataset: str
    made_at: datetime
    applied_at: datetime
    byleave: str
    applied: ListApplied
    regime: Regime
    uses: tuple[Use, ...]
    mode: str
    minimum: Standard
    request: Mapping[str, JSON]
    rows: Mapping[str, int]
    found: Mapping[str, JSON]
    inputs: tuple[FileDigest, ...]
    outputs: tuple[FileDigest, ...]
    limits: tuple[str, ...]
    pledge: bytes | None = None
    commitments: Commitments | None = None
    others: tuple[ListApplied, ...] = ()

    @property
    def applied_lists(self) -> tuple[ListApplied, ...]:
        """The lists whose logs it names, the first registry's first."""
        return (self.applied, *self.others)

    @property
    def lists(self) -> tuple[NamedList, ...]:
        """All lists that were applied, the first registry's first.

        Raises
        ------
        FormatError
            If an attestation of an earlier version does not say which others were.
        """
        named = tuple(one.which for one in self.applied_lists)
        with as_format_error("the attestation does not say which other lists were applied", remedy=_REMEDY):
            told: Any = [] if self.others else self.found.get("other_lists", [])
            return named + tuple(map(NamedList.parse, told))

    @property
    def number(self) -> int:
        """Number of the list that was applied."""
        return self.applied.name.number

    @property
    def coverage_sha256(self) -> str | None:
        """SHA-256 (hex) of the manifest of the coverage that was used, or ``None`` without one."""
        coverage = self.found.get("coverage")
        return str(coverage.get("manifest_sha256")) if isinstance(coverage, Mapping) else None

    def statement(self) -> Statement:
        """Return it as a statement about its outputs."""
        predicate: dict[str, JSON] = {
            "applied_at": written(self.applied_at),
            "commitments": self.commitments.members() if self.commitments else None,
            "dataset": self.dataset,
            "found": self.found,
            "input": [file.members() for file in self.inputs],
            "minimum_evidence": minimum_members(self.minimum),
            "limits": list(self.limits),
            "made_at": written(self.made_at),
            "organisation": self.organisation,
            "pledge": self.pledge.hex() if self.pledge else None,
            "other_registries": [one.members() for one in self.others],
            "registry": self.applied.members(),
            "request": {
                **self.request,
                "mode": self.mode,
                "regime": self.regime.value,
                "uses": [use.value for use in self.uses],
            },
            "rows": dict(self.rows),
            "tool": {"name": "byleave", "version": self.byleave},
        }
        return Statement(self.outputs, APPLIED, predicate)

    @classmethod
    def parse(cls, statement: Statement) -> Self:
        """Read the statement that :meth:`statement` wrote.

        Raises
        ------
        FormatError
            If it is of another kind, lacks a member, or its numbers cannot be right.
        """
        said = statement.predicate_of(APPLIED, "attestation")
        with as_format_error("the attestation cannot be read", remedy=_REMEDY):
            return cls._read(statement, said)

    @classmethod
    def _read(cls, statement: Statement, said: Mapping[str, Any]) -> Self:
        request = said["request"]
        regime, uses = regime_and_uses(request)
        rows = {name: count(said["rows"], name) for name in ("input", "kept", "removed")}
        if rows["kept"] + rows["removed"] != rows["input"]:
            raise UnfitError("rows kept and removed are not those of the input")
        if not isinstance(said["found"], dict) or not isinstance(said["limits"], list):
            raise UnfitError("what was found is an object, and limits are a list")
        commitments = said.get("commitments")
        pledge = said.get("pledge")
        return cls(
            organisation=word(said, "organisation"),
            dataset=word(said, "dataset"),
            made_at=moment(said, "made_at"),
            applied_at=moment(said, "applied_at"),
            byleave=word(said["tool"], "version"),
            applied=ListApplied.parse(said["registry"]),
            regime=regime,
            uses=uses,
            mode=word(request, "mode"),
            minimum=minimum_of(said["minimum_evidence"]),
            request=request,
            rows=rows,
            found=said["found"],
            inputs=files_of(said["input"], at_least=1),
            outputs=statement.subjects,
            limits=tuple(map(str, said["limits"])),
            pledge=sha256_of(pledge) if pledge is not None else None,
            commitments=Commitments.parse(commitments) if commitments is not None else None,
            others=tuple(map(ListApplied.parse, said.get("other_registries", []))),
        )


def open_attestation(data: bytes, keys: Sequence[VerifierKey]) -> Signed[Attestation]:
    """Read the file of an attestation that one of ``keys`` signed.

    Raises
    ------
    FormatError
        If it is none.
    VerificationError
        If its signature does not hold.
    """
    return open_statement(data, keys).read(Attestation.parse)
