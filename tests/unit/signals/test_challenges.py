"""Tokens, records and files of challenges."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError
from byleave.signals import challenges

TODAY = date(2026, 11, 22)
TOKEN = challenges.token_text(bytes(range(20)))
STORED = challenges.token_hash(TOKEN)


def holds(*strings: bytes) -> bool:
    return challenges.txt_names_token([strings], STORED, TODAY)


def test_a_token_is_160_bits_in_32_characters() -> None:
    assert TOKEN == "aaaqeayeaudaocajbifqydiob4ibceqt"
    with pytest.raises(FormatError):
        challenges.token_text(bytes(19))


@given(st.integers(1, 60), st.sampled_from(["never", "2026-11-22", "2030-01-01"]))
def test_a_record_may_be_cut_anywhere(cut: int, expiry: str) -> None:
    record = f"token={TOKEN} expiry={expiry}".encode()
    assert holds(record[:cut], record[cut:])
    assert challenges.txt_names_token([[b"v=spf1"], [record]], STORED, TODAY)


@pytest.mark.parametrize(
    "record",
    [
        "",
        " ",
        TOKEN,
        f"token={TOKEN.upper()}",
        f"token={TOKEN}=",
        f"token ={TOKEN}",
        f"token={TOKEN} expiry=2026-11-21",
        f"token={TOKEN} expiry=2026-13-40",
        f"token={TOKEN} expiry=",
        f"x=1 token={TOKEN}",
    ],
)
def test_a_record_that_ran_out_or_is_written_otherwise_holds_nothing(record: str) -> None:
    assert not holds(record.encode())


@given(st.lists(st.binary(max_size=255), max_size=4))
def test_any_record_is_read_without_a_fault(strings: list[bytes]) -> None:
    assert not holds(*strings)


def test_what_we_say_to_write_is_what_we_read() -> None:
    assert holds(challenges.txt_value(TOKEN).encode())
    assert holds(challenges.txt_value(TOKEN, TODAY).encode())
    text = challenges.file_text(TOKEN, bytes(32))
    assert text == f"{TOKEN}.{'A' * 43}"
    assert all(challenges.file_holds(text.encode() + end, text) for end in (b"", b"\n", b"\r\n"))
    for body in (text.encode() + b"\n\n", b" " + text.encode(), TOKEN.encode(), b"", b"x" * 2000):
        assert not challenges.file_holds(body, text)


def test_a_token_in_a_text_is_a_word_of_its_own() -> None:
    for text in (TOKEN, f"painter.\n{TOKEN}!", f"({TOKEN})", f"ä{TOKEN}"):
        assert challenges.text_names_token(text, STORED)
    for text in ("", TOKEN[:-1], f"a{TOKEN}", f"{TOKEN}2", f"Z{TOKEN}"):
        assert not challenges.text_names_token(text, STORED)


def test_a_declaration_is_read_whatever_else_it_says() -> None:
    declared = challenges.read_declaration(
        b'{"version": 1, "accounts": ["acct:a"], "keys": ["x"], "more": {}}'
    )
    assert declared == challenges.Declaration(("acct:a",), ("x",))
    assert challenges.read_declaration(b'{"version": 1}') == challenges.Declaration((), ())


@given(st.binary(max_size=60) | st.text().map(str.encode))
def test_any_bytes_are_no_declaration_in_our_own_words(body: bytes) -> None:
    with pytest.raises(FormatError):
        challenges.read_declaration(body)


def test_too_many_accounts_are_no_declaration() -> None:
    body = '{"version": 1, "accounts": [' + ",".join(['"a"'] * 201) + "]}"
    with pytest.raises(FormatError):
        challenges.read_declaration(body.encode())
