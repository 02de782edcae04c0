"""The mail server we hand messages to: how its address is written, and one message sent through it."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from byleave.errors import InputError
from byleave.settings import Settings

TIMEOUT_S: Final = 20.0
PORTS: Final = {"smtp": 587, "smtps": 465}
_LONG_LINES: Final = SMTP.clone(max_line_length=998)
"""The most that RFC 5322 allows: folded shorter, a long address in a header is encoded, and no mail program reads it any more."""

_LIKE: Final = (
    "write it like smtps://user:password@mail.example.org:465 or smtp://user:password@mail.example.org:587"
)


@dataclass(frozen=True, slots=True)
class MailFault:
    """Why a message was not taken; in our words, as a server's may hold the address. ``may_pass`` is whether to try again."""

    words: str
    may_pass: bool


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that takes our mail, always over TLS.

    is_tls
        Whether TLS is spoken from the first byte; else STARTTLS is demanded, but of a server on this machine that wants no password.
    """

    host: str
    port: int
    sender: str
    is_tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Return the server that is set, or ``None`` where none is.

        Raises
        ------
        InputError
            If its address, or the one mail comes from, cannot be used. The address is not repeated: it holds a password.
        """
        if settings.smtp_url is None:
            return None
        parts = urlsplit(settings.smtp_url)
        try:
            port = parts.port or PORTS[parts.scheme]
        except (KeyError, ValueError):
            raise InputError("BYLEAVE_SMTP_URL is no address of a mail server", remedy=_LIKE) from None
        if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise InputError("BYLEAVE_SMTP_URL is no address of a mail server", remedy=_LIKE)
        sender = settings.mail_from or ""
        if "@" not in parseaddr(sender)[1] or not sender.isprintable():
            raise InputError(
                "BYLEAVE_MAIL_FROM does not say whom mail comes from",
                remedy="set it to an address of yours, like Byleave <post@example.org>",
            )
        user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
        return cls(parts.hostname, port, sender, parts.scheme == "smtps", user, password)

    @property
    def demands_starttls(self) -> bool:
        return not self.is_tls and not (self.user is None and _is_loopback(self.host))

    def send(
        self,
        recipient: str,
        subject: str,
        body: str,
        *,
        name: str,
        at: datetime,
        unsubscribe: str | None = None,
    ) -> MailFault | None:
        """Hand one message over; ``name`` makes its Message-ID, so that one sent twice can be told. Returns why it was not taken.

        ``unsubscribe`` is the address to which mail programs send one POST to end such mails, as RFC 8058 has it.
        """
        try:
            message = self._message(recipient, subject, body, name, at)
            if unsubscribe is not None:
                message["List-Unsubscribe"] = f"<{unsubscribe}>"
                message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
            with self._connection() as connection:
                connection.send_message(message)
        except (smtplib.SMTPException, OSError, MessageError, ValueError) as error:
            return _fault(error)
        return None

    def try_out(self) -> MailFault | None:
        """Connect and sign in, and send nothing."""
        try:
            with self._connection() as connection:
                connection.noop()
        except (smtplib.SMTPException, OSError) as error:
            return _fault(error)
        return None

    def _connection(self) -> smtplib.SMTP:
        if self.is_tls:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
            )
        else:
            connection = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        try:
            if self.demands_starttls:
                connection.starttls(context=ssl.create_default_context())
            if self.user is not None:
                connection.login(self.user, self.password or "")
        except (smtplib.SMTPException, OSError):
            connection.close()
            raise
        return connection

    def _message(self, recipient: str, subject: str, body: str, name: str, at: datetime) -> EmailMessage:
        message = EmailMessage(policy=_LONG_LINES)
        message["From"] = self.sender
        message["To"] = recipient
        message["Subject"] = subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{name}@{parseaddr(self.sender)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message


def _fault(error: Exception) -> MailFault:
    """Say what went wrong. A permanent answer (5yz) about the message or its reader is final; about us, somebody may mend it."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return MailFault(f"the mail server refused user and password ({error.smtp_code})", may_pass=True)
        case smtplib.SMTPRecipientsRefused():
            code = max(code for code, _ in error.recipients.values())
            return MailFault(f"the mail server refused the recipient ({code})", may_pass=code < 500)
        case smtplib.SMTPDataError() | smtplib.SMTPSenderRefused():
            code = error.smtp_code
            return MailFault(f"the mail server refused the message ({code})", may_pass=code < 500)
        case smtplib.SMTPNotSupportedError():
            return MailFault("the mail server offers no TLS, no sign-in or no such address", may_pass=True)
        case ssl.SSLCertVerificationError():
            return MailFault("the mail server's certificate is not good", may_pass=True)
        case smtplib.SMTPResponseException():
            return MailFault(f"the mail server answered {error.smtp_code}", may_pass=True)
        case smtplib.SMTPException() | OSError():
            return MailFault(f"the mail server cannot be reached ({type(error).__name__})", may_pass=True)
        case _:
            return MailFault("the message cannot be written as mail", may_pass=False)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
