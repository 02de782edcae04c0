"""A receipt says what was filed and shows that the log holds it; nothing in it can be changed unnoticed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.logs import ORIGIN, Tiles, flipped, signed, signing_key

from byleave.consent import TargetKind
from byleave.errors import ByleaveError, FormatError, VerificationError
from byleave.log import (
    JSON,
    Checkpoint,
    ClaimEvent,
    Policy,
    TlogProof,
    canonical_json,
    commitment,
    hash_reader,
    leaf_hash,
    root_of,
    targets_root,
)
from byleave.release.receipts import MAX_TARGETS, Receipt, ReceiptTarget, make_receipt

AT = datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=UTC)
SALT = bytes(range(32))
CLAIM = bytes(range(16))
TRUSTED = Policy.of_keys([signing_key().verifier])


def event_of(targets: list[ReceiptTarget], number: int = 3) -> tuple[ClaimEvent, dict[str, JSON]]:
    record: dict[str, JSON] = {
        "v": 1,
        "claim": CLAIM.hex(),
        "op": "register",
        "state": "effective",
        "targets_root": targets_root(SALT, [target.digest for target in targets]).hex(),
        "at": AT.isoformat(timespec="seconds"),
    }
    return ClaimEvent(number, CLAIM, "register", commitment(SALT, record), AT), record


def targets(count: int) -> list[ReceiptTarget]:
    return [ReceiptTarget(TargetKind.URL, number.to_bytes(32)) for number in range(count)]


def made(count: int = 2, size: int = 7) -> Receipt:
    event, record = event_of(targets(count))
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    leaves[event.number - 1] = leaf_hash(event.entry())
    checkpoint = Checkpoint(ORIGIN, size, root_of(leaves))
    return make_receipt(
        event,
        record,
        SALT,
        targets(count),
        checkpoint=checkpoint,
        note=signed(checkpoint),
        read=hash_reader(size, Tiles(leaves).read),
    )


def test_it_reads_back_and_holds() -> None:
    receipt = made()
    read = Receipt.parse(receipt.to_text().encode())
    assert read.verify(TRUSTED).checkpoint.size == 7
    assert read.event.entry() == receipt.event.entry()
    assert (read.record, read.targets) == (receipt.record, receipt.targets)


def test_it_does_not_hold_for_whoever_trusts_another_key() -> None:
    with pytest.raises(VerificationError):
        made().verify(Policy.of_keys([signing_key(seed="other").verifier]))


def test_what_it_says_leads_to_its_own_checkpoint_whoever_signed_that() -> None:
    receipt = made()
    assert receipt.check_place().size == 7
    proof, record = receipt.proof, dict(receipt.record)
    other = canonical_json({"record": record | {"state": "held"}, "salt": SALT.hex()})
    hashes = (bytes(32), *proof.hashes[1:])
    for touched in (
        replace(proof, extra=other),
        replace(proof, hashes=hashes),
        replace(proof, hashes=proof.hashes[:-1]),
        replace(proof, index=4),
        replace(proof, index=7),
    ):
        with pytest.raises(VerificationError, match="something else than was logged"):
            Receipt.parse(touched.to_bytes()).check_place()


def test_no_bit_of_what_it_says_can_be_turned() -> None:
    receipt = made()
    extra = receipt.proof.extra
    assert extra is not None
    for bit in range(0, len(extra) * 8, 3):
        touched = TlogProof(
            receipt.proof.index, receipt.proof.hashes, receipt.proof.checkpoint, flipped(extra, bit)
        )
        with pytest.raises(ByleaveError):
            Receipt.parse(touched.to_bytes()).verify(TRUSTED)


@pytest.mark.parametrize(
    ("member", "value", "why"),
    [
        ("op", "register\nholds: all of it", "op is a short text"),
        ("op", "\x1b[2J", "op is a short text"),
        ("op", 3, "op is a short text"),
        ("statement_sha256", "00\nholds: all of it", "a SHA-256 has 64 hex digits"),
        ("statement_sha256", ["00" * 32], "a SHA-256 has 64 hex digits"),
    ],
)
def test_what_cannot_be_shown_of_a_record_is_not_read(member: str, value: JSON, why: str) -> None:
    receipt = made()
    extra = canonical_json({"record": {**receipt.record, member: value}, "salt": SALT.hex()})
    with pytest.raises(FormatError, match=why):
        Receipt.parse(replace(receipt.proof, extra=extra).to_bytes())


def test_targets_that_are_not_those_of_the_record_are_refused() -> None:
    receipt = made()
    extra = json.loads(receipt.proof.extra or b"")
    extra["targets"][0][1] = bytes(31).hex() + "ff"
    touched = TlogProof(
        receipt.proof.index, receipt.proof.hashes, receipt.proof.checkpoint, json.dumps(extra).encode()
    )
    with pytest.raises(VerificationError, match="other targets"):
        Receipt.parse(touched.to_bytes())


def test_very_many_targets_are_left_to_the_root() -> None:
    assert len(made(MAX_TARGETS).targets) == MAX_TARGETS
    receipt = Receipt.parse(made(MAX_TARGETS + 1).to_text().encode())
    assert receipt.targets == ()
    receipt.verify(TRUSTED)


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        b"[]",
        b"{}",
        b'{"record":[],"salt":""}',
        b'{"record":{"claim":"zz","op":"x","at":"2026-11-22"},"salt":"00"}',
        (made().proof.extra or b"").replace(b'"op":', b'"op":"withdraw","op":'),
        b'{"record":' + b"[" * 10_000 + b'],"salt":"00"}',
    ],
)
def test_what_is_no_record_is_told(extra: bytes) -> None:
    text = made().to_text().splitlines()
    text[1] = f"extra {base64.b64encode(extra).decode()}"
    with pytest.raises(FormatError):
        Receipt.parse("\n".join(text).encode() + b"\n")


def test_tiles_that_do_not_lead_to_the_checkpoint_give_no_receipt() -> None:
    event, record = event_of(targets(1))
    leaves = [leaf_hash(str(number).encode()) for number in range(7)]
    checkpoint = Checkpoint(ORIGIN, 7, root_of(leaves))
    with pytest.raises(VerificationError):
        make_receipt(
            event,
            record,
            SALT,
            targets(1),
            checkpoint=checkpoint,
            note=signed(checkpoint),
            read=hash_reader(7, Tiles(leaves).read),
        )
