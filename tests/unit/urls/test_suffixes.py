"""Where a domain ends that one party can control."""

from __future__ import annotations

import hashlib
from importlib import resources

import pytest

from byleave.urls import is_shared, platforms, registrable_domain, table_digests
from byleave.urls.suffixes import suffix_list_bytes


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("artist.github.io", "artist.github.io"),
        ("x.artist.github.io", "artist.github.io"),
        ("github.io", "github.io"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("localhost", "localhost"),
        ("www.ck", "www.ck"),
    ],
)
def test_the_registrable_domain_heeds_private_suffixes_and_leaves_addresses_alone(
    host: str, domain: str
) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    "host",
    [
        "com",
        "co.uk",
        "github.io",
        "blogspot.com",
        "flickr.com",
        "live.staticflickr.com",
        "staticflickr.com",
        "deviantart.com",
        "images-wixmp.wixmp.com",
        "pinimg.com",
        "i.pinimg.com",
        "upload.wikimedia.org",
        "someone.tumblr.com",
    ],
)
def test_nobody_can_speak_for_a_host_that_many_people_share(host: str) -> None:
    assert is_shared(host)


@pytest.mark.parametrize(
    "host", ["example.com", "artist.github.io", "netflix.com", "notflickr.com", "a.example.co.uk"]
)
def test_a_host_of_one_party_is_not_shared(host: str) -> None:
    assert not is_shared(host)


def test_every_platform_says_where_its_tenants_and_its_pictures_are() -> None:
    assert len({platform.host for platform in platforms()}) == len(platforms()) >= 10
    for platform in platforms():
        assert "{name}" in platform.tenant
        assert platform.assets


def test_the_table_digests_name_the_tables_in_use() -> None:
    platforms_file = resources.files("byleave.urls").joinpath("platforms.toml").read_bytes()
    assert table_digests() == {
        "platforms": hashlib.sha256(platforms_file).hexdigest(),
        "public_suffix_list": hashlib.sha256(suffix_list_bytes()).hexdigest(),
    }
    assert b"===BEGIN PRIVATE DOMAINS===" in suffix_list_bytes()
