"""Canonical JSON: one byte string for one value (RFC 8785, without fractions)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.consent import Preference, Use
from byleave.errors import FormatError
from byleave.log import canonical_json, read_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
        ('€$\x0f\nA\'B"\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\"/"'),
        ("\b\t\n\f\r\x00\x1f\x7f", '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f"'),
        ("</script>\u2028", '"</script>\u2028"'),
        ({}, "{}"),
        ([], "[]"),
        (-0, "0"),
        (2**53 - 1, "9007199254740991"),
        ({"use": Use.TDM, "answer": Preference.DENY}, '{"answer":3,"use":"tdm"}'),
    ],
)
def test_a_value_is_written_so(value: Any, written: str) -> None:
    assert canonical_json(value) == written.encode()


def test_keys_are_sorted_by_utf16_as_the_standards_own_example_asks() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]
    written = json.loads(
        canonical_json(dict.fromkeys(keys, 0)), object_pairs_hook=lambda pairs: [k for k, _ in pairs]
    )
    assert written == ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        2**53,
        -(2**53),
        b"bytes",
        {1: 2},
        {"a": {None: 1}},
        "\ud800",
        {"\udc00": 1},
        {1, 2},
    ],
)
def test_what_has_no_one_form_is_refused(value: Any) -> None:
    with pytest.raises(FormatError):
        canonical_json(value)


@given(VALUES)
def test_writing_what_was_read_gives_the_same_bytes(value: Any) -> None:
    written = canonical_json(value)
    assert json.loads(written) == value
    assert canonical_json(json.loads(written)) == written


@given(st.dictionaries(TEXT, st.integers(0, 9), max_size=6), st.randoms())
def test_the_order_in_which_keys_were_set_does_not_count(value: dict[str, int], random: Any) -> None:
    pairs = list(value.items())
    random.shuffle(pairs)
    assert canonical_json(dict(pairs)) == canonical_json(value)


@given(VALUES)
def test_what_was_written_is_read_again(value: Any) -> None:
    assert read_json(canonical_json(value)) == value


@pytest.mark.parametrize(
    "data", [rb'["\ud800"]', rb'{"a":[{"\udfff":1}]}', rb'"\ude00\ud83d"', b'"\xed\xa0\x80"', b'"\xff"', '"a"'.encode("utf-16")]
)  # fmt: skip
def test_text_that_nobody_could_write_is_not_read(data: bytes) -> None:
    with pytest.raises(FormatError, match="Unicode"):
        read_json(data)


@pytest.mark.parametrize(
    ("data", "value"), [(rb'"\ud83d\ude00"', "\U0001f600"), (rb'"\\ud800"', "\\ud800"), (b'"\\u00e9"', "é")]
)
def test_text_that_is_spelt_out_is_read(data: bytes, value: str) -> None:
    assert read_json(data) == value


@pytest.mark.parametrize("data", [b'{"a":1,"a":2}', b'[{"b":{"a":1,"c":2,"a":1}}]', rb'{"a":1,"\u0061":1}'])
def test_a_member_that_stands_there_twice_is_not_read(data: bytes) -> None:
    with pytest.raises(FormatError, match="'a' stands there twice"):
        read_json(data)


@pytest.mark.parametrize("data", [b"NaN", b'{"a":-Infinity}', b"[Infinity]"])
def test_what_is_no_number_is_not_read(data: bytes) -> None:
    with pytest.raises(FormatError, match="no number"):
        read_json(data)
