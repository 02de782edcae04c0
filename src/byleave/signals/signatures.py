"""What a signature says: statements signed by a published key, and files with Content Credentials under a published certificate."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from byleave.errors import FormatError, MissingExtraError

ED25519: Final = "ed25519:"
X509: Final = "x509:"
ACCOUNT_ASSERTION: Final = "org.byleave.account"
"""The assertion of a manifest that names the account a file is signed for, so that nobody else can hand it in as hers."""

_KINDS: Final = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n", "image/png"), (b"RIFF", "image/webp"))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the Content Credentials of a file say.

    trusted
        Whether the signature holds, the file is unchanged, and the signer's certificate comes from one of those given.
    accounts
        The accounts named by the active manifest.
    signer
        What the certificate calls its holder; shown, never relied upon.
    """

    trusted: bool
    accounts: tuple[str, ...]
    signer: str | None


def signs(keys: Iterable[str], statement: bytes, signature: str) -> str | None:
    """Return the published Ed25519 key under which a base64 signature of a statement holds, or ``None``."""
    try:
        given = _decoded(signature)
    except FormatError:
        return None
    for key in keys:
        if key.startswith(ED25519) and _holds(key.removeprefix(ED25519), statement, given):
            return key
    return None


def read_credentials(content: bytes, keys: Iterable[str]) -> Credentials | None:
    """Read the Content Credentials of a picture, or ``None`` where it has none; ``keys`` hold the certificates to believe.

    Nothing is fetched: neither manifests from elsewhere nor lists of revoked certificates.

    Raises
    ------
    MissingExtraError
        If the package that reads them is not installed.
    FormatError
        If the file cannot be read.
    """
    try:
        import c2pa
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "reading Content Credentials needs the package 'c2pa-python'",
            remedy="pip install 'byleave[server]'",
        ) from missing
    kind = next((word for head, word in _KINDS if content.startswith(head)), None)
    if kind is None:
        raise FormatError("this is no JPEG, PNG or WebP file", remedy="choose the file as it was signed")
    anchors = "".join(_certificates(keys))
    settings: dict[str, Any] = {
        "version": 1,
        "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    if anchors:
        settings["trust"] = {"trust_anchors": anchors}
    try:
        with c2pa.Settings.from_dict(settings) as told, c2pa.Context(told) as context:
            reader = c2pa.Reader.try_create(kind, io.BytesIO(content), context=context)
            if reader is None:
                return None
            with reader:
                found = _credentials(json.loads(reader.json()))
    except c2pa.C2paError as error:
        raise FormatError(
            "the Content Credentials of this file cannot be read", remedy="choose the file as it was signed"
        ) from error
    return replace(found, trusted=found.trusted and bool(anchors))


def _credentials(said: dict[str, Any]) -> Credentials:
    manifest = said.get("manifests", {}).get(said.get("active_manifest"), {})
    accounts = tuple(
        str(assertion.get("data", {}).get("account", ""))
        for assertion in manifest.get("assertions", [])
        if assertion.get("label") == ACCOUNT_ASSERTION and isinstance(assertion.get("data"), dict)
    )
    signer = manifest.get("signature_info", {}).get("common_name")
    return Credentials(said.get("validation_state") == "Trusted", accounts, signer)


def _certificates(keys: Iterable[str]) -> Iterable[str]:
    for key in keys:
        if not key.startswith(X509):
            continue
        try:
            certificate = x509.load_der_x509_certificate(_decoded(key.removeprefix(X509)))
        except (FormatError, ValueError):
            continue  # somebody else's fault, and no reason not to look at the others
        yield certificate.public_bytes(Encoding.PEM).decode("ascii")


def _holds(key: str, statement: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(_decoded(key)).verify(signature, statement)
    except (FormatError, ValueError, InvalidSignature):
        return False
    return True


def _decoded(text: str) -> bytes:
    plain = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("this is not base64", remedy="copy it whole") from error
