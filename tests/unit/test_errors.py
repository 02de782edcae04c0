"""Every error says what to try next, and leaves with a code of its own."""

from __future__ import annotations

import base64
import json
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import pytest

from byleave import errors
from byleave.consent import Use
from byleave.errors import (
    ByleaveError,
    FormatError,
    InputError,
    UnfitError,
    VerificationError,
    as_format_error,
    harmless,
    on_one_line,
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
        ("{", "it is not JSON, from line 1, column 2 on"),
        ("{}", "day is missing"),
        ("[]", "a part of it is of another kind than it should be"),
        ('{"day": "x"}', "x is no day"),
        ("[" * 100_000, "it is nested too deeply"),
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


FAULTS: list[Callable[[], object]] = [
    lambda: Use("nope"),
    lambda: bytes.fromhex("xy"),
    lambda: bytes.fromhex(cast("str", 3)),
    lambda: datetime.fromisoformat("soon"),
    lambda: datetime.fromisoformat("2026-13-01"),
    lambda: datetime.fromisoformat(cast("str", None)),
    lambda: int("x"),
    lambda: int("9" * 5000),
    lambda: base64.b64decode("!", validate=True),
    lambda: tomllib.loads("= 3"),
    lambda: dict(cast("list[tuple[str, str]]", ["abc"])),
    lambda: [one + two for one, two in cast("list[tuple[int, int]]", [(1,)])],
    lambda: sorted(cast("list[int]", [1, ""])),
    lambda: len(cast("str", 3)),
    lambda: {"a": 1}[cast("str", [])],
    lambda: cast("str", None).encode(),
    lambda: chr(0xD800).encode(),
    lambda: datetime.fromtimestamp(1e30, UTC),
    lambda: datetime.fromtimestamp(1e12, UTC),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"fault-{place}" for place in range(len(FAULTS))])
def test_nobody_reads_what_python_says_to_programmers(fault: Callable[[], object]) -> None:
    with pytest.raises(FormatError) as told, as_format_error("unread", remedy=""):
        fault()
    assert told.value.problem.removeprefix("unread: ") in {
        "a value in it is not of the form that it should have",
        "a part of it is of another kind than it should be",
        "a number in it is out of range",
    }


def test_what_we_say_of_a_value_is_repeated() -> None:
    with (
        pytest.raises(FormatError, match="unread: rows is a count"),
        as_format_error("unread", remedy=""),
    ):
        raise UnfitError("rows is a count")


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


def test_what_is_told_on_one_line_begins_no_other() -> None:
    assert on_one_line("x\nholds  output\x1b[31m") == "x\\u000aholds  output\\u001b[31m"
    assert on_one_line("caf\u00e9 \u732b") == "caf\u00e9 \u732b"
