"""Mail out, to real SMTP servers on this machine: sent once, tried again, given up, and never in the clear with a password."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ssl
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as Visit
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.orm import Session

from byleave.errors import InputError
from byleave.registry.account_tables import OutboxMessage
from byleave.registry.database import Database
from byleave.registry.jobs import run_pending
from byleave.registry.mail import MAIL, PAUSES, Letter, Post, waiting_messages
from byleave.registry.mail_server import MailServer
from byleave.settings import Settings

pytestmark = [
    pytest.mark.functional,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning"),
]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SENDER = "Byleave <post@registry.example>"
LETTER = Letter("ada@example.org", "Your link", "Open this: https://registry.example/x?code=secret \u2713")


@dataclass
class Mailbox:
    """What a server took, and what it answers to the next recipients and messages before it takes any more."""

    taken: list[Message] = field(default_factory=list)
    to_recipients: list[str] = field(default_factory=list)
    to_messages: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Visit, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipients:
            return self.to_recipients.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: SMTP, session: Visit, envelope: Envelope) -> str:  # noqa: N802
        if self.to_messages:
            return self.to_messages.pop(0)
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content))
        return "250 taken"

    def check(
        self, server: SMTP, session: Visit, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"open:sesame", handled=False)


@contextmanager
def serving(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    controller = _Controller(mailbox, hostname="localhost", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


class _Controller(Controller):
    """On a free port, which the original would not look up before it asks there whether anybody answers."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's


