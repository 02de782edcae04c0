"""What a claim can point at, made from what people hand in."""

from __future__ import annotations

import pytest

from byleave import urls
from byleave.consent import TargetKind
from byleave.errors import FormatError, InputError, RefusedError
from byleave.registry.targets import digest_target, domain_target, prefix_target, url_target


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
