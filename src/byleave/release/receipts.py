"""Receipts: a log proof whose extra data lets its holder make the entry again, and so show what was filed and when. Light.

The extra data is canonical JSON: ``record`` (what was committed to), ``salt`` (64 hex digits) and, where there are not too many,
``targets`` (kind and SHA-256 of each target, in the order of the record's root). It stays with the claimant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from byleave.consent import TargetKind
from byleave.errors import FormatError, UnfitError, VerificationError, as_format_error
from byleave.log import (
    JSON,
    Checkpoint,
    ClaimEvent,
    Policy,
    TlogProof,
    WitnessedCheckpoint,
    canonical_json,
    commitment,
    read_json,
    targets_root,
)
from byleave.log.merkle import leaf_hash
from byleave.log.proofs import HashReader, inclusion_proof, verify_inclusion
from byleave.release.keys import verify_ed25519
from byleave.release.statements import sha256_of
from byleave.release.terms_said import word

MAX_TARGETS = 1_000
"""A receipt for more targets than this leaves them out; the record's root still commits to them."""

_MEMBERS = frozenset({"record", "salt", "targets"})
_REMEDY = "use the receipt as it was handed out; ask the registry for it again"


@dataclass(frozen=True, slots=True)
class ReceiptTarget:
    """One thing that the receipt's claim covers, as lists carry it."""

    kind: TargetKind
    digest: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it was read or made: where the event stands, and everything from which its entry follows."""

    proof: TlogProof
    event: ClaimEvent
    record: Mapping[str, JSON]
    targets: tuple[ReceiptTarget, ...] = ()

    def to_text(self) -> str:
        """Write the file."""
        return self.proof.to_bytes().decode()

    @classmethod
    def parse(cls, data: bytes) -> Receipt:
        """Read a receipt. Record, salt and targets fit each other then; that the log holds them is for :meth:`verify`.

        Raises
        ------
        FormatError
            If it is no receipt.
        VerificationError
            If its targets are not the ones its record names.
        """
        proof = TlogProof.parse(data)
        with as_format_error("the receipt's record cannot be read", remedy=_REMEDY):
            extra = read_json(proof.extra or b"")
            record, salt = extra["record"], _hex(extra["salt"])
            if not extra.keys() <= _MEMBERS:
                raise UnfitError("a member that has no meaning")
            if record.get("statement_sha256") is not None:
                sha256_of(record["statement_sha256"])
            event = ClaimEvent(
                proof.index + 1,
                bytes.fromhex(record["claim"]),
                word(record, "op"),
                commitment(salt, record),
                datetime.fromisoformat(record["at"]),
            )
            targets = tuple(
                ReceiptTarget(TargetKind(kind), _hex(digest)) for kind, digest in extra.get("targets", ())
            )
        if event.recorded_at.tzinfo is None:
            raise FormatError("the receipt's time has no zone", remedy=_REMEDY)
        if targets and targets_root(salt, [target.digest for target in targets]).hex() != record.get(
            "targets_root"
        ):
            raise VerificationError("the receipt names other targets than its record", remedy=_REMEDY)
        return cls(proof, event, record, targets)

    def check_place(self) -> Checkpoint:
        """Check that this event stands in the log that the receipt's checkpoint tells of, whoever signed that; return the checkpoint.

        Raises
        ------
        VerificationError
            If the inclusion does not hold: another event was logged than the receipt tells of.
        """
        try:
            return self.proof.check_place(self.event.entry())
        except VerificationError as error:
            raise VerificationError(
                "the receipt tells of something else than was logged", remedy=_REMEDY
            ) from error

    def verify(self, policy: Policy) -> WitnessedCheckpoint:
        """Check that a log that ``policy`` accepts holds this event; return the checkpoint that says so.

        Raises
        ------
        VerificationError
            If a signature, the quorum or the inclusion does not hold.
        """
        return self.proof.verify(self.event.entry(), policy, verify_ed25519)


def make_receipt(
    event: ClaimEvent,
    record: Mapping[str, JSON],
    salt: bytes,
    targets: Sequence[ReceiptTarget],
    *,
    checkpoint: Checkpoint,
    note: str,
    read: HashReader,
) -> Receipt:
    """Make the receipt of one event from the log's tiles, and check that it holds before anybody relies on it.

    Raises
    ------
    VerificationError
        If the tiles do not lead from the event to the checkpoint.
    """
    index = event.number - 1
    hashes = inclusion_proof(index, checkpoint.size, read)
    verify_inclusion(index, checkpoint.size, leaf_hash(event.entry()), hashes, checkpoint.root)
    extra: dict[str, JSON] = {"record": record, "salt": salt.hex()}
    shown = tuple(targets) if len(targets) <= MAX_TARGETS else ()
    if shown:
        extra["targets"] = [[target.kind.value, target.digest.hex()] for target in shown]
    return Receipt(TlogProof(index, hashes, note, canonical_json(extra)), event, record, shown)


def _hex(text: str) -> bytes:
    """Read bytes that can be written in one way only."""
    value = bytes.fromhex(text)
    if value.hex() != text:
        raise UnfitError("hex digits are lower case, without spaces")
    return value
