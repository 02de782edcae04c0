"""The secret from which this registry makes the tokens of proofs, so that a page can show one again and no table holds any."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from byleave.settings import Settings
from byleave.signals.challenges import TOKEN_BYTES, file_text, token_text
from byleave.storage import write_atomically

SECRET_FILE: Final = "proofs.secret"  # noqa: S105 - a file name
SECRET_BYTES: Final = 32
ACCOUNT_PREFIX: Final = "acct:"


@dataclass(frozen=True, slots=True)
class ProofKeys:
    """Makes, from one secret, what is random to everybody else: the token of a proof, the key and the public name of an account."""

    secret: bytes = field(repr=False)

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Read the secret of a home, making it on first use."""
        path = settings.home / "keys" / SECRET_FILE
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(path, secrets.token_bytes(SECRET_BYTES), mode=0o600)
        return cls(path.read_bytes())

    def token(self, proof: uuid.UUID, account: uuid.UUID) -> str:
        """Return the token of a proof: 160 bits. A proof has one account, one method and one place, so its token has, too."""
        return token_text(self._derive("token", proof.bytes + account.bytes)[:TOKEN_BYTES])

    def account_key_digest(self, account: uuid.UUID) -> bytes:
        """Return the SHA-256 of the public key (Ed25519, 32 bytes) that stands for an account in files others put up."""
        key = Ed25519PrivateKey.from_private_bytes(self._derive("account", account.bytes))
        return hashlib.sha256(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).digest()

    def account_name(self, account: uuid.UUID) -> str:
        """Return the public name of an account, such as ``acct:`` and 32 characters; it says nothing about a person."""
        short = base64.b32encode(self.account_key_digest(account)[:TOKEN_BYTES]).decode("ascii").lower()
        return ACCOUNT_PREFIX + short

    def account_label(self, account: uuid.UUID) -> str:
        """Return the DNS label that keeps the records of several accounts at one domain apart."""
        return "_" + self.account_name(account).removeprefix(ACCOUNT_PREFIX)

    def file(self, proof: uuid.UUID, account: uuid.UUID) -> str:
        """Return what the file of a proof holds."""
        return file_text(self.token(proof, account), self.account_key_digest(account))

    def _derive(self, purpose: str, value: bytes) -> bytes:
        return hmac.new(self.secret, f"byleave/proof/{purpose}/1\0".encode() + value, hashlib.sha256).digest()
