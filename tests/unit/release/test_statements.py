"""The files that statements name: by names that can be shown to whoever checks one."""

from __future__ import annotations

import pytest

from byleave.errors import FormatError
from byleave.release.statements import FileDigest, Statement


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
