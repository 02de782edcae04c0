"""Challenges that somebody put where only she can: in a name server's answer, in a file, in a public profile."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from byleave.errors import FormatError

TOKEN_BYTES: Final = 20
TOKEN_LENGTH: Final = 32
"""160 bits in base32, which needs no padding at this length."""

DNS_LABEL: Final = "_byleave-challenge"
WELL_KNOWN: Final = "/.well-known/byleave-challenge/"
DECLARATION: Final = "/.well-known/byleave.json"
META_NAME: Final = "byleave-verification"
HEADER_NAME: Final = "byleave-verification"
CHALLENGE_FILE_BYTES: Final = 1024
MOST_ACCOUNTS: Final = 200

_TOKEN = re.compile(rf"[a-z2-7]{{{TOKEN_LENGTH}}}")
_EXPIRY = re.compile(r"expiry=(never|\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ``byleave.json`` says for its whole host: who speaks for it, and the keys they sign with."""

    accounts: tuple[str, ...]
    keys: tuple[str, ...]


def token_text(value: bytes) -> str:
    """Write 20 bytes as 32 characters: base32, lower case."""
    if len(value) != TOKEN_BYTES:
        raise FormatError(f"a token has {TOKEN_BYTES} bytes, not {len(value)}", remedy="make it anew")
    return base64.b32encode(value).decode("ascii").lower()


def token_hash(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def is_token(text: str, stored: bytes) -> bool:
    """Whether a text found somewhere is the token of which ``stored`` is kept."""
    return _TOKEN.fullmatch(text) is not None and hmac.compare_digest(token_hash(text), stored)


def txt_value(token: str, expiry: date | None = None) -> str:
    """Return the text of the TXT record; without an end date it says that it may stay for good."""
    return f"token={token} expiry={expiry.isoformat() if expiry else 'never'}"


def txt_names_token(records: Iterable[Sequence[bytes]], stored: bytes, today: date) -> bool:
    """Whether any TXT record carries the token and has not run out.

    Parameters
    ----------
    records
        Each record as its character-strings, which are read as one. ``token=`` comes first; what follows besides ``expiry=`` is
        ignored, and a record without ``expiry=`` stays as long as it is there.
    """
    return any(_txt_holds(b"".join(strings), stored, today) for strings in records)


def _txt_holds(record: bytes, stored: bytes, today: date) -> bool:
    words = record.decode("ascii", "replace").split()
    if not words or not words[0].startswith("token=") or not is_token(words[0][6:], stored):
        return False
    for word in words[1:]:
        if word.startswith("expiry="):
            given = _EXPIRY.fullmatch(word)
            return given is not None and (given[1] == "never" or _is_ahead(given[1], today))
    return True


def _is_ahead(text: str, today: date) -> bool:
    try:
        return date.fromisoformat(text) >= today
    except ValueError:
        return False


def file_text(token: str, key_digest: bytes) -> str:
    """Return what the file of a challenge holds: the token, a dot, and the digest of the account's public key."""
    return f"{token}.{base64.urlsafe_b64encode(key_digest).rstrip(b'=').decode('ascii')}"


def file_holds(body: bytes, expected: str) -> bool:
    """Whether a file is the challenge, byte for byte; one line end after it is forgiven, as editors add it."""
    if len(body) > CHALLENGE_FILE_BYTES:
        return False
    return hmac.compare_digest(body.removesuffix(b"\n").removesuffix(b"\r"), expected.encode("ascii"))


def read_declaration(body: bytes) -> Declaration:
    """Read ``byleave.json``.

    Raises
    ------
    FormatError
        If it is not such a file.
    """
    try:
        said = json.loads(body)
        version, accounts, keys = said["version"], said.get("accounts", []), said.get("keys", [])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _no_declaration() from error
    lists = all(isinstance(one, list) and len(one) <= MOST_ACCOUNTS for one in (accounts, keys))
    if version != 1 or not lists or not all(isinstance(word, str) for word in (*accounts, *keys)):
        raise _no_declaration()
    return Declaration(tuple(accounts), tuple(keys))


def text_names_token(text: str, stored: bytes) -> bool:
    """Whether the token stands somewhere in a text, as a word of its own."""
    return any(
        is_token(word, stored) for word in re.findall(r"(?<![A-Za-z0-9])[a-z2-7]{32}(?![A-Za-z0-9])", text)
    )


def _no_declaration() -> FormatError:
    return FormatError(
        "this is not a byleave.json",
        remedy='write {"version": 1, "accounts": ["acct:..."]}, as your page says',
    )
