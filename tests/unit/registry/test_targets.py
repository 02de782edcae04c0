"""What a claim can point at, made from what people hand in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave import urls
from byleave.consent import TargetKind
from byleave.errors import FormatError, InputError, RefusedError
from byleave.registry.targets import digest_target, domain_target, prefix_target, read_list, url_target
from byleave.settings import Limits


def test_a_link_is_pointed_at_in_its_canonical_form() -> None:
    target = url_target("www.Example.com/a?b#c")
    assert (target.kind, target.value) == (TargetKind.URL, "example.com/a?b")
    assert target.digest == urls.url_digest("example.com/a?b")


def test_a_path_reaches_below_itself_on_its_own_host_only() -> None:
    target = prefix_target("https://example.com/artist")
    assert target.value == "example.com/artist/"
    assert target.scope_host == urls.host_digest("example.com")


@pytest.mark.parametrize(
    "whole", ["example.com", "https://example.com/", "example.com/?a", "example.com/a/.."]
)
def test_a_path_that_is_a_whole_site_is_refused(whole: str) -> None:
    with pytest.raises(InputError, match="whole site"):
        prefix_target(whole)


@pytest.mark.parametrize(
    "shared", ["flickr.com", "www.flickr.com", "github.io", "com", "staticflickr.com", "localhost"]
)
def test_a_domain_that_many_share_is_refused(shared: str) -> None:
    with pytest.raises(RefusedError, match="shared"):
        domain_target(shared)


@pytest.mark.parametrize("raw", ["me@example.com", "example.com:8080", "example.com/a", ""])
def test_a_domain_is_a_bare_name(raw: str) -> None:
    with pytest.raises(FormatError):
        domain_target(raw)


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_a_digest_has_32_bytes(digest: bytes) -> None:
    with pytest.raises(FormatError):
        digest_target(digest)


def test_a_list_without_a_header_is_one_link_a_line() -> None:
    found = read_list("https://example.com/a\n\nexample.com/b\r\nexample.com/a".encode("utf-8-sig"), Limits())
    assert [target.value for target in found] == ["example.com/a", "example.com/b"]


def test_without_a_header_a_comma_is_part_of_the_link() -> None:
    found = read_list(b'https://example.com/a,b.jpg\n"example.com/c,d"\n', Limits())
    assert [target.value for target in found] == ["example.com/a,b.jpg", "example.com/c,d"]


def test_a_table_whose_header_names_no_kind_is_not_taken_for_links() -> None:
    with pytest.raises(InputError, match="line 1: 'name,link' is not a link"):
        read_list(b"name,link\nsunset,https://example.com/a.jpg\n", Limits())


def test_a_list_with_a_header_may_have_several_kinds_and_other_columns() -> None:
    content = (
        b'title,url,Prefix,domain,sha256\n"a, b",example.com/a,,,\n,,example.com/p,example.org,' + b"ab" * 32
    )
    kinds = [target.kind for target in read_list(content, Limits())]
    assert kinds == [TargetKind.URL, TargetKind.PREFIX, TargetKind.DOMAIN, TargetKind.DIGEST]


def test_one_bad_line_refuses_the_whole_list_and_every_bad_line_is_named() -> None:
    content = b"url,domain\nexample.com/a,\nftp://x,\n,flickr.com\nexample.com/b,\n"
    with pytest.raises(InputError) as refused:
        read_list(content, Limits())
    assert "2 lines cannot be used, nothing was filed" in refused.value.problem
    assert "line 3:" in refused.value.problem
    assert "line 4:" in refused.value.problem


@pytest.mark.parametrize("content", [b"", b"\n\n", b"url\n", b"title,name\n", b"\xff\xfe", b'"open'])
def test_a_list_that_holds_nothing_or_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        read_list(content, Limits())


def test_a_list_beyond_its_limits_is_refused() -> None:
    limits = replace(Limits(), csv_rows=2, csv_bytes=100)
    assert len(read_list(b"a.example/1\na.example/2", limits)) == 2
    for content in (b"a.example/1\na.example/2\na.example/3", b"a.example/" + b"a" * 100):
        with pytest.raises(InputError):
            read_list(content, limits)


@given(
    st.binary(max_size=60) | st.text(st.sampled_from('url,"\n\r a.example/\0'), max_size=40).map(str.encode)
)
def test_any_list_is_read_or_refused(content: bytes) -> None:
    try:
        found = read_list(content, Limits())
    except (InputError, RefusedError):
        return
    assert found
