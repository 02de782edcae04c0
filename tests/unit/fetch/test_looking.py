"""Looking at a stranger's page: whatever is answered there, on real servers on this machine."""

from __future__ import annotations

import gzip
import ipaddress
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.strangers import certified

from byleave.errors import ByleaveError, FormatError, RefusedError, UnavailableError
from byleave.fetch import Client, FetchLimits, Pace, same_host

LIMITS = FetchLimits(
    body_bytes=10_000, connect_seconds=2.0, silent_seconds=2.0, total_seconds=4.0, redirects=3
)


class Answers(BaseHTTPRequestHandler):
    """Answers by what the path says: ``/to/LINK`` redirects, ``/bomb/ENCODING`` explodes, others say how they were asked."""

    def do_GET(self) -> None:
        name, _, rest = self.path[1:].partition("/")
        body, headers, status = b"plain", {}, 200
        if name == "to":
            status, headers = 302, {"Location": rest}
        elif name == "bomb":
            body, headers = packed(rest, b"x" * 20_000_000), {"Content-Encoding": rest}
        elif name == "packed":
            body, headers = packed(rest, b"hello"), {"Content-Encoding": rest}
        elif name == "cut":
            body, headers = packed("gzip", b"hello")[:-6], {"Content-Encoding": "gzip"}
        elif name == "asked":
            body = f"{self.headers['Host']} {self.headers['Authorization']} {self.headers['User-Agent']}".encode()
        elif name == "gone":
            status = 404
        self.send_response(status)
        for header, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def packed(encoding: str, body: bytes) -> bytes:
    if encoding in {"gzip", "x-gzip"}:
        return gzip.compress(body)
    return zlib.compress(body) if encoding == "deflate" else body


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def resolved(host: str, port: int) -> list[str]:
    known = {"metadata.example": ["169.254.169.254"], "inside.example": ["8.8.8.8", "10.0.0.7"]}
    if host in known:
        return known[host]
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        return []


@pytest.fixture(scope="module")
def looking() -> Iterator[Client]:
    """Give a client that finds ``jane.example`` on this machine, and nothing else that is not public."""
    with serving() as port:
        here = {
            (name, 80): ("127.0.0.1", port) for name in ("jane.example", "www.jane.example", "bob.example")
        }
        with closing(Client(LIMITS, resolver=resolved, detours=here, keep_alive=False)) as client:
            yield client


def test_any_status_is_an_answer_with_what_was_asked_last(looking: Client) -> None:
    found = looking.look("http://jane.example/gone")
    assert (found.status, found.ok, found.url, found.requests) == (404, False, "http://jane.example/gone", 1)
    found = looking.look("http://jane.example/to//plain")
    assert (found.ok, found.body, found.url, found.requests) == (
        True,
        b"plain",
        "http://jane.example/plain",
        2,
    )


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.example/",
        "http://inside.example/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://192.168.0.1/",
        "http://100.100.100.200/",
        "http://0.0.0.0/",
        "http://user@jane.example/",
        "http://jane.example@127.0.0.1/",
        "http://jane.example:22/",
        "http://jane.example:8080/",
        "ftp://jane.example/",
        "file:///etc/passwd",
        "gopher://jane.example/",
        "javascript://jane.example/",
    ],
)
def test_no_redirect_leads_where_a_link_would_not(looking: Client, place: str) -> None:
    with pytest.raises(RefusedError):
        looking.look(f"http://jane.example/to/{place}")


@pytest.mark.parametrize(
    "link",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://localhost/",
        "http://localhost./",
        "http://LOCALHOST/",
        "http://ⓛocalhost/",
        "http://127。0。0。1/",
        "http://１２７.0.0.1/",
        "http://[fe80::1%25eth0]/",
        "http://[::127.0.0.1]/",
        "http://jane.example\\@127.0.0.1/",
        "http://127.0.0.1\t/",
        "http://jane.example:80@127.0.0.1/",
        "http:127.0.0.1/",
        "http://metadata.example./",
    ],
)
def test_no_spelling_leads_to_this_machine(looking: Client, link: str) -> None:
    with pytest.raises(ByleaveError):
        looking.look(link)


