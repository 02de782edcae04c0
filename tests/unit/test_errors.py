"""Every error says what to try next, and leaves with a code of its own."""

from __future__ import annotations

import json

import pytest

from byleave import errors
from byleave.errors import (
    ByleaveError,
    FormatError,
    InputError,
    VerificationError,
    as_format_error,
    harmless,
)


def tree(root: type[ByleaveError] = ByleaveError) -> list[type[ByleaveError]]:
    return [
        root,
        *(
            leaf
            for child in root.__subclasses__()
            if child.__module__ == errors.__name__
            for leaf in tree(child)
        ),
    ]


@pytest.mark.parametrize("kind", tree())
def test_an_error_cannot_be_made_without_a_remedy(kind: type[ByleaveError]) -> None:
    with pytest.raises(TypeError):
        kind("broken")  # type: ignore[call-arg]  # the remedy is what is missed
    assert str(kind("broken", remedy="mend it")) == "broken\nhint: mend it"


def test_the_tree_drawn_in_the_module_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for kind in tree():
        line = next(
            line
            for line in drawn.splitlines()
            if f" {kind.__name__} " in f" {line.strip('│├└─ ')} ".replace("  ", " ")
        )
        assert f"exit {kind.exit_code}, HTTP {kind.http_status}" in line


def test_a_reader_of_exit_codes_can_tell_the_branches_apart() -> None:
    branches: list[type[ByleaveError]] = [ByleaveError, *ByleaveError.__subclasses__()]
    ours = [kind for kind in branches if kind.__module__ == errors.__name__]
    assert sorted(kind.exit_code for kind in ours) == list(range(1, len(ours) + 1))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "Expecting"),
        ("{}", "'day' is missing"),
        ("[]", "list indices"),
        ('{"day": "x"}', "x is no day"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_whatever_is_wrong_with_others_bytes_is_told_in_one_way(content: str, why: str) -> None:
    def day(text: str) -> int:
        if not text.isdigit():
            raise InputError(f"{text} is no day", remedy="write a number")
        return int(text)

    with (
        pytest.raises(FormatError, match="^the date cannot be read: .*" + why) as told,
        as_format_error("the date cannot be read", remedy="write it again"),
    ):
        day(json.loads(content)["day"])
    assert told.value.remedy == "write it again"


def test_bytes_that_are_no_text_are_told_in_words() -> None:
    with (
        pytest.raises(FormatError, match="unread: it is not UTF-8 text"),
        as_format_error("unread", remedy=""),
    ):
        b"\xff".decode()


def test_a_signature_that_does_not_hold_stays_what_it_is() -> None:
    with pytest.raises(VerificationError), as_format_error("unread", remedy="write it again"):
        raise VerificationError("forged", remedy="do not believe it")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("two\nlines", "two\nlines"),
        ("caf\u00e9 \u732b\u3000\U0001f600", "caf\u00e9 \u732b\u3000\U0001f600"),
        ("\x1b[31m\x07\r\x7f\x9b", "\\u001b[31m\\u0007\\u000d\\u007f\\u009b"),
        ("a\u202egnp.exe\u2028", "a\\u202egnp.exe\\u2028"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(said: str, shown: str) -> None:
    assert harmless(said) == shown
