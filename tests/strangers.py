"""Strangers' servers, for real and on this machine: web sites under any name, and a name server that two resolvers stand for."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dnslib import CNAME, QTYPE, RCODE, RR, TXT, DNSRecord

if TYPE_CHECKING:
    from byleave.registry.checking import Checks
    from byleave.settings import Settings

Answer = tuple[int, dict[str, str], bytes]
Dynamic = Callable[[str, dict[str, str], bytes], Answer]
"""Answers a path with query, given headers by lower-case name and the body sent."""


@dataclass(slots=True)
class Strangers:
    """What every stranger's site and name server says; change it and the next look sees it."""

    pages: dict[tuple[str, str], Answer | Dynamic] = field(default_factory=dict)
    texts: dict[str, list[list[bytes]]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    domains: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    detours: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    vantage_ports: list[int] = field(default_factory=list)
    blind: set[int] = field(default_factory=set)
    """Vantage points, counted from 0, that see no TXT record."""
    web_port: int = 0

    def put(self, link: str, body: str | bytes = b"", *, status: int = 200, **headers: str) -> None:
        """Put something at a link without a scheme, such as ``jane.example/a``."""
        host, slash, path = link.partition("/")
        content = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[host, slash + path or "/"] = (status, named, content)
        self.stand_up(host)

    def answer(self, link: str, how: Dynamic) -> None:
        """Let a function answer a path, whatever the query."""
        host, slash, path = link.partition("/")
        self.pages[host, slash + path] = how
        self.stand_up(host)

    def stand_up(self, host: str) -> None:
        """Let a host be reached by http on this machine, and its domain exist."""
        self.detours[host, 80] = ("127.0.0.1", self.web_port)
        self.domains.add(host)

    def text(self, name: str, *strings: str) -> None:
        """Add a TXT record made of these character-strings."""
        self.texts.setdefault(name, []).append([string.encode() for string in strings])

    def forget(self) -> None:
        """Empty every site and every zone."""
        for kept in (self.pages, self.texts, self.aliases, self.detours):
            kept.clear()
        for seen in (self.domains, self.blind):
            seen.clear()
        self.asked.clear()

    def checks(self, settings: Settings) -> Checks:
        """Return checks that find these strangers, and nobody else."""
        from byleave.fetch import Client, FetchLimits
        from byleave.registry.checking import Checks
        from byleave.registry.checking.names import Names, Vantage
        from byleave.registry.proof_keys import ProofKeys

        client = Client(
            FetchLimits(512 * 1024, connect_seconds=2.0, silent_seconds=5.0, total_seconds=5.0),
            resolver=lambda host, port: [],
            detours=self.detours,
            keep_alive=False,
        )
        names = Names([Vantage("127.0.0.1", port) for port in self.vantage_ports])
        return Checks(ProofKeys.load(settings), client, names, directory="http://plc.example")


@contextmanager
def strangers() -> Iterator[Strangers]:
    """Run the servers."""
    world = Strangers()
    web = ThreadingHTTPServer(("127.0.0.1", 0), type("Web", (_Web,), {"world": world}))
    web.daemon_threads = True
    world.web_port = web.server_address[1]
    servers: list[socketserver.BaseServer] = [web]
    for number in range(2):
        handler = type("Names", (_Names,), {"world": world, "number": number})
        server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        world.vantage_ports.append(server.server_address[1])
        servers.append(server)
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}) for server in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield world
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


class _Web(BaseHTTPRequestHandler):
    world: Strangers

    def do_GET(self) -> None:
        self._give(b"")

    def do_POST(self) -> None:
        self._give(self.rfile.read(int(self.headers.get("content-length", 0))))

    def _give(self, sent: bytes) -> None:
        host = (self.headers["host"] or "").partition(":")[0]
        self.world.asked.append(f"{host}{self.path}")
        found = self.world.pages.get((host, self.path)) or self.world.pages.get(
            (host, urlsplit(self.path).path)
        )
        if callable(found):
            found = found(self.path, {name.lower(): value for name, value in self.headers.items()}, sent)
        status, headers, body = found or (404, {}, b"nothing here")
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Names(socketserver.BaseRequestHandler):
    world: Strangers
    number: int

    def handle(self) -> None:
        packet, socket = self.request
        asked = DNSRecord.parse(packet)
        reply = asked.reply()
        name = str(asked.q.qname).rstrip(".").lower()
        while name in self.world.aliases:
            target = self.world.aliases[name]
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(target), ttl=1))
            name = target
        records = [] if self.number in self.world.blind else self.world.texts.get(name, [])
        for strings in records:
            reply.add_answer(RR(name, QTYPE.TXT, rdata=TXT(strings), ttl=1))
        if not records and name not in self.world.domains:
            reply.header.rcode = RCODE.NXDOMAIN
        socket.sendto(reply.pack(), self.client_address)
