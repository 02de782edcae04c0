"""Strangers' servers, for real and on this machine: web sites under any name, and a name server that two resolvers stand for."""

from __future__ import annotations

import socketserver
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from dnslib import CNAME, QTYPE, RCODE, RR, TXT, DNSRecord

if TYPE_CHECKING:
    from byleave.registry.checking import Checks
    from byleave.settings import Settings

SECURE = (
    "secure.example",
    "rdap.example",
    "github.com",
    "api.github.com",
    "www.deviantart.com",
    "www.tumblr.com",
    "api.tumblr.com",
    "www.flickr.com",
    "api.flickr.com",
)
"""Hosts that answer by https as well."""

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
    secure_port: int = 0
    tls: ssl.SSLContext | None = None
    """What trusts the certificate of every stranger that answers by https."""

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
        """Let a host be reached on this machine, by https if it is among the secure ones, and its domain exist."""
        self.detours[host, 80] = ("127.0.0.1", self.web_port)
        if host in SECURE:
            self.detours[host, 443] = ("127.0.0.1", self.secure_port)
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
        from byleave.registry.checking.sign_ins import ClientKey
        from byleave.registry.proof_keys import ProofKeys

        client = Client(
            FetchLimits(512 * 1024, connect_seconds=2.0, silent_seconds=5.0, total_seconds=5.0),
            resolver=lambda host, port: [],
            detours=self.detours,
            tls=self.tls,
            keep_alive=False,
        )
        names = Names([Vantage("127.0.0.1", port) for port in self.vantage_ports])
        keys = {
            word: ClientKey("our-id", "our-secret") for word in ("deviantart", "flickr", "github", "tumblr")
        }
        return Checks(ProofKeys.load(settings), client, names, "http://plc.example", keys)


@contextmanager
def strangers() -> Iterator[Strangers]:
    """Run the servers."""
    world = Strangers()
    web = ThreadingHTTPServer(("127.0.0.1", 0), type("Web", (_Web,), {"world": world}))
    web.daemon_threads = True
    world.web_port = web.server_address[1]
    secure = ThreadingHTTPServer(("127.0.0.1", 0), type("Secure", (_Web,), {"world": world}))
    secure.daemon_threads = True
    serving, world.tls = certified(SECURE)
    secure.socket = serving.wrap_socket(secure.socket, server_side=True)
    world.secure_port = secure.server_address[1]
    servers: list[socketserver.BaseServer] = [web, secure]
    for number in range(2):
        handler = type("Names", (_Names,), {"world": world, "number": number})
        names = socketserver.ThreadingUDPServer(("127.0.0.1", 0), handler)
        names.daemon_threads = True
        world.vantage_ports.append(names.server_address[1])
        servers.append(names)
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


def certified(hosts: Sequence[str]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server needs to answer for these hosts, and what a client needs to believe it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem + secret)
        file.flush()
        server.load_cert_chain(file.name)
    return server, ssl.create_default_context(cadata=pem.decode("ascii"))


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
