"""Verifier keys of every type, and the lines that name them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import FormatError
from byleave.log import COSIGNATURE, ED25519, VerifierKey
from byleave.log.lines import MAX_SIZE, read_base64, read_decimal, write_base64
from byleave.log.notes import SignatureLine

GO_SUM_DATABASE = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters="+"), min_size=1, max_size=30
)


def test_the_key_of_a_log_in_use_is_read() -> None:
    key = VerifierKey.parse(GO_SUM_DATABASE)
    assert (key.name, key.kind, key.key_id.hex()) == ("sum.golang.org", ED25519, "033de0ae")
    assert str(key) == GO_SUM_DATABASE


@given(NAMES, st.binary(min_size=32, max_size=32), st.sampled_from([ED25519, COSIGNATURE]))
def test_a_key_is_read_as_it_was_written(name: str, public: bytes, kind: int) -> None:
    key = VerifierKey(name, public, kind)
    assert VerifierKey.parse(str(key)) == key


@given(
    st.text(max_size=120) | st.from_regex(r"[a-z]{1,5}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{0,44}=?", fullmatch=True)
)
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    try:
        key = VerifierKey.parse_any(text)
    except FormatError:
        return
    assert key.public


@pytest.mark.parametrize(
    "text",
    [
        "a.example+00000000+AQ==",
        "a.example+00000000+",
        "a.example+00000000+BAAA",
        "a.example",
        "a b.example+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        GO_SUM_DATABASE.replace("033d", "033c"),
        GO_SUM_DATABASE.replace("033d", "033D"),
        GO_SUM_DATABASE.replace("+Ac", "+BM"),
        "a.example+00000000+" + "A" * 8200,
    ],
)
def test_a_text_that_is_not_exactly_a_key_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        VerifierKey.parse_any(text)


@given(NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=100))
def test_a_signature_line_is_read_as_it_was_written(name: str, key_id: bytes, signature: bytes) -> None:
    line = SignatureLine(name, key_id, signature)
    assert SignatureLine.parse(str(line).removesuffix("\n")) == line


@pytest.mark.parametrize("line", ["— a AAAAAA==", "- a AAAAAAA=", "— a+b AAAAAAA=", "—  AAAAAAA=", "— a", ""])
def test_a_line_that_is_no_signature_is_refused(line: str) -> None:
    with pytest.raises(FormatError):
        SignatureLine.parse(line)


@given(st.integers(0, MAX_SIZE))
def test_a_decimal_is_read_as_it_was_written(value: int) -> None:
    assert read_decimal(str(value), what="it") == value


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1\n", "+1", "-0", "00", "1_0", "²", "9223372036854775808", "9" * 19]
)
def test_another_decimal_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        read_decimal(text, what="it")


@given(st.text("AQgw+/=é \n_-", max_size=12))
def test_base64_is_read_in_its_one_form_only(text: str) -> None:
    try:
        value = read_base64(text, what="it")
    except FormatError:
        return
    assert write_base64(value) == text
