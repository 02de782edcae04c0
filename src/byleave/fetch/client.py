"""The one guarded HTTP client: it knows where it connects, how much it reads and how long it waits.

A name is resolved once, every address is checked, and the connection goes to a checked address, so that a name cannot turn into
another place between the check and the use. Redirects are followed by hand, each checked anew. No cookies, no proxies from the
environment, no credentials in links.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from byleave.errors import FormatError, RefusedError, UnavailableError
from byleave.fetch.looking import Looked, MayFollow, Pace, anywhere, unpacked

USER_AGENT = "byleave/0.1 (+https://byleave.example/about)"

_PUBLIC_PORTS = frozenset({80, 443})
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")
_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")
_REMEDY = "check the link; only public http and https addresses are fetched"


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one fetch: bytes of the body, seconds to connect, of silence and in all, redirects."""

    body_bytes: int
    connect_seconds: float = 5.0
    silent_seconds: float = 30.0
    total_seconds: float = 30.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Posted:
    """A server's answer to what was sent: its HTTP status and body."""

    status: int
    body: bytes


Resolve = Callable[[str, int], list[str]]
"""Gives the addresses of a host name."""

Detours = Mapping[tuple[str, int], tuple[str, int]]
"""Where a host and port are really found: (name, port) to (address, port)."""


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host, as the system resolves it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a label that is empty or too long is a UnicodeError
        raise UnavailableError(
            f"{host} cannot be resolved", remedy="check the name and the network"
        ) from error
    return [str(address[0]) for *_, address in found]


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError(
            f"{url} cannot be fetched: {type(error).__name__}", remedy="try later"
        ) from error


