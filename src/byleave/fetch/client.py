"""The one guarded HTTP client: it knows where it connects, how much it reads and how long it waits.

A name is resolved once, every address is checked, and the connection goes to a checked address, so that a name cannot turn into
another place between the check and the use. Redirects are followed by hand, each checked anew. No cookies, no proxies from the
environment, no credentials in links.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from byleave.errors import FormatError, RefusedError, UnavailableError

USER_AGENT = "byleave/0.1 (+https://byleave.example/about)"

_PUBLIC_PORTS = frozenset({80, 443})
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_REMEDY = "check the link; only public http and https addresses are fetched"


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one fetch: bytes of the body, seconds to connect and in all, redirects."""

    body_bytes: int
    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    redirects: int = 5


Resolve = Callable[[str, int], list[str]]
"""Gives the addresses of a host name."""


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host, as the system resolves it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnavailableError(
            f"{host} cannot be resolved", remedy="check the name and the network"
        ) from error
    return [str(address[0]) for *_, address in found]


class Client:
    """Fetches bytes under limits.

    ``private_addresses`` lets it reach this machine and the local network. Only an operator's own command may switch that on, never
    a visitor's link.
    """

    def __init__(
        self, limits: FetchLimits, *, private_addresses: bool = False, resolver: Resolve = resolve
    ) -> None:
        self._limits = limits
        self._private = private_addresses
        self._resolve = resolver
        self._http = httpx.Client(
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(limits.total_seconds, connect=limits.connect_seconds),
        )

    def get(self, url: str, *, body_bytes: int | None = None) -> bytes:
        """Return the body of ``url``.

        Raises
        ------
        RefusedError
            If the link leads where we do not go.
        UnavailableError
            If the server cannot be reached, is too slow, or answers with anything but 200.
        FormatError
            If the body is longer than allowed.
        """
        with self.stream(url, body_bytes=body_bytes) as chunks:
            return b"".join(chunks)

    @contextmanager
    def stream(self, url: str, *, body_bytes: int | None = None) -> Iterator[Iterator[bytes]]:
        """Give the body of ``url`` in pieces, under the same limits as :meth:`get`."""
        limits = self._limits if body_bytes is None else replace(self._limits, body_bytes=body_bytes)
        until = time.monotonic() + limits.total_seconds
        try:
            response = self._follow(httpx.URL(url), until)
            try:
                yield _limited(response, url, limits, until)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(
                f"{url} cannot be fetched: {type(error).__name__}", remedy="try later"
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _follow(self, target: httpx.URL, until: float) -> httpx.Response:
        for _ in range(self._limits.redirects + 1):
            if time.monotonic() > until:
                raise UnavailableError(f"{target.host} is too slow", remedy="try later")
            response = self._http.send(self._request(target), stream=True)
            if response.is_redirect:
                response.close()
                target = target.join(response.headers.get("location", ""))
                continue
            if response.status_code != httpx.codes.OK:
                response.close()
                raise UnavailableError(
                    f"{target} answers {response.status_code}", remedy="check the link, or try later"
                )
            return response
        raise UnavailableError(f"{target.host} redirects too often", remedy="use the final link")

    def _request(self, target: httpx.URL) -> httpx.Request:
        if target.scheme not in {"http", "https"} or not target.host or target.userinfo:
            raise RefusedError(
                f"{target.scheme!r} links and links with a password are not fetched", remedy=_REMEDY
            )
        port = target.port or (443 if target.scheme == "https" else 80)
        if not self._private and port not in _PUBLIC_PORTS:
            raise RefusedError(f"port {port} is not fetched", remedy=_REMEDY)
        address = self._checked_address(target.raw_host.decode(), port)
        return self._http.build_request(
            "GET",
            target.copy_with(host=address),
            headers={"Host": target.netloc.decode()},
            extensions={"sni_hostname": target.raw_host.decode()},
        )

    def _checked_address(self, host: str, port: int) -> str:
        addresses = self._resolve(host.strip("[]"), port)
        if not addresses:
            raise UnavailableError(f"{host} has no address", remedy="check the name")
        if not self._private and not all(is_public(address) for address in addresses):
            raise RefusedError(f"{host} leads to an address that is not public", remedy=_REMEDY)
        return addresses[0]


def is_public(address: str) -> bool:
    """Whether an address is on the public internet, looked at through every way of writing IPv4 inside IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed in _TRANSLATED or parsed.sixtofour is not None or parsed.teredo is not None:
            return False
        if parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
    return parsed.is_global and not parsed.is_multicast


def _limited(response: httpx.Response, url: str, limits: FetchLimits, until: float) -> Iterator[bytes]:
    seen = 0
    for chunk in response.iter_raw():
        seen += len(chunk)
        if seen > limits.body_bytes:
            raise FormatError(f"{url} is longer than {limits.body_bytes} bytes", remedy="check the link")
        if time.monotonic() > until:
            raise UnavailableError(f"{url} is too slow", remedy="try later")
        yield chunk
