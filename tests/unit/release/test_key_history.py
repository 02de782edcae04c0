"""A key gives way to the next in the open: whoever trusts one of the chain learns the others, and nothing can be slipped in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.logs import flipped, signing_key

from byleave.errors import ByleaveError, VerificationError
from byleave.log import Checkpoint
from byleave.release.key_history import KeyHistory
from byleave.release.keys import SigningKey

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRST, SECOND, THIRD = (signing_key("r.example", seed) for seed in "abc")
STRANGER = signing_key("r.example", "x").verifier
CHAIN = KeyHistory().announce(FIRST, SECOND, size=5, at=NOW).announce(SECOND, THIRD, size=9, at=NOW)
ALL = {FIRST.verifier, SECOND.verifier, THIRD.verifier}


def test_a_chain_reads_back_as_it_was_written() -> None:
    assert KeyHistory.parse(CHAIN.to_bytes()) == CHAIN
    assert KeyHistory.parse(b"") == KeyHistory()


@pytest.mark.parametrize("known", [FIRST, SECOND, THIRD])
def test_one_key_of_the_chain_leads_to_all(known: SigningKey) -> None:
    assert set(CHAIN.trusted([known.verifier])) == ALL


def test_a_key_outside_the_chain_leads_nowhere() -> None:
    assert CHAIN.trusted([STRANGER]) == (STRANGER,)


def test_no_bit_of_a_chain_can_be_turned() -> None:
    content = CHAIN.to_bytes()
    for bit in range(0, len(content) * 8, 7):
        with pytest.raises(ByleaveError):
            KeyHistory.parse(flipped(content, bit))


def test_a_change_cannot_be_left_out_or_turned_round() -> None:
    first, second = CHAIN.notes
    for notes in ((second,), (second, first), (first, first)):
        with pytest.raises(VerificationError, match="does not follow"):
            KeyHistory.parse("\n".join(notes).encode())


def test_a_thief_of_one_key_alone_cannot_announce_another() -> None:
    thief = signing_key("r.example", "thief")
    alone = KeyHistory().announce(thief, SECOND, size=5, at=NOW)
    forged = alone.notes[0].replace(str(thief.verifier), str(FIRST.verifier))
    with pytest.raises(VerificationError):
        KeyHistory.parse(forged.encode())


def test_a_log_does_not_shrink_with_a_change_of_keys() -> None:
    with pytest.raises(VerificationError, match="does not follow"):
        KeyHistory().announce(FIRST, SECOND, size=5, at=NOW).announce(SECOND, THIRD, size=4, at=NOW)


@pytest.mark.parametrize(("key", "largest"), [(FIRST, 5), (SECOND, 9)])
def test_a_key_that_was_laid_down_signs_nothing_larger(key: SigningKey, largest: int) -> None:
    signers = [key.verifier]
    CHAIN.check(Checkpoint("r.example", largest, bytes(32)), signers)
    with pytest.raises(VerificationError, match="laid down"):
        CHAIN.check(Checkpoint("r.example", largest + 1, bytes(32)), signers)
    CHAIN.check(Checkpoint("r.example", largest + 1, bytes(32)), [*signers, THIRD.verifier])