class Client:
    """Fetches bytes under limits.

    ``private_addresses`` lets it reach this machine and the local network. Only an operator's own command may switch that on, never
    a visitor's link; and a redirect from a public address does not lead there all the same. ``detours`` name single hosts that are
    found at a given address instead, whatever it is; every other name is checked as ever. ``pace`` bounds how often one host is
    asked. ``tls`` replaces the certificates that are trusted. Without ``keep_alive`` each request has a connection of its own, so
    that none is reused under another name whose certificate nobody looked at.
    """

    def __init__(
        self,
        limits: FetchLimits,
        *,
        private_addresses: bool = False,
        resolver: Resolve = resolve,
        detours: Detours | None = None,
        pace: Pace | None = None,
        tls: ssl.SSLContext | None = None,
        keep_alive: bool = True,
    ) -> None:
        self._limits = limits
        self._private = private_addresses
        self._resolve = resolver
        self._detours = {} if detours is None else detours
        self._pace = pace
        self._http = httpx.Client(
            trust_env=False,
            verify=tls or True,
            limits=httpx.Limits(max_keepalive_connections=20 if keep_alive else 0),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(
                min(limits.silent_seconds, limits.total_seconds), connect=limits.connect_seconds
            ),
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

    def look(
        self,
        url: str,
        *,
        follow: MayFollow = anywhere,
        headers: Mapping[str, str] | None = None,
        body_bytes: int | None = None,
    ) -> Looked:
        """Return the answer at ``url``, whatever its status; a redirect that ``follow`` does not take is the answer.

        ``headers`` go to the first place only. A packed body is unpacked within the same limit.

        Raises
        ------
        RefusedError, UnavailableError, FormatError
            As for :meth:`get`, but for the status.
        """
        limits = self._limits if body_bytes is None else replace(self._limits, body_bytes=body_bytes)
        begun = time.monotonic()
        until = begun + limits.total_seconds
        with _reaching(url):
            response, requests = self._walk(httpx.URL(url), until, follow, headers or {})
            with closing(response):
                chunks = _limited(response, url, limits, until)
                packing = response.headers.get("content-encoding", "")
                body = b"" if response.is_redirect else unpacked(chunks, packing, limits.body_bytes)
        found = str(response.request.extensions["asked"])
        named = {name.lower(): value for name, value in response.headers.items()}
        return Looked(found, response.status_code, named, body, time.monotonic() - begun, requests)

    def post(self, url: str, content: bytes, *, headers: Mapping[str, str] | None = None) -> Posted:
        """Send bytes and return the answer, whatever its status. Redirects are not followed.

        Raises
        ------
        RefusedError, UnavailableError, FormatError
            As for :meth:`get`, but for the status.
        """
        until = time.monotonic() + self._limits.total_seconds
        with _reaching(url):
            target = httpx.URL(url)
            addresses = self._checked_addresses(target, private=self._private)
            response = self._send(target, addresses, until, method="POST", content=content, headers=headers)
            with closing(response):
                body = b"".join(_limited(response, url, self._limits, until))
        return Posted(response.status_code, body)

    @contextmanager
    def stream(self, url: str, *, body_bytes: int | None = None) -> Iterator[Iterator[bytes]]:
        """Give the body of ``url`` in pieces, under the same limits as :meth:`get`."""
        limits = self._limits if body_bytes is None else replace(self._limits, body_bytes=body_bytes)
        until = time.monotonic() + limits.total_seconds
        with _reaching(url), closing(self._follow(httpx.URL(url), until)) as response:
            yield _limited(response, url, limits, until)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _follow(self, target: httpx.URL, until: float) -> httpx.Response:
        response, _ = self._walk(target, until, anywhere, {})
        if response.status_code != httpx.codes.OK:
            response.close()
            asked = response.request.extensions["asked"]
            raise UnavailableError(
                f"{asked} answers {response.status_code}", remedy="check the link, or try later"
            )
        return response

    def _walk(
        self, target: httpx.URL, until: float, follow: MayFollow, headers: Mapping[str, str]
    ) -> tuple[httpx.Response, int]:
        """Return the last answer of a chain of redirects, its body unread, and how many requests it took."""
        private = self._private
        for requests in range(1, self._limits.redirects + 2):
            addresses = self._checked_addresses(target, private=private)
            response = self._send(target, addresses, until, headers=headers)
            if not response.is_redirect:
                return response, requests
            after = target.join(response.headers.get("location", ""))
            if not follow(target, after):
                return response, requests
            response.close()
            private = private and not all(map(is_public, addresses))
            target, headers = after, {}
        raise UnavailableError(f"{target.host} redirects too often", remedy="use the final link")

    def _checked_addresses(self, target: httpx.URL, *, private: bool) -> list[str]:
        if target.scheme not in {"http", "https"} or not target.host or target.userinfo:
            raise RefusedError(
                f"{target.scheme!r} links and links with a password are not fetched", remedy=_REMEDY
            )
        port = target.port or (443 if target.scheme == "https" else 80)
        if not self._private and port not in _PUBLIC_PORTS and (target.host, port) not in self._detours:
            raise RefusedError(f"port {port} is not fetched", remedy=_REMEDY)
        host = target.raw_host.decode()
        if self._pace is not None:
            self._pace.count(host)
        if (host, port) in self._detours:
            return [self._detours[host, port][0]]
        addresses = self._resolve(host.strip("[]"), port)
        if not addresses:
            raise UnavailableError(f"{host} has no address", remedy="check the name")
        if not private and not all(map(is_public, addresses)):
            raise RefusedError(f"{host} leads to an address that is not public", remedy=_REMEDY)
        return addresses

    def _send(
        self,
        target: httpx.URL,
        addresses: list[str],
        until: float,
        *,
        method: str = "GET",
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Ask the first address that takes a connection; a name such as ``localhost`` may have one that nobody listens on."""
        host = target.raw_host.decode()
        asked_port = target.port or (443 if target.scheme == "https" else 80)
        port = self._detours.get((host, asked_port), ("", target.port))[1]
        failure: httpx.TransportError | None = None
        for address in addresses:
            if time.monotonic() > until:
                raise UnavailableError(f"{target.host} is too slow", remedy="try later")
            request = self._http.build_request(
                method,
                target.copy_with(host=address, port=port),
                content=content,
                headers={**(headers or {}), "Host": target.netloc.decode()},
                extensions={"sni_hostname": host, "asked": target},
            )
            try:
                return self._http.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise UnavailableError(f"{target.host} takes no connection", remedy="try later") from failure


def is_public(address: str) -> bool:
    """Whether an address is on the public internet, looked at through every way of writing IPv4 inside IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return is_public(str(parsed.ipv4_mapped))
        # Only global unicast: no other range (translated, compatible, site-local) leads to a place of its own.
        tunnelled = parsed.sixtofour is not None or parsed.teredo is not None
        if parsed not in _GLOBAL_UNICAST or parsed in _DOCUMENTATION or tunnelled:
            return False
    elif parsed in _RELAYS:
        return False
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
