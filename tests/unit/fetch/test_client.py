"""The guarded client against real servers on this machine that lie, dawdle and overflow."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import ByleaveError, FormatError, RefusedError, UnavailableError
from byleave.fetch import Client, FetchLimits, client

LIMITS = FetchLimits(
    body_bytes=1_000, connect_seconds=2.0, silent_seconds=0.5, total_seconds=1.0, redirects=3
)
HERE = ["127.0.0.1"]


class Answers(BaseHTTPRequestHandler):
    """Answers each path with one kind of trouble, and writes down what it was asked."""

    asked: list[tuple[str, str | None]] = []  # noqa: RUF012 - replaced for every server

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Host"]))
        name, _, rest = self.path[1:].partition("/")
        getattr(self, f"give_{name}", self.give_nothing)(rest)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((f"{self.path} {body.decode()}", self.headers["Host"]))
        name, _, rest = self.path[1:].partition("/")
        getattr(self, f"give_{name}", self.give_nothing)(rest)

    def give(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for header, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def give_nothing(self, rest: str) -> None:
        self.give(404)

    def give_bytes(self, rest: str) -> None:
        self.give(200, b"x" * int(rest))

    def give_redirect(self, rest: str) -> None:
        self.give(302, Location=rest)

    def give_loop(self, rest: str) -> None:
        self.give(302, Location="/loop/" + rest + "a")

    def give_status(self, rest: str) -> None:
        self.give(int(rest))

    def give_endless(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 500)

    def give_drip(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.1)

    def give_silence(self, rest: str) -> None:
        time.sleep(3)

    def give_short(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")

    def give_noise(self, rest: str) -> None:
        self.wfile.write(b"\x00\xff this is not HTTP\r\n\r\n")

    def give_zip(self, rest: str) -> None:
        self.give(200, b"\x1f\x8b packed", Content_Encoding="gzip")

    def give_cookie(self, rest: str) -> None:
        self.give(200, (self.headers["Cookie"] or "none").encode(), Set_Cookie="a=b")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            return  # the client went away, as it should


@contextmanager
def serving(address: str = "127.0.0.1") -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    asked: list[tuple[str, str | None]] = []
    handler = type("Server", (Answers,), {"asked": asked})
    with ThreadingHTTPServer((address, 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with serving() as (port, _):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def closed() -> Iterator[Client]:
    with closing(Client(LIMITS, resolver=lambda host, port: HERE)) as opened:
        yield opened


@pytest.fixture(scope="module")
def ours() -> Iterator[Client]:
    opened = Client(LIMITS, private_addresses=True)
    yield opened
    opened.close()


def test_a_body_up_to_the_limit_comes_whole(ours: Client, root: str) -> None:
    assert ours.get(f"{root}/bytes/1000") == b"x" * 1_000
    assert ours.get(f"{root}/bytes/0") == b""


@pytest.mark.parametrize("path", ["bytes/1001", "bytes/10000000", "endless/"])
def test_a_body_beyond_the_limit_is_refused(ours: Client, root: str, path: str) -> None:
    with pytest.raises(FormatError, match="longer than 1000"):
        ours.get(f"{root}/{path}")


def test_a_limit_for_one_body_holds_for_that_one(ours: Client, root: str) -> None:
    assert len(ours.get(f"{root}/bytes/5000", body_bytes=5_000)) == 5_000
    with pytest.raises(FormatError):
        ours.get(f"{root}/bytes/11", body_bytes=10)


@pytest.mark.parametrize("path", ["drip/", "silence/"])
def test_a_server_that_dawdles_is_given_up(ours: Client, root: str, path: str) -> None:
    begun = time.monotonic()
    with pytest.raises(UnavailableError):
        ours.get(f"{root}/{path}")
    assert time.monotonic() - begun < 2.9


@pytest.mark.parametrize(
    "path", ["short/", "noise/", "status/404", "status/500", "status/204", "redirect/http://[", "loop/"]
)
def test_an_answer_that_is_no_answer_is_unavailable(ours: Client, root: str, path: str) -> None:
    with pytest.raises(UnavailableError):
        ours.get(f"{root}/{path}")


def test_redirects_are_followed_a_few_times(ours: Client, root: str) -> None:
    assert ours.get(f"{root}/redirect//redirect//redirect//bytes/3") == b"xxx"
    with pytest.raises(UnavailableError, match="redirects too often"):
        ours.get(f"{root}/redirect//redirect//redirect//redirect//bytes/3")


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://example.com/", "http://user:secret@127.0.0.1/"]
)
def test_a_redirect_to_what_is_no_plain_web_link_is_refused(ours: Client, root: str, place: str) -> None:
    with pytest.raises(RefusedError):
        ours.get(f"{root}/redirect/{place}")


def test_packed_bodies_are_not_unpacked(ours: Client, root: str) -> None:
    assert ours.get(f"{root}/zip/") == b"\x1f\x8b packed"


def test_no_cookie_is_brought_back(ours: Client, root: str) -> None:
    assert ours.get(f"{root}/cookie/") == b"none"
    assert ours.get(f"{root}/cookie/") == b"none"


def test_the_server_is_asked_under_the_name_in_the_link() -> None:
    with serving() as (port, asked):
        opened = Client(LIMITS, private_addresses=True, resolver=lambda host, at: HERE)
        opened.get(f"http://example.com:{port}/bytes/1")
        opened.close()
        assert asked == [("/bytes/1", f"example.com:{port}")]


def test_every_address_of_a_name_is_tried() -> None:
    with serving() as (port, asked):
        opened = Client(LIMITS, private_addresses=True, resolver=lambda host, at: ["::1", "127.0.0.1"])
        assert opened.get(f"http://localhost:{port}/bytes/1") == b"x"
        opened.close()
        assert len(asked) == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine speaks no IPv6")
def test_an_ipv6_address_in_a_link_is_asked_for_at_itself(ours: Client) -> None:
    with pytest.raises(UnavailableError, match="takes no connection"):
        ours.get("http://[::1]:9/")


def test_a_name_is_resolved_once_so_it_cannot_turn_into_another_place_after_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolutions = iter([HERE, ["10.0.0.7"]])
    with (
        serving() as (port, asked),
        closing(Client(LIMITS, resolver=lambda host, at: next(resolutions))) as opened,
    ):
        # The server stands on this machine, but for this test its address and port count as public ones.
        monkeypatch.setattr(client, "is_public", lambda address: address == "127.0.0.1")
        monkeypatch.setattr(client, "_PUBLIC_PORTS", {port})
        assert opened.get(f"http://rebind.example:{port}/bytes/1") == b"x"
        assert asked == [("/bytes/1", f"rebind.example:{port}")]
        with pytest.raises(RefusedError, match="not public"):
            opened.get(f"http://rebind.example:{port}/bytes/1")


def test_a_public_server_cannot_redirect_an_operators_command_into_her_own_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The server stands on this machine, but for this test its address counts as a public one.
    monkeypatch.setattr(client, "is_public", lambda address: address == "127.0.0.1")

    def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "registry.example" else ["10.0.0.7"]

    with serving() as (port, asked):
        opened = Client(LIMITS, private_addresses=True, resolver=resolver)
        with pytest.raises(RefusedError, match="not public"):
            opened.get(f"http://registry.example:{port}/redirect/http://router.example/admin")
        opened.close()
        assert len(asked) == 1


def test_proxies_of_the_environment_are_not_used(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    opened = Client(LIMITS, private_addresses=True)
    assert opened.get(f"{root}/bytes/1") == b"x"
    opened.close()


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "."])
def test_a_name_that_cannot_be_one_is_unavailable(ours: Client, host: str) -> None:
    with pytest.raises(UnavailableError):
        ours.get(f"http://{host}:9/")


@given(st.text() | st.text(max_size=20).map("http://".__add__))
def test_any_text_is_refused_in_our_own_words(closed: Client, link: str) -> None:
    with pytest.raises(ByleaveError):
        closed.get(link)


def test_what_is_sent_arrives_and_any_status_comes_back_with_its_body() -> None:
    with serving() as (port, asked), closing(Client(LIMITS, private_addresses=True)) as opened:
        there = f"http://127.0.0.1:{port}"
        done = opened.post(f"{there}/bytes/7", b"hello")
        assert (done.status, done.body) == (200, b"x" * 7)
        assert opened.post(f"{there}/status/409", b"").status == 409
        moved = opened.post(f"{there}/redirect//bytes/3", b"once")
        assert (moved.status, moved.body) == (302, b"")
    assert [said for said, _ in asked] == ["/bytes/7 hello", "/status/409 ", "/redirect//bytes/3 once"]


@pytest.mark.parametrize("path", ["bytes/1001", "endless/"])
def test_an_answer_beyond_the_limit_is_refused_to_what_was_sent_too(
    ours: Client, root: str, path: str
) -> None:
    with pytest.raises(FormatError, match="longer than 1000"):
        ours.post(f"{root}/{path}", b"")


@pytest.mark.parametrize("path", ["silence/", "noise/", "short/"])
def test_a_server_that_does_not_answer_what_was_sent_is_unavailable(
    ours: Client, root: str, path: str
) -> None:
    with pytest.raises(UnavailableError):
        ours.post(f"{root}/{path}", b"")


def test_nothing_is_sent_where_we_do_not_go(closed: Client, ours: Client) -> None:
    with pytest.raises(RefusedError):
        closed.post("http://example.com/", b"secret")
    for link in ("file:///etc/passwd", "http://user:secret@127.0.0.1/"):
        with pytest.raises(RefusedError):
            ours.post(link, b"secret")
    with pytest.raises(UnavailableError):
        ours.post("http://[", b"secret")
