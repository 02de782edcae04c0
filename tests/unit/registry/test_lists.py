"""Lists of links as people hand them in: what is read, and the reason for each line that is not."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.consent import TargetKind
from byleave.errors import InputError
from byleave.registry import lists
from byleave.registry.lists import Listed, ListReader, text_lines
from byleave.registry.targets import url_target
from byleave.settings import Limits


def read(content: bytes | str, limits: Limits | None = None) -> tuple[list[Listed], ListReader]:
    reader = ListReader(limits or Limits())
    content = content.encode() if isinstance(content, str) else content
    return list(reader.read(text_lines(io.BytesIO(content)))), reader


def test_a_list_without_a_header_is_one_link_a_line_and_each_is_taken_once() -> None:
    found, reader = read("https://example.com/a\n\nexample.com/b\r\nexample.com/a".encode("utf-8-sig"))
    assert [one.value for one in found] == ["example.com/a", "example.com/b"]
    assert (reader.accepted, reader.lines, reader.rejects) == (2, 4, [])


def test_a_listed_link_is_the_target_that_the_link_alone_would_be() -> None:
    for link in (
        "https://www.Example.com/a?b#c",
        "http://example.com:80/%7ea/../b",
        "https://bücher.example/ä",
    ):
        ((one,), _) = read(f"url\n{link}\n")
        target = url_target(link)
        assert (one.kind, one.digest, one.value, one.scope_host) == (
            target.kind,
            target.digest,
            target.value,
            target.scope_host,
        )


def test_without_a_header_a_comma_is_part_of_the_link() -> None:
    found, _ = read('https://example.com/a,b.jpg\n"example.com/c,d"\n')
    assert [one.value for one in found] == ["example.com/a,b.jpg", "example.com/c,d"]


def test_a_table_whose_header_names_no_kind_is_not_taken_for_links() -> None:
    with pytest.raises(InputError, match="names none of the columns"):
        read("name,link\nsunset.png,https://example.com/a.jpg\n")


def test_a_list_with_a_header_may_have_several_kinds_and_other_columns() -> None:
    found, _ = read(
        'title,url,Prefix,domain,sha256\n"a, b",example.com/a,,,\n,,example.com/p,example.org,' + "ab" * 32
    )
    assert [one.kind for one in found] == [
        TargetKind.URL,
        TargetKind.PREFIX,
        TargetKind.DOMAIN,
        TargetKind.DIGEST,
    ]
    assert found[1].scope_host is not None


def test_every_line_that_cannot_be_used_is_named_with_its_reason_and_the_others_are_read() -> None:
    content = b"url,domain\nexample.com/a,\nftp://x,\n,flickr.com\n\nexample.com/\xff,\nexample.com/b,\n"
    found, reader = read(content)
    assert [one.value for one in found] == ["example.com/a", "example.com/b"]
    assert [one.line for one in reader.rejects] == [3, 4, 6]
    assert "shared by many people" in reader.rejects[1].reason


@pytest.mark.parametrize("content", [b"", b"\n\n", b"url\n", b"title,name\n", b'url\n"' + b"a" * 200_000])
def test_a_list_that_holds_nothing_or_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        read(content)


def test_a_list_beyond_its_limits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(Limits(), csv_rows=2)
    assert len(read("a.example/1\na.example/2", limits)[0]) == 2
    assert len(read("url\na.example/1\na.example/2", limits)[0]) == 2
    with pytest.raises(InputError, match="too many lines"):
        read("a.example/1\na.example/2\na.example/3", limits)
    monkeypatch.setattr(lists, "MOST_REJECTS", 1)
    with pytest.raises(InputError, match="nothing was filed"):
        read("url\nftp://a\nftp://b\n")


def test_how_far_it_is_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(lists, "_TELL_EVERY", 2)
    reader = ListReader(Limits(), told.append)
    list(reader.read([f"a.example/{n}" for n in range(5)]))
    assert told == [2, 4, 5]


@given(
    st.binary(max_size=60) | st.text(st.sampled_from('url,"\n\r a.example/\0'), max_size=40).map(str.encode)
)
def test_any_list_is_read_or_refused(content: bytes) -> None:
    try:
        found, reader = read(content)
    except InputError:
        return
    assert found or reader.rejects
