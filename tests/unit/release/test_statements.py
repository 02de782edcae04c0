"""The files that statements name: by names that can be shown to whoever checks one."""

from __future__ import annotations

import pytest

from byleave.errors import FormatError
from byleave.release.statements import FileDigest, Statement, sha256_of
from byleave.release.terms_said import moment, regime_and_uses


@pytest.mark.parametrize(
    "name", ["a\x1b[31m.parquet", "a\nholds  output", "a\x07", "a\x9b", "a\u2028b", "\0"]
)
def test_a_name_that_would_be_obeyed_is_neither_signed_nor_read(name: str) -> None:
    with pytest.raises(FormatError, match="cannot be shown"):
        FileDigest(name, bytes(32))
    with pytest.raises(FormatError, match="cannot be shown"):
        FileDigest.parse({"name": name, "digest": {"sha256": "00" * 32}})


@pytest.mark.parametrize(
    "name", ["a b.parquet", "\u732b\u3000\u732b", "caf\u00e9", "\u0645\u06cc\u200c\u062e", "a\udcff"]
)
def test_a_name_in_any_language_is_read_as_it_is(name: str) -> None:
    assert FileDigest.parse(FileDigest(name, bytes(32)).members()).name == name


def test_a_statement_that_says_something_twice_is_not_read() -> None:
    plain = Statement((FileDigest("a", bytes(32)),), "https://a.example/said", {"regime": "opt_in"}).payload()
    assert Statement.parse(plain).predicate == {"regime": "opt_in"}
    for twice in (
        plain.replace(b'{"regime"', b'{"regime":"research","regime"'),
        plain.replace(b'"predicateType"', b'"predicate":{},"predicateType"'),
    ):
        with pytest.raises(FormatError, match="stands there twice"):
            Statement.parse(twice)


@pytest.mark.parametrize("at", ["soon", "2026-13-01", 3, None, "0001-01-01T00:00:00+14:00", "2026-06-01"])
def test_what_is_no_moment_is_told_by_its_name(at: object) -> None:
    with pytest.raises(
        ValueError, match=r"^as_of (is a time such as 2026-06-01T00:00:00\+00:00|has no zone)$"
    ):
        moment({"as_of": at}, "as_of")


@pytest.mark.parametrize("text", ["00" * 31, "zz" * 32, "AA" * 32, " " + "00" * 32, 3, None, ["00" * 32]])
def test_what_is_no_digest_is_told_in_plain_words(text: object) -> None:
    with pytest.raises(ValueError, match=r"^a SHA-256 has 64 hex digits in lower case$"):
        sha256_of(text)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"uses": ["nope"], "regime": "opt_in"}, "uses holds 'nope'; it may hold train_gen"),
        ({"uses": [["tdm"]], "regime": "opt_in"}, "uses holds something else; it may hold train_gen"),
        ({"uses": ["tdm"], "regime": "x" * 200}, "regime holds 'x{50}'; it may hold opt_out"),
    ],
)
def test_a_word_that_means_nothing_is_told_with_those_that_do(said: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        regime_and_uses(said)


@pytest.mark.parametrize(
    "kind", ["https://a.example/said\nholds: all of it", "said\x1b[2J", "\u202edias", ""]
)
def test_a_statement_whose_type_cannot_be_shown_is_not_read(kind: str) -> None:
    content = Statement((FileDigest("a", bytes(32)),), kind, {}).payload()
    with pytest.raises(FormatError, match="a predicate is an object of a named type"):
        Statement.parse(content)
