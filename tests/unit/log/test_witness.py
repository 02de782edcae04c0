"""A witness remembers, accepts growth, and refuses forks and shrinking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import ORIGIN, Tiles, checkpoint_of, flipped, leaves, signed, signing_key

from byleave.errors import FormatError
from byleave.log import Checkpoint, consistency_proof, hash_reader, sign_note
from byleave.log.witness import (
    Accepted,
    AddCheckpoint,
    Conflict,
    Fork,
    Reason,
    Refused,
    add_checkpoint,
)
from byleave.release.keys import verify_ed25519

KEY = signing_key()
READ = hash_reader(40, Tiles(leaves(40)).read)
SIZES = st.integers(0, 40)


def request(old: int, new: int, *, note: str | None = None) -> AddCheckpoint:
    return AddCheckpoint(old, consistency_proof(old, new, READ), note or signed(checkpoint_of(new)))


def answer(held: Checkpoint | None, asked: AddCheckpoint) -> object:
    return add_checkpoint(held, asked, [KEY.verifier], verify_ed25519)


@given(SIZES, SIZES)
def test_a_log_that_grew_is_accepted_and_becomes_what_is_remembered(one: int, two: int) -> None:
    old, new = sorted((one, two))
    assert answer(checkpoint_of(old), request(old, new)) == Accepted(checkpoint_of(new))


def test_a_log_seen_for_the_first_time_is_accepted_from_size_0() -> None:
    assert answer(None, request(0, 12)) == Accepted(checkpoint_of(12))


@pytest.mark.parametrize(("held", "old"), [(0, 3), (4, 3), (5, 0), (5, 3)])
def test_a_wrong_old_size_is_answered_with_the_size_held(held: int, old: int) -> None:
    found = answer(checkpoint_of(held) if held else None, request(old, 12))
    assert found == Conflict(held)
    assert isinstance(found, Conflict)
    assert (found.status, found.body()) == (409, f"{held}\n".encode())


def test_a_log_that_shrank_is_never_accepted() -> None:
    note = signed(checkpoint_of(5))
    assert answer(checkpoint_of(9), AddCheckpoint(9, (), note)) == Refused(Reason.OLD_SIZE)
    assert answer(checkpoint_of(9), AddCheckpoint(5, (), note)) == Conflict(9)
    assert answer(checkpoint_of(9), AddCheckpoint(0, (), note)) == Conflict(9)


def test_two_roots_for_one_size_are_told_apart_as_a_fork() -> None:
    other = Checkpoint(ORIGIN, 9, bytes(32))
    found = answer(checkpoint_of(9), AddCheckpoint(9, (), signed(other)))
    assert found == Fork(checkpoint_of(9), other)
    assert isinstance(found, Fork)
    assert (found.status, found.body()) == (409, b"9\n")


def test_a_past_that_changed_is_not_cosigned() -> None:
    held = Checkpoint(ORIGIN, 9, bytes(32))
    assert answer(held, request(9, 12)) == Refused(Reason.INCONSISTENT)


@given(st.integers(1, 39), st.integers(0, 2**20))
def test_one_flipped_bit_in_the_proof_is_not_cosigned(old: int, at: int) -> None:
    asked = request(old, 40)
    hashes = list(asked.proof)
    hashes[at % len(hashes)] = flipped(hashes[at % len(hashes)], at)
    touched = AddCheckpoint(old, tuple(hashes), asked.checkpoint)
    assert answer(checkpoint_of(old), touched) == Refused(Reason.INCONSISTENT)


def test_a_proof_from_nothing_must_be_empty() -> None:
    asked = AddCheckpoint(0, (bytes(32),), signed(checkpoint_of(3)))
    assert answer(None, asked) == Refused(Reason.INCONSISTENT)


def test_a_log_that_is_not_witnessed_here_is_told_so() -> None:
    assert add_checkpoint(None, request(0, 3), [], verify_ed25519) == Refused(Reason.UNKNOWN_LOG)


def test_a_checkpoint_that_the_log_did_not_sign_is_refused() -> None:
    note = signed(checkpoint_of(3), seed="somebody else's")
    assert answer(None, AddCheckpoint(0, (), note)) == Refused(Reason.NOT_SIGNED)


def test_a_signed_note_that_is_no_checkpoint_is_refused() -> None:
    note = sign_note(f"{ORIGIN}\nhello\n", KEY.verifier, KEY.private.sign)
    assert answer(None, AddCheckpoint(0, (), note)) == Refused(Reason.MALFORMED)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.MALFORMED, 400),
        (Reason.OLD_SIZE, 400),
        (Reason.NOT_SIGNED, 403),
        (Reason.UNKNOWN_LOG, 404),
        (Reason.INCONSISTENT, 422),
    ],
)
def test_every_refusal_has_the_status_of_the_protocol(reason: Reason, status: int) -> None:
    assert Refused(reason).status == status


@given(SIZES, SIZES)
def test_a_request_is_read_as_it_was_written(one: int, two: int) -> None:
    asked = request(min(one, two), max(one, two))
    again = AddCheckpoint.parse(asked.to_bytes())
    assert again == asked
    assert again.origin == ORIGIN


def test_the_body_is_that_of_the_protocol() -> None:
    lines = request(3, 7).to_bytes().decode().split("\n")
    assert lines[0] == "old 3"
    assert [len(line) for line in lines[1:5]] == [44, 44, 44, 44]
    assert lines[5:7] == ["", ORIGIN]


@pytest.mark.parametrize(
    "change",
    [
        (b"old 3", b"old 03"),
        (b"old 3", b"old"),
        (b"old 3", b"new 3"),
        (b"old 3", b"old 9223372036854775808"),
        (b"\n\n", b"\n"),
        (b"old 3\n", b"old 3\nAAAA\n"),
        (b"old 3\n", b"old 3\n" + (b"A" * 43 + b"=\n") * 64),
        (b"old 3\n", b"old 3\n\xff\n"),
    ],
)
def test_a_body_that_is_no_request_is_refused(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(FormatError):
        AddCheckpoint.parse(request(3, 7).to_bytes().replace(*change))


@pytest.mark.parametrize(("old", "proof"), [(-1, ()), (2**63, ()), (0, (b"",)), (1, (bytes(32),) * 64)])
def test_values_that_cannot_be_sent_are_refused(old: int, proof: tuple[bytes, ...]) -> None:
    with pytest.raises(FormatError):
        AddCheckpoint(old, proof, signed(checkpoint_of(3)))


@given(st.binary(max_size=300) | st.text("old 0123\n—=A+").map(str.encode))
def test_any_bytes_are_a_request_or_are_refused(data: bytes) -> None:
    for start in (b"", b"old 0\n", b"old 0\n\n"):
        try:
            asked = AddCheckpoint.parse(start + data)
        except FormatError as refused:
            assert refused.remedy  # noqa: PT017 - either way of ending is right
        else:
            assert isinstance(answer(None, asked), Refused)
