"""Fields become records, whatever names, types and damage a dataset brings."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from byleave.datasets.records import (
    NESTING,
    TOO_DEEP,
    canonical_json,
    mend,
    record_from_fields,
    to_json,
    whole_number,
)


def test_laion_columns_are_found() -> None:
    fields = {"URL": "https://a.example/x", "TEXT": "a cat", "WIDTH": 640.0, "HEIGHT": 480.0, "punsafe": 0.1}
    record = record_from_fields(fields, where="row 0")
    assert (record.url, record.caption, record.width, record.height) == (
        "https://a.example/x",
        "a cat",
        640,
        480,
    )
    assert record.metadata == {"punsafe": 0.1}


def test_re_laion_columns_are_found_and_the_original_size_wins() -> None:
    fields = {
        "url": "https://a.example/x",
        "caption": "a cat",
        "width": 256,
        "original_width": 1024,
        "status": "success",
    }
    record = record_from_fields(fields, where="row 0")
    assert (record.url, record.caption, record.width) == ("https://a.example/x", "a cat", 1024)
    assert record.failure is None


def test_a_failed_download_keeps_its_link_and_says_why() -> None:
    fields = {"url": "https://a.example/x", "status": "failed_to_download", "error_message": "HTTP Error 404"}
    record = record_from_fields(fields, where="row 0")
    assert record.url == "https://a.example/x"
    assert record.failure == "HTTP Error 404"


def test_a_caption_of_an_unknown_encoding_is_repaired_and_said_so() -> None:
    record = record_from_fields({"url": b"https://a.example/x", "caption": b"caf\xe9"}, where="row 0")
    assert record.caption == "caf�"
    assert record.cleaned == ("bad_text",)


def test_nul_in_a_caption_is_taken_out() -> None:
    record = record_from_fields({"url": "https://a.example/x", "caption": "a\0cat"}, where="row 0")
    assert record.caption == "acat"
    assert record.cleaned == ("bad_text",)


def test_sizes_in_the_wild_are_read_or_left_out() -> None:
    assert [whole_number(value) for value in (640, 640.0, "640")] == [640, 640, 640]
    unusable: list[object] = [math.nan, math.inf, -1, 0, None, "x", 2**40, []]
    assert [whole_number(value) for value in unusable] == [None] * len(unusable)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), values, max_size=6))
def test_any_metadata_can_be_written_as_strict_json(fields: dict[str, object]) -> None:
    record = record_from_fields(fields, where="row 0")
    text = canonical_json(record.metadata)
    text.encode()
    assert json.loads(text, parse_constant=lambda name: 1 / 0) == record.metadata


def test_deep_nesting_ends_in_text() -> None:
    value: object = "core"
    for _ in range(5000):
        value = [value]
    written = json.dumps(to_json(value))
    assert written == "[" * NESTING + json.dumps(TOO_DEEP) + "]" * NESTING


@given(st.text(alphabet=st.characters()))
def test_mended_text_can_be_stored_and_mending_again_changes_nothing(text: str) -> None:
    mended = mend(text)
    assert "\0" not in mended
    mended.encode()
    assert mend(mended) == mended
