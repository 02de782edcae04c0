"""Receipts as files: what is written is read, what was touched shows nothing, and no bytes surprise the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import NOW, Tiles, checkpoint_of, cosigned, entry, leaves, signed, signing_key, witness_key

from byleave.errors import FormatError, VerificationError
from byleave.log import Policy, TlogProof, hash_reader, inclusion_proof
from byleave.log.policy import PolicyLog, PolicyWitness
from byleave.release.keys import verify_ed25519

SIZE = 300
NOTE = signed(checkpoint_of(SIZE))
READ = hash_reader(SIZE, Tiles(leaves(SIZE)).read)
KEYS = Policy.of_keys([signing_key().verifier])


def receipt(index: int = 7, *, note: str = NOTE, extra: bytes | None = b'{"salt":"..."}') -> TlogProof:
    return TlogProof(index, inclusion_proof(index, SIZE, READ), note, extra)


@given(st.integers(0, SIZE - 1), st.none() | st.binary(min_size=1, max_size=200))
def test_a_receipt_is_read_as_it_was_written_and_shows_its_entry(index: int, extra: bytes | None) -> None:
    proof = receipt(index, extra=extra)
    again = TlogProof.parse(proof.to_bytes())
    assert again == proof
    assert again.verify(entry(index), KEYS, verify_ed25519).checkpoint == checkpoint_of(SIZE)


def test_the_file_is_that_of_the_format() -> None:
    lines = receipt().to_bytes().decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra eyJzYWx0IjoiLi4uIn0="
    assert lines[2] == "index 7"
    assert all(len(line) == 44 for line in lines[3:12])
    assert "\n".join(lines[12:]) == "\n" + NOTE


def test_a_receipt_from_a_log_of_one_entry_has_no_hashes() -> None:
    proof = TlogProof(0, (), signed(checkpoint_of(1)))
    assert TlogProof.parse(proof.to_bytes()) == proof
    proof.verify(entry(0), KEYS, verify_ed25519)


def test_a_receipt_shows_no_other_entry_and_no_other_place() -> None:
    proof = receipt()
    for shown, number in (
        (proof, 8),
        (TlogProof(8, proof.hashes, NOTE), 7),
        (TlogProof(7, proof.hashes, signed(checkpoint_of(299))), 7),
    ):
        with pytest.raises(VerificationError):
            shown.verify(entry(number), KEYS, verify_ed25519)


def test_a_receipt_of_an_unknown_log_shows_nothing() -> None:
    stranger = signing_key(seed="somebody else's")
    with pytest.raises(VerificationError, match="no known key"):
        receipt().verify(entry(7), Policy.of_keys([stranger.verifier]), verify_ed25519)


def test_a_receipt_needs_the_witnesses_that_the_policy_asks_for() -> None:
    witness = witness_key("one.example/witness")
    policy = Policy((PolicyLog(signing_key().verifier),), (PolicyWitness("one", witness),), quorum="one")
    with pytest.raises(VerificationError, match="have not cosigned"):
        receipt().verify(entry(7), policy, verify_ed25519)
    found = receipt(note=cosigned(NOTE, witness.name)).verify(entry(7), policy, verify_ed25519)
    assert [(one.key, one.time) for one in found.cosignatures] == [(witness, NOW)]


@given(st.integers(0, 100_000), st.integers(0, 255))
def test_a_touched_receipt_shows_nothing_unless_only_its_extra_data_changed(at: int, byte: int) -> None:
    data = receipt().to_bytes()
    at %= len(data)
    touched = data[:at] + bytes([byte]) + data[at + 1 :]
    try:
        proof = TlogProof.parse(touched)
        proof.verify(entry(7), KEYS, verify_ed25519)
    except (FormatError, VerificationError):
        return
    assert TlogProof(proof.index, proof.hashes, proof.checkpoint) == TlogProof(7, receipt().hashes, NOTE)


@given(st.binary(max_size=400) | st.text("c2sp.org/tlog-proof@v1 extra index 0123\n—=").map(str.encode))
def test_any_bytes_are_a_receipt_or_are_refused(data: bytes) -> None:
    for start in (b"", b"c2sp.org/tlog-proof@v1\n", b"c2sp.org/tlog-proof@v1\nindex 0\n\n"):
        try:
            proof = TlogProof.parse(start + data)
        except FormatError:
            continue
        assert TlogProof.parse(proof.to_bytes()) == proof


@pytest.mark.parametrize(
    "change",
    [
        (b"@v1", b"@v2"),
        (b"index 7", b"index 07"),
        (b"index 7", b"index -7"),
        (b"index 7", b"index  7"),
        (b"index 7", b"index 9223372036854775808"),
        (b"index 7\n", b""),
        (b"extra ", b"extra\t"),
        (b"extra eyJzYWx0IjoiLi4uIn0=", b"extra "),
        (b"\n\n", b"\n"),
        (b"\n", b"\r\n"),
        (b"index 7\n", b"index 7\n" + b"A" * 43 + b"=\n" * 64),
    ],
)
def test_a_file_that_is_not_exactly_a_receipt_is_refused(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(FormatError):
        TlogProof.parse(receipt().to_bytes().replace(*change))


def test_a_file_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(FormatError, match="more than"):
        TlogProof.parse(bytes(2_000_000))


@pytest.mark.parametrize("extra", [b"", bytes(262_145)])
def test_extra_data_is_absent_or_of_a_fair_size(extra: bytes) -> None:
    with pytest.raises(FormatError):
        receipt(extra=extra)


@pytest.mark.parametrize(
    ("index", "hashes"), [(-1, ()), (2**63, ()), (0, (bytes(31),)), (0, (bytes(32),) * 64)]
)
def test_values_that_cannot_be_written_are_refused(index: int, hashes: tuple[bytes, ...]) -> None:
    with pytest.raises(FormatError):
        TlogProof(index, hashes, NOTE)
