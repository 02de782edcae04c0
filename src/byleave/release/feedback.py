"""Feedback of an organisation that applied a list: what came of single claims, signed like attestations. Light."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from byleave.consent import TargetKind
from byleave.errors import UnfitError, as_format_error
from byleave.log import JSON
from byleave.log.events import CLAIM_ID_BYTES
from byleave.release.statements import PREDICATES, FileDigest, Statement, sha256_of
from byleave.release.terms_said import count, moment, word, written

FEEDBACK: Final = PREDICATES + "feedback/v1"
MOST_VERDICTS: Final = 1_000
MAX_WHY_CHARS: Final = 500
_CLAIM_ID: Final = re.compile(rf"[0-9a-fA-F]{{{2 * CLAIM_ID_BYTES}}}")


class Outcome(StrEnum):
    """What came of a claim at one organisation."""

    APPLIED = "applied"
    NOT_APPLICABLE = "not_applicable"
    SUSPECTED_FALSE = "suspected_false"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an organisation says of one claim.

    target
        Kind and digest (32 bytes) of the one target that is meant; without it, the claim as a whole.
    rows
        Rows that were taken out for it.
    why
        A sentence for the claimant and for whoever looks at it.
    """

    claim: bytes
    outcome: Outcome
    target: tuple[TargetKind, bytes] | None = None
    rows: int | None = None
    why: str | None = None

    def members(self) -> dict[str, JSON]:
        """Write it."""
        kind, digest = self.target or (None, b"")
        return {
            "claim": self.claim.hex(),
            "outcome": self.outcome.value,
            "rows": self.rows,
            "target": {"digest": digest.hex(), "kind": kind.value} if kind else None,
            "why": self.why,
        }

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        claim, why = members["claim"], members.get("why")
        if not isinstance(claim, str) or not _CLAIM_ID.fullmatch(claim):
            raise UnfitError("a claim has an id of 32 hex digits")
        if why is not None and not (
            isinstance(why, str) and why.isprintable() and 0 < len(why) <= MAX_WHY_CHARS
        ):
            raise UnfitError(f"a reason is one sentence of at most {MAX_WHY_CHARS} characters")
        target = members.get("target")
        return cls(
            bytes.fromhex(claim),
            Outcome(members["outcome"]),
            (TargetKind(target["kind"]), sha256_of(target["digest"])) if target is not None else None,
            count(members, "rows") if members.get("rows") is not None else None,
            why,
        )


@dataclass(frozen=True, slots=True)
class Feedback:
    """What an organisation says of claims in one list of a registry."""

    organisation: str
    registry: str
    made_at: datetime
    verdicts: tuple[Verdict, ...]

    def statement(self) -> Statement:
        """Return it as a statement about claims, each named by its id and the SHA-256 of that."""
        claims = dict.fromkeys(verdict.claim for verdict in self.verdicts)
        predicate: dict[str, JSON] = {
            "made_at": written(self.made_at),
            "organisation": self.organisation,
            "registry": self.registry,
            "verdicts": [verdict.members() for verdict in self.verdicts],
        }
        subjects = tuple(FileDigest(claim.hex(), hashlib.sha256(claim).digest()) for claim in claims)
        return Statement(subjects, FEEDBACK, predicate)

    @classmethod
    def parse(cls, statement: Statement) -> Self:
        """Read the statement that :meth:`statement` wrote.

        Raises
        ------
        FormatError
            If it is of another kind, lacks a member, or says too much at once.
        """
        said = statement.predicate_of(FEEDBACK, "feedback")
        with as_format_error("the feedback cannot be read", remedy="write it again"):
            verdicts = said["verdicts"]
            if not isinstance(verdicts, list) or not 0 < len(verdicts) <= MOST_VERDICTS:
                raise UnfitError(f"1 to {MOST_VERDICTS} claims are spoken of")
            return cls(
                word(said, "organisation"),
                word(said, "registry"),
                moment(said, "made_at"),
                tuple(map(Verdict.parse, verdicts)),
            )


def verdicts_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Verdict, ...]:
    """Read what an organisation says of claims from plain objects.

    Raises
    ------
    FormatError
        If one of them cannot be read.
    """
    verdicts = []
    for place, row in enumerate(rows, 1):
        with as_format_error(
            f"line {place} says nothing of a claim that can be read",
            remedy='write {"claim": "<32 hex digits>", "outcome": "applied", "not_applicable" or "suspected_false"}',
        ):
            verdicts.append(Verdict.parse(row))
    return tuple(verdicts)
