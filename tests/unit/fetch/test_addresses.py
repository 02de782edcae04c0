"""Which addresses the guarded client never goes to, however they are written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from byleave.errors import RefusedError, UnavailableError
from byleave.fetch import Client, FetchLimits, is_public
from byleave.fetch.client import resolve

FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fe80::5efe:127.0.0.1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "",
    "localhost",
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "127.1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_seen_through(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]
)
def test_an_address_on_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


def resolved(host: str, port: int) -> list[str]:
    """Resolve ``name-of-<hex>.example`` to a public address and the one it names; other names as this machine does."""
    name = host.removeprefix("name-of-").removesuffix(".example")
    return ["8.8.8.8", bytes.fromhex(name).decode()] if name != host else resolve(host, port)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Client]:
    client = Client(FetchLimits(100), resolver=resolved)
    yield client
    client.close()


@pytest.mark.parametrize(
    "link",
    [
        "ftp://example.com/a",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/plain,a",
        "example.com/a",
        "//example.com/a",
        "/etc/passwd",
        "",
        "http://",
        "http:///a",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://:secret@example.com/",
        "https://example.com:22/",
        "http://example.com:6379/",
        "http://example.com:8080/",
    ],
)
def test_other_schemes_passwords_and_ports_are_refused_before_a_name_is_resolved(
    guarded: Client, link: str
) -> None:
    with pytest.raises(RefusedError, match="not fetched"):
        guarded.get(link)


def test_a_name_that_leads_to_such_an_address_beside_a_public_one_is_refused(guarded: Client) -> None:
    for address in FORBIDDEN:
        with pytest.raises(RefusedError, match="not public"):
            guarded.get(f"http://name-of-{address.encode().hex()}.example/")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0",
    ],
)
def test_this_machine_is_refused_under_every_name_it_has(guarded: Client, host: str) -> None:
    with pytest.raises((RefusedError, UnavailableError), match=r"not public|InvalidURL"):
        guarded.get(f"http://{host}/")
