"""The pure parts of the guard: hosts, policies, paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checks import accepts

from byleave.errors import RefusedError
from byleave.settings import Settings
from byleave.web.security import check_host, content_security_policy
from byleave.web.sign_in_routes import AFTER_SIGN_IN, local_path
from byleave.web.site import is_loopback

HERE = Settings(home=Path("/nowhere"))


@pytest.mark.parametrize("host", ["a.example", "A.EXAMPLE", "a.example:80", "[::1]", "[::1]:8321"])
def test_hosts_are_compared_without_their_port(host: str) -> None:
    assert accepts(check_host, host, frozenset({"a.example", "[::1]"}))


@pytest.mark.parametrize(
    "host",
    ["", "b.example", "a.example.b.example", "a.example:", "a.example:x", ":80", "a.example:80:80", "::1"],
)
def test_everything_else_is_refused(host: str) -> None:
    with pytest.raises(RefusedError):
        check_host(host, frozenset({"a.example", "[::1]"}))


def test_remote_pictures_widen_the_policy_for_pictures_alone() -> None:
    from dataclasses import replace

    narrow = content_security_policy(HERE)
    wide = content_security_policy(replace(HERE, remote_pictures=True))
    assert "https:" not in narrow
    assert wide.replace(" https:", "") == narrow
    assert "img-src 'self' data: blob: https:;" in wide


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_everything_else(host: str, *, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize("path", ["/", "/choices", "/choices/new?entry=a%3Ab&answer=no_ai", "/?q=%C3%A9"])
def test_paths_of_this_site_are_followed(path: str) -> None:
    assert local_path(path) == path


@given(st.text())
def test_a_path_never_leads_to_another_site(text: str) -> None:
    from urllib.parse import urljoin, urlsplit

    path = local_path(text)
    assert urlsplit(urljoin("http://here.example/", path)).netloc == "here.example"
    assert path in (text, AFTER_SIGN_IN)
    assert path.isascii()
