"""Cosignatures: whose, of what and when; and what becomes of those that we cannot check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import NOW, checkpoint_of, cosigned, flipped, signed, signing_key, witness_key

from byleave.errors import FormatError, VerificationError
from byleave.log import (
    COSIGNATURE,
    ED25519,
    VerifierKey,
    add_cosignatures,
    cosign,
    open_checkpoint,
    open_cosignatures,
)
from byleave.log.cosignatures import Cosignature
from byleave.log.notes import SignatureLine, split_note
from byleave.release.keys import verify_ed25519

ONE, TWO = witness_key("one.example/witness"), witness_key("two.example/witness")
CHECKPOINT = checkpoint_of(7)
NOTE = signed(CHECKPOINT)
TIMES = st.integers(0, 253_402_300_799).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(TIMES)
def test_a_cosignature_tells_its_witness_and_its_time(at: datetime) -> None:
    note = cosigned(NOTE, ONE.name, now=at)
    assert open_cosignatures(note, [ONE, TWO], verify_ed25519) == (Cosignature(ONE, at),)


def test_the_bytes_are_those_of_the_format() -> None:
    line = cosigned(NOTE, ONE.name).splitlines()[-1]
    signature = SignatureLine.parse(line).signature
    assert len(signature) == 8 + 64
    seconds = int(NOW.timestamp())
    assert int.from_bytes(signature[:8]) == seconds
    message = f"cosignature/v1\ntime {seconds}\n{CHECKPOINT.text()}".encode()
    assert signature[8:] == signing_key(ONE.name).private.sign(message)


def test_the_key_id_of_a_witness_differs_from_that_of_a_log_with_the_same_key() -> None:
    log = VerifierKey(ONE.name, ONE.public)
    assert log.kind == ED25519
    assert log.key_id != ONE.key_id
    assert VerifierKey.parse(str(ONE)) == ONE
    assert VerifierKey.parse(str(log)) == log


def test_a_cosigned_checkpoint_still_opens_with_the_key_of_its_log() -> None:
    note = cosigned(NOTE, ONE.name, TWO.name)
    key = signing_key().verifier
    assert open_checkpoint(note, [key, ONE, TWO], verify_ed25519) == (CHECKPOINT, (key,))


def test_a_cosignature_does_not_count_as_the_signature_of_a_log() -> None:
    note = cosigned(NOTE, ONE.name)
    with pytest.raises(VerificationError, match="no known key"):
        open_checkpoint(note, [ONE], verify_ed25519)


def test_the_signature_of_a_log_does_not_count_as_a_cosignature() -> None:
    log = signing_key().verifier
    as_witness = VerifierKey(log.name, log.public, COSIGNATURE)
    assert open_cosignatures(NOTE, [as_witness, log], verify_ed25519) == ()


def test_unknown_witnesses_and_types_are_passed_over() -> None:
    note = cosigned(NOTE, ONE.name, TWO.name) + str(SignatureLine("three.example", b"\0\1\2\3", bytes(2428)))
    later = VerifierKey("three.example", bytes(1312), 6)
    found = open_cosignatures(note, [TWO, later], verify_ed25519)
    assert found == (Cosignature(TWO, NOW),)


def test_the_latest_cosignature_of_a_witness_counts() -> None:
    note = cosigned(cosigned(NOTE, ONE.name, now=NOW + timedelta(hours=1)), ONE.name)
    assert open_cosignatures(note, [ONE], verify_ed25519) == (Cosignature(ONE, NOW + timedelta(hours=1)),)


@given(st.integers(0, 72 * 8 - 1))
def test_one_flipped_bit_in_a_known_cosignature_condemns_the_checkpoint(bit: int) -> None:
    text, lines = split_note(cosigned(NOTE, ONE.name))
    *others, own = lines
    touched = SignatureLine(own.name, own.key_id, flipped(own.signature, bit))
    note = text + "\n" + "".join(map(str, [*others, touched]))
    with pytest.raises(VerificationError):
        open_cosignatures(note, [ONE], verify_ed25519)


@pytest.mark.parametrize("length", [1, 8, 64, 71, 73])
def test_a_cosignature_of_another_length_is_refused(length: int) -> None:
    note = NOTE + str(SignatureLine(ONE.name, ONE.key_id, bytes(length)))
    with pytest.raises(VerificationError):
        open_cosignatures(note, [ONE], verify_ed25519)


@pytest.mark.parametrize("seconds", [253_402_300_800, 2**63 - 1, 2**64 - 1])
def test_a_cosignature_with_a_time_that_is_no_date_is_refused(seconds: int) -> None:
    message = f"cosignature/v1\ntime {seconds}\n{CHECKPOINT.text()}".encode()
    signature = seconds.to_bytes(8) + signing_key(ONE.name).private.sign(message)
    note = NOTE + str(SignatureLine(ONE.name, ONE.key_id, signature))
    with pytest.raises(VerificationError):
        open_cosignatures(note, [ONE], verify_ed25519)


def test_a_cosignature_of_another_checkpoint_does_not_hold() -> None:
    line = cosigned(signed(checkpoint_of(8)), ONE.name).splitlines(keepends=True)[-1]
    with pytest.raises(VerificationError):
        open_cosignatures(NOTE + line, [ONE], verify_ed25519)


def test_a_log_key_does_not_cosign() -> None:
    key = signing_key()
    with pytest.raises(FormatError):
        cosign(CHECKPOINT.text(), key.verifier, key.private.sign, now=NOW)


def test_a_clock_before_1970_does_not_cosign() -> None:
    with pytest.raises(FormatError, match="1970"):
        cosign(
            CHECKPOINT.text(), ONE, signing_key(ONE.name).private.sign, now=datetime(1969, 12, 31, tzinfo=UTC)
        )


def test_an_answer_of_a_witness_is_added_below_the_checkpoint_once() -> None:
    both = cosigned(NOTE, ONE.name, TWO.name)
    answer = both.removeprefix(NOTE)
    only_one = add_cosignatures(NOTE, answer, [ONE], verify_ed25519)
    assert only_one == cosigned(NOTE, ONE.name)
    assert add_cosignatures(only_one, answer, [ONE, TWO], verify_ed25519) == both
    assert add_cosignatures(both, answer, [ONE, TWO], verify_ed25519) == both


def test_a_false_answer_of_a_witness_is_not_added() -> None:
    answer = cosigned(signed(checkpoint_of(8)), ONE.name).splitlines(keepends=True)[-1]
    with pytest.raises(VerificationError):
        add_cosignatures(NOTE, answer, [ONE], verify_ed25519)


@given(st.text())
def test_any_other_answer_adds_nothing(answer: str) -> None:
    try:
        assert add_cosignatures(NOTE, answer, [ONE], verify_ed25519) == NOTE
    except FormatError:
        assert True
