"""Checkpoints: one text for one value, signed by the log that they name and by no other."""

from __future__ import annotations

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checks import accepts
from tests.logs import ORIGIN, Tiles, checkpoint_of, leaves, signed, signing_key

from byleave.errors import FormatError, VerificationError
from byleave.log import (
    EMPTY_ROOT,
    Checkpoint,
    consistency_proof,
    hash_reader,
    open_checkpoint,
    sign_checkpoint,
    sign_note,
    verify_growth,
)
from byleave.release.keys import verify_ed25519

KEY = signing_key()
LINE = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
CHECKPOINTS = st.builds(
    Checkpoint,
    LINE,
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(LINE, max_size=3).map(tuple),
)
ROOT = "A" * 43 + "="


@given(CHECKPOINTS)
def test_the_text_of_a_checkpoint_says_all_of_it(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@given(st.text() | st.text(f"{string.digits}\nA=+/a é"))
def test_any_text_is_the_text_of_one_checkpoint_or_is_refused(text: str) -> None:
    with suppress(FormatError):
        assert Checkpoint.parse(text).text() == text


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n1\n{ROOT}",
        f"{ORIGIN}\n1\n",
        f"\n1\n{ROOT}\n",
        f"{ORIGIN}\n01\n{ROOT}\n",
        f"{ORIGIN}\n+1\n{ROOT}\n",
        f"{ORIGIN}\n-1\n{ROOT}\n",
        f"{ORIGIN}\n١\n{ROOT}\n",
        f"{ORIGIN}\n9223372036854775808\n{ROOT}\n",
        f"{ORIGIN}\n1\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n1\n{ROOT[:-2]}B=\n",
        f"{ORIGIN}\n1\nAAAA\n",
        f"{ORIGIN}\n1\n{ROOT} \n",
        f"{ORIGIN}\n1\n{ROOT}\n\n",
        f"{ORIGIN}\n1\n{ROOT}\n\nextension\n",
        f"{ORIGIN}\r\n1\r\n{ROOT}\r\n",
        f"{ORIGIN}\n0\n{ROOT}\n",
    ],
)
def test_a_text_that_is_not_exactly_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(("size", "root"), [(-1, bytes(32)), (2**63, bytes(32)), (1, bytes(31))])
def test_values_that_cannot_be_written_are_refused(size: int, root: bytes) -> None:
    with pytest.raises(FormatError):
        Checkpoint(ORIGIN, size, root)


@pytest.mark.parametrize("origin", ["", "two\nlines", "a\ttab", "\ud800"])
def test_a_name_that_is_no_line_of_a_note_is_refused(origin: str) -> None:
    with pytest.raises(FormatError):
        Checkpoint(origin, 1, bytes(32))


def test_an_empty_log_has_a_checkpoint() -> None:
    assert Checkpoint.parse(checkpoint_of(0).text()) == Checkpoint(ORIGIN, 0, EMPTY_ROOT)


def test_a_signed_checkpoint_opens_with_the_key_of_its_log() -> None:
    checkpoint = Checkpoint(ORIGIN, 5, bytes(32), ("an extension",))
    assert open_checkpoint(signed(checkpoint), [KEY.verifier], verify_ed25519) == (
        checkpoint,
        (KEY.verifier,),
    )


def test_a_key_does_not_sign_for_another_log() -> None:
    with pytest.raises(FormatError):
        sign_checkpoint(checkpoint_of(3, origin="other.example"), KEY.verifier, KEY.private.sign)


def test_a_known_key_that_signed_for_another_log_is_not_believed() -> None:
    note = sign_note(checkpoint_of(3, origin="other.example").text(), KEY.verifier, KEY.private.sign)
    with pytest.raises(VerificationError, match="signed for the log"):
        open_checkpoint(note, [KEY.verifier], verify_ed25519)


def test_a_signed_note_that_is_no_checkpoint_is_refused() -> None:
    note = sign_note("a letter\n", KEY.verifier, KEY.private.sign)
    with pytest.raises(FormatError):
        open_checkpoint(note, [KEY.verifier], verify_ed25519)


@given(st.integers(0, 10_000), st.characters())
def test_a_checkpoint_with_one_other_character_is_refused(at: int, char: str) -> None:
    note = signed(checkpoint_of(3))
    at %= len(note)
    # The dash and the name decide whose signature it is; all else is signed or is the signature.
    touched = note[:at] + char + note[at + 1 :]
    if touched != note:
        with pytest.raises((FormatError, VerificationError)):
            open_checkpoint(touched, [KEY.verifier], verify_ed25519)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 9), (1, 9), (8, 9), (9, 9)])
def test_a_log_that_grew_is_accepted(old: int, new: int) -> None:
    proof = consistency_proof(old, new, hash_reader(new, Tiles(leaves(new)).read))
    assert accepts(verify_growth, checkpoint_of(old), checkpoint_of(new), proof)
    assert accepts(verify_growth, None, checkpoint_of(new), ())


def test_a_log_that_shrank_is_named() -> None:
    with pytest.raises(VerificationError, match="shrank from 9 to 8"):
        verify_growth(checkpoint_of(9), checkpoint_of(8), ())


def test_two_roots_for_one_size_are_refused() -> None:
    with pytest.raises(VerificationError, match="past was changed"):
        verify_growth(checkpoint_of(9), Checkpoint(ORIGIN, 9, bytes(32)), ())


def test_another_log_is_no_growth() -> None:
    with pytest.raises(VerificationError, match="another log"):
        verify_growth(checkpoint_of(3), checkpoint_of(3, origin="other.example"), ())


@pytest.mark.parametrize("old", [None, checkpoint_of(0)])
def test_a_proof_from_nothing_must_be_empty(old: Checkpoint | None) -> None:
    with pytest.raises(VerificationError):
        verify_growth(old, checkpoint_of(3), (bytes(32),))
