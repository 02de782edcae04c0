"""Signed notes hold, or are refused: nothing in between."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import ByleaveError, FormatError, VerificationError
from byleave.log import VerifierKey, open_note, sign_note, signer_names
from byleave.release.keys import SigningKey, verify_ed25519

TESTDATA_SECRET = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
TESTDATA_PUBLIC = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
SPECIFICATION = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

KEY = SigningKey.from_seed("example.com/registry", bytes(range(32)))
OTHER = SigningKey.from_seed("example.org/other", bytes(32))
NOTE = KEY.sign_note("example.com/registry\n7\ntext\n")


@pytest.mark.parametrize("text", [TESTDATA_PUBLIC, SPECIFICATION, str(KEY.verifier)])
def test_a_verifier_key_is_read_as_it_is_written(text: str) -> None:
    assert str(VerifierKey.parse(text)) == text
    assert VerifierKey.parse(f" {text}\n") == VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b",
        "a+b+c",
        "a+b+é",
        "a b+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
        TESTDATA_PUBLIC.replace("33d7", "33d8"),
        TESTDATA_PUBLIC.replace("testdata", "testdatb"),
        TESTDATA_PUBLIC.replace("+AeH", "+BeH"),
        TESTDATA_PUBLIC[:-1],
        TESTDATA_PUBLIC + "=",
        TESTDATA_PUBLIC.replace("example", "ex\udcffample"),
    ],
)
def test_what_is_no_whole_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        VerifierKey.parse(text)


@given(st.text() | st.text().map("example.com+00000000+".__add__))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        key = VerifierKey.parse(text)
    except FormatError:
        return
    assert VerifierKey.parse(str(key)) == key


@pytest.mark.parametrize("size", [*range(16), None])
def test_every_checkpoint_of_a_published_log_verifies_and_is_signed_again_byte_for_byte(
    vectors: Path, size: int | None
) -> None:
    name = "checkpoint" if size is None else f"checkpoint.{size}"
    note = (vectors / "tessera-log" / "log" / name).read_text()
    text, signers = open_note(note, [VerifierKey.parse(TESTDATA_PUBLIC)], verify_ed25519)
    assert [str(signer) for signer in signers] == [TESTDATA_PUBLIC]
    assert SigningKey.parse(TESTDATA_SECRET).sign_note(text) == note


def test_the_published_test_key_is_read_and_written_again() -> None:
    key = SigningKey.parse(TESTDATA_SECRET)
    assert str(key.verifier) == TESTDATA_PUBLIC
    assert key.to_text().strip() == TESTDATA_SECRET


def test_no_bit_of_a_note_can_be_flipped() -> None:
    whole = NOTE.encode()
    for position in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[position // 8] ^= 1 << position % 8
        try:
            text = changed.decode()
        except UnicodeDecodeError:
            continue
        with pytest.raises((FormatError, VerificationError)):
            open_note(text, [KEY.verifier], verify_ed25519)


@given(st.text() | st.text().map(lambda end: NOTE[: len(NOTE) // 2] + end))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ByleaveError):
        open_note(text, [KEY.verifier], verify_ed25519)


def test_a_signature_line_with_letters_beyond_base64_is_refused() -> None:
    with pytest.raises(FormatError):
        open_note(NOTE[:-2] + "é\n", [KEY.verifier], verify_ed25519)


def test_a_note_is_refused_when_no_known_key_signed_it() -> None:
    for keys in ([], [OTHER.verifier]):
        with pytest.raises(VerificationError, match="no known key"):
            open_note(NOTE, keys, verify_ed25519)


def test_a_key_of_the_same_name_does_not_do() -> None:
    impostor = SigningKey.from_seed(KEY.verifier.name, bytes(32))
    with pytest.raises(VerificationError):
        open_note(NOTE, [impostor.verifier], verify_ed25519)


def test_signatures_of_unknown_keys_are_passed_over_and_a_bad_one_of_a_known_key_condemns() -> None:
    text = "example.com/registry\n7\ntext\n"
    line = OTHER.sign_note(text).rpartition("\n\n")[2]
    both = NOTE + line
    assert open_note(both, [KEY.verifier], verify_ed25519)[1] == (KEY.verifier,)
    assert open_note(both, [OTHER.verifier, KEY.verifier], verify_ed25519)[1] == (
        KEY.verifier,
        OTHER.verifier,
    )
    assert signer_names(both) == (KEY.verifier.name, OTHER.verifier.name)
    bad = base64.b64encode(OTHER.verifier.key_id + bytes(64)).decode()
    with pytest.raises(VerificationError, match="does not hold"):
        open_note(f"{NOTE}— {OTHER.verifier.name} {bad}\n", [KEY.verifier, OTHER.verifier], verify_ed25519)


@pytest.mark.parametrize("text", ["no line feed", "a\x00b\n", "a\tb\n", "a\rb\n"])
def test_a_text_with_control_characters_or_without_an_end_is_not_signed(text: str) -> None:
    with pytest.raises(FormatError):
        sign_note(text, KEY.verifier, KEY.private.sign)


def test_a_text_may_hold_empty_lines_for_the_last_one_divides() -> None:
    text = "a\n\nb\n"
    assert open_note(KEY.sign_note(text), [KEY.verifier], verify_ed25519)[0] == text


def test_too_many_signatures_are_refused() -> None:
    line = NOTE.rpartition("\n\n")[2]
    with pytest.raises(FormatError, match="too many"):
        open_note(NOTE + line * 100, [KEY.verifier], verify_ed25519)
