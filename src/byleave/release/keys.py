"""Ed25519 keys, each kept in one 0600 file: a registry's own, for releases and coverage files, and an organisation's, for statements."""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from byleave.errors import ConflictError, FormatError, NotFoundError, VerificationError, as_format_error
from byleave.log import VerifierKey, sign_note
from byleave.log.notes import MAX_KEY_CHARS
from byleave.storage import read_at_most, sync_folder, write_atomically

KEY_FILE = "registry.key"
_PREFIX = "PRIVATE+KEY+"
_OWN_KEY = "name the file that `byleave keys make` wrote"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its public face. Written like other tools' note keys: ``PRIVATE+KEY+name+id+base64``."""

    verifier: VerifierKey
    private: Ed25519PrivateKey

    def sign_note(self, text: str) -> str:
        """Return ``text`` as a signed note."""
        return sign_note(text, self.verifier, self.private.sign)

    def to_text(self) -> str:
        """Write the key, secret included."""
        seed = bytes([1]) + self.private.private_bytes_raw()
        return (
            f"{_PREFIX}{self.verifier.name}+{self.verifier.key_id.hex()}+{base64.b64encode(seed).decode()}\n"
        )

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> SigningKey:
        """Make the key of one 32-byte seed."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(VerifierKey(name, private.public_key().public_bytes_raw()), private)

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read what :meth:`to_text` wrote."""
        remedy = "restore the key file from your backup of it"
        parts = text.strip().removeprefix(_PREFIX).split("+", 2)
        try:
            name, key_id, encoded = parts
            seed = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise FormatError("the signing key cannot be read", remedy=remedy) from error
        if not text.startswith(_PREFIX) or len(seed) != 33 or seed[0] != 1:
            raise FormatError("the signing key is not an Ed25519 note key", remedy=remedy)
        key = cls.from_seed(name, seed[1:])
        if key.verifier.key_id.hex() != key_id:
            raise FormatError("the signing key's id does not fit its bytes", remedy=remedy)
        return key


def load_or_make_key(folder: Path, origin: str) -> SigningKey:
    """Return the registry's key, making it on first use. The file is readable by its user only."""
    path = folder / KEY_FILE
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        return load_key(folder, origin)
    key = SigningKey.from_seed(origin, Ed25519PrivateKey.generate().private_bytes_raw())
    aside = folder / f".{KEY_FILE}.{secrets.token_hex(8)}"
    write_atomically(aside, key.to_text().encode(), mode=0o600)
    try:
        # A link, not a rename: of two processes that make the first key at once, one wins and both use its key.
        path.hardlink_to(aside)
    except FileExistsError:
        return load_key(folder, origin)
    finally:
        aside.unlink()
    sync_folder(folder)
    return key


def load_key(folder: Path, origin: str) -> SigningKey:
    """Return the registry's key.

    Raises
    ------
    NotFoundError
        If there is none yet.
    VerificationError
        If the key in the folder belongs to another origin.
    """
    path = folder / KEY_FILE
    if not path.is_file():
        raise NotFoundError(
            f"there is no signing key in {folder}", remedy="publish once: `byleave publish` makes it"
        )
    key = SigningKey.parse(path.read_bytes().decode(errors="replace"))
    if key.verifier.name != origin:
        raise VerificationError(
            f"the signing key is of {key.verifier.name!r}, this registry is {origin!r}",
            remedy="set BYLEAVE_ORIGIN back, or move the key file away to make a new one",
        )
    return key


def verify_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def make_key(path: Path, name: str) -> SigningKey:
    """Make a key of one's own in a new file that only its user may read, for signing statements.

    Raises
    ------
    FormatError
        If no key can have that name.
    ConflictError
        If the file is there already.
    """
    key = SigningKey.from_seed(name, Ed25519PrivateKey.generate().private_bytes_raw())
    try:
        VerifierKey.parse(str(key.verifier))
    except FormatError as error:
        raise FormatError(
            f"no key can be called {name[:80]!r}",
            remedy="give a short name without spaces or +, such as a site of yours",
        ) from error
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConflictError(
            f"{path} is there already", remedy="name another file: a key is never overwritten"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.to_text().encode())
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        # Half a key would only be in the way of a whole one.
        path.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return key


def read_key(path: Path) -> SigningKey:
    """Read a key file that :func:`make_key` made.

    Raises
    ------
    NotFoundError, InputError, UnavailableError
        If it cannot be read.
    FormatError
        If it holds no key.
    """
    content = read_at_most(path, MAX_KEY_CHARS, remedy=_OWN_KEY)
    with as_format_error(f"{path} holds no signing key", remedy=_OWN_KEY):
        return SigningKey.parse(content.decode())