def test_a_detour_is_for_one_port_of_one_name(looking: Client) -> None:
    for link in ("http://jane.example:81/", "https://jane.example/", "http://sub.jane.example/"):
        with pytest.raises((RefusedError, UnavailableError)):
            looking.look(link)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate"])
def test_what_was_packed_unasked_is_unpacked_within_the_limit(looking: Client, encoding: str) -> None:
    assert looking.look(f"http://jane.example/packed/{encoding}").body == b"hello"
    assert looking.look(f"http://jane.example/packed/{encoding}", body_bytes=40).body == b"hello"
    with pytest.raises(FormatError, match=r"longer|unpacks to more"):
        looking.look(f"http://jane.example/packed/{encoding}", body_bytes=4)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_does_not_go_off(looking: Client, encoding: str) -> None:
    with pytest.raises(FormatError, match="unpacks to more"):
        looking.look(f"http://jane.example/bomb/{encoding}", body_bytes=100_000)


@pytest.mark.parametrize("path", ["packed/br", "packed/gzip,%20gzip", "packed/zstd", "cut/"])
def test_other_packings_and_torn_ones_are_refused(looking: Client, path: str) -> None:
    with pytest.raises(FormatError):
        looking.look(f"http://jane.example/{path}")


@pytest.mark.parametrize(
    ("place", "followed"),
    [
        ("http://jane.example/plain", True),
        ("http://www.jane.example/plain", True),
        ("http://bob.example/plain", False),
        ("https://bob.example/plain", False),
        ("http://jane.example:81/plain", False),
        ("ftp://jane.example/plain", False),
    ],
)
def test_a_redirect_that_may_not_be_followed_is_the_answer(
    looking: Client, place: str, *, followed: bool
) -> None:
    found = looking.look(f"http://jane.example/to/{place}", follow=same_host)
    assert (found.status, found.body) == ((200, b"plain") if followed else (302, b""))


def test_no_redirect_goes_from_https_back_to_http() -> None:
    import httpx

    assert same_host(httpx.URL("http://a.example/"), httpx.URL("https://a.example/b"))
    assert not same_host(httpx.URL("https://a.example/"), httpx.URL("http://a.example/b"))
    assert not same_host(httpx.URL("https://a.example/"), httpx.URL("https://b.a.example/"))
    assert not same_host(httpx.URL("https://www.a.example/"), httpx.URL("https://a.example/"))


def test_a_secret_header_does_not_travel_on(looking: Client) -> None:
    secret = {"Authorization": "Bearer s"}
    assert b"Bearer s" in looking.look("http://jane.example/asked/", headers=secret).body
    moved = looking.look("http://jane.example/to/http://bob.example/asked/", headers=secret).body
    assert moved.startswith(b"bob.example None")
    assert b"byleave" in moved
    assert b"https://" in moved


def test_one_host_is_asked_so_often_a_minute_whoever_wants_it() -> None:
    now = [0.0]
    pace = Pace(2, clock=lambda: now[0])
    with serving() as port:
        here = {(name, 80): ("127.0.0.1", port) for name in ("jane.example", "bob.example")}
        with closing(Client(LIMITS, detours=here, pace=pace, keep_alive=False)) as client:
            client.look("http://jane.example/to//plain")
            with pytest.raises(UnavailableError, match="within a minute"):
                client.look("http://jane.example/plain")
            client.look("http://bob.example/plain")
            now[0] = 61.0
            assert client.look("http://jane.example/plain").ok


def test_a_certificate_must_be_for_the_name_in_the_link() -> None:
    certificate, trusted = certified(["jane.example"])
    with serving(certificate) as port:
        here = {(name, 443): ("127.0.0.1", port) for name in ("jane.example", "bob.example")}
        with closing(Client(LIMITS, detours=here, tls=trusted, keep_alive=False)) as client:
            assert client.look("https://jane.example/plain").body == b"plain"
            with pytest.raises(UnavailableError):
                client.look("https://bob.example/plain")
        with (
            closing(Client(LIMITS, detours=here, keep_alive=False)) as strict,
            pytest.raises(UnavailableError),
        ):
            strict.look("https://jane.example/plain")