@dataclass(frozen=True)
class Certificates:
    """A certificate for localhost that only itself vouches for."""

    file: Path

    def server_side(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificates") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return Certificates(file)


def post(url: str) -> Post:
    return Post(MailServer.from_settings(Settings(home=Path("/nowhere"), smtp_url=url, mail_from=SENDER)))


def write(database: Database, by: Post, at: datetime = NOON) -> int:
    with database.transaction() as session:
        by.send(session, LETTER, at=at)
        return session.execute(sa.select(sa.func.max(OutboxMessage.id))).scalar_one()


def row(database: Database, message: int) -> OutboxMessage:
    with database.transaction() as session:
        found = session.execute(sa.select(OutboxMessage).where(OutboxMessage.id == message)).scalar_one()
        session.expunge(found)
        return found


def waiting_jobs(database: Database) -> list[tuple[dict[str, Any], datetime | None]]:
    with database.transaction() as session:
        jobs = sa.text("SELECT args, scheduled_at FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        return [(args, at) for args, at in session.execute(jobs)]


def test_a_letter_is_sent_once_and_then_empty_here(database: Database) -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        by = post(f"smtp://localhost:{port}")
        message = write(database, by)
        assert run_pending(database, {MAIL: by.deliver}) == 1
        by.deliver(database, message)
    (taken,) = mailbox.taken
    assert taken["to"] == "ada@example.org"
    assert taken["from"] == SENDER
    assert taken["subject"] == "Your link"
    assert taken["auto-submitted"] == "auto-generated"
    assert taken["message-id"].endswith("@registry.example>")
    body = taken.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().strip() == LETTER.body
    kept = row(database, message)
    assert (kept.body, kept.attempts, kept.fault) == ("", 1, None)
    assert kept.sent_at is not None
    with database.transaction() as session:
        assert waiting_messages(session) == []


def test_a_letter_that_can_be_ended_says_so_to_mail_programs(database: Database) -> None:
    mailbox, link = Mailbox(), "https://registry.example/unsubscribe?code=" + "ab" * 48
    with serving(mailbox) as port:
        by = post(f"smtp://localhost:{port}")
        with database.transaction() as session:
            by.send(session, dataclasses.replace(LETTER, unsubscribe=link), at=NOON)
            message = session.execute(sa.select(sa.func.max(OutboxMessage.id))).scalar_one()
        write(database, by)
        assert run_pending(database, {MAIL: by.deliver}) == 2
    ended, plain = mailbox.taken
    assert "".join(ended["list-unsubscribe"].split()) == f"<{link}>"
    assert ended["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert plain["list-unsubscribe"] is None
    assert row(database, message).unsubscribe is None, "what was sent is empty here"


def test_a_letter_of_a_transaction_that_was_undone_is_never_sent(database: Database) -> None:
    by = post("smtp://localhost:1")
    with Session(database.engine) as session:
        by.send(session, LETTER, at=NOON)
        session.rollback()
    assert waiting_jobs(database) == []


def test_a_server_that_is_away_is_tried_again_with_longer_pauses_until_it_is_given_up(
    database: Database,
) -> None:
    by = post("smtp://localhost:1")
    message = write(database, by)
    at = NOON
    for tries, pause in enumerate(PAUSES, 1):
        by.deliver(database, message, at)
        kept = row(database, message)
        assert (kept.attempts, kept.sent_at) == (tries, None)
        assert kept.fault == "the mail server cannot be reached (ConnectionRefusedError)"
        assert waiting_jobs(database)[-1] == ({"message": message}, at + pause)
        at += pause
    by.deliver(database, message, at)
    assert len(waiting_jobs(database)) == 1 + len(PAUSES), "nobody tries again"
    assert row(database, message).body == ""
    assert sum(PAUSES, timedelta()) < timedelta(days=1)


def test_a_server_that_comes_back_gets_the_letter(database: Database) -> None:
    message = write(database, post("smtp://localhost:1"))
    post("smtp://localhost:1").deliver(database, message, NOON)
    mailbox = Mailbox()
    with serving(mailbox) as port:
        post(f"smtp://localhost:{port}").deliver(database, message, NOON)
    assert len(mailbox.taken) == 1
    assert row(database, message).attempts == 2


@pytest.mark.parametrize(
    ("recipients", "messages", "words", "again"),
    [
        (["550 no such ada@example.org"], [], "the mail server refused the recipient (550)", 0),
        (["450 later, ada@example.org"], [], "the mail server refused the recipient (450)", 1),
        ([], ["554 spam"], "the mail server refused the message (554)", 0),
        ([], ["451 busy"], "the mail server refused the message (451)", 1),
    ],
)
def test_what_a_server_refuses_for_good_is_not_sent_again(
    database: Database, recipients: list[str], messages: list[str], words: str, again: int
) -> None:
    with serving(Mailbox(to_recipients=recipients, to_messages=messages)) as port:
        by = post(f"smtp://localhost:{port}")
        message = write(database, by)
        by.deliver(database, message, NOON)
    kept = row(database, message)
    assert kept.fault == words, "without the address, which the server repeats"
    assert len(waiting_jobs(database)) == 1 + again
    assert bool(kept.body) == again


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_user_and_password_travel_over_tls(
    database: Database, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.file))
    mailbox = Mailbox()
    tls = certificates.server_side()
    options = {"ssl_context": tls} if scheme == "smtps" else {"tls_context": tls, "require_starttls": True}
    auth = {"authenticator": mailbox.check, "auth_required": True, "auth_require_tls": scheme == "smtp"}
    with serving(mailbox, **options, **auth) as port:
        good = post(f"{scheme}://ada%40host:open%3Asesame@localhost:{port}")
        wrong = post(f"{scheme}://ada:knock@localhost:{port}")
        good.deliver(database, write(database, good))
        message = write(database, wrong)
        wrong.deliver(database, message)
    assert len(mailbox.taken) == 1
    assert mailbox.users[0] == "ada@host"
    assert row(database, message).fault == "the mail server refused user and password (535)"


def test_no_password_is_sent_without_tls_or_to_a_stranger(
    database: Database, certificates: Certificates
) -> None:
    for options, words in (
        ({}, "the mail server offers no TLS, no sign-in or no such address"),
        ({"tls_context": certificates.server_side()}, "the mail server's certificate is not good"),
    ):
        mailbox = Mailbox()
        with serving(mailbox, authenticator=mailbox.check, auth_require_tls=False, **options) as port:
            by = post(f"smtp://ada:open%3Asesame@localhost:{port}")
            message = write(database, by)
            by.deliver(database, message, NOON)
        assert row(database, message).fault == words
        assert (mailbox.users, mailbox.taken) == ([], [])


def test_without_a_server_letters_wait_and_are_sent_once_there_is_one(database: Database) -> None:
    message = write(database, Post())
    assert waiting_jobs(database) == []
    Post().deliver(database, message)
    assert row(database, message).attempts == 0
    mailbox = Mailbox()
    with serving(mailbox) as port:
        by = post(f"smtp://localhost:{port}")
        for _ in range(2):
            with database.transaction() as session:
                assert by.catch_up(session, at=NOON) == 1
        run_pending(database, {MAIL: by.deliver})
    assert len(mailbox.taken) == 1
    with database.transaction() as session:
        assert by.catch_up(session, at=NOON) == 0


def test_letters_are_forgotten_after_a_day(database: Database) -> None:
    write(database, Post())
    write(database, Post(), NOON + timedelta(days=1, seconds=1))
    with database.transaction() as session:
        assert len(session.execute(sa.select(OutboxMessage)).all()) == 1


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("https://mail.example", SENDER),
        ("smtp://", SENDER),
        ("smtp://mail.example:x", SENDER),
        ("smtp://user:secret@mail.example/path", SENDER),
        ("mail.example:25", SENDER),
        ("smtp://mail.example", None),
        ("smtp://mail.example", "nobody"),
        ("smtp://mail.example", "a@b.example\nBcc: c@d.example"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_its_password(url: str, sender: str | None) -> None:
    settings = Settings(home=Path("/nowhere"), smtp_url=url, mail_from=sender)
    with pytest.raises(InputError) as refused:
        MailServer.from_settings(settings)
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(settings)


def test_the_usual_ports_are_known_and_a_password_shows_nowhere() -> None:
    server = post("smtps://user:secret@mail.example").server
    assert server is not None
    assert (server.port, server.is_tls, server.password) == (465, True, "secret")
    assert "secret" not in repr(server)
    plain = post("smtp://mail.example").server
    assert plain is not None
    assert (plain.port, plain.demands_starttls) == (587, True)
