"""What a signature says: statements signed by a published key, and files with Content Credentials under a published certificate."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from byleave.errors import FormatError, MissingExtraError
from byleave.signals import identity_assertions as identities

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
    identified
        Those of them that an identity assertion (CAWG) of an unchanged file stands behind, under one of the certificates given, whoever
        signed the manifest.
    signer
        What the certificate calls its holder; shown, never relied upon.
    """

    trusted: bool
    accounts: tuple[str, ...]
    signer: str | None
    identified: tuple[str, ...] = ()


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


def read_credentials(content: bytes, keys: Iterable[str], at: datetime) -> Credentials | None:
    """Read the Content Credentials of a picture, or ``None`` where it has none; ``keys`` hold the certificates to believe.

    Nothing is fetched: neither manifests from elsewhere, nor lists of revoked certificates, nor identities that a file names.

    Raises
    ------
    MissingExtraError
        If the package that reads them is not installed.
    FormatError
        If the file cannot be read.
    """
    kind = next((word for head, word in _KINDS if content.startswith(head)), None)
    if kind is None:
        raise FormatError("this is no JPEG, PNG or WebP file", remedy="choose the file as it was signed")
    known = list(_certificates(keys))
    said = _read(content, kind, known, decoding=False)
    if said is None:
        return None
    found = _credentials(said)
    found = replace(found, trusted=found.trusted and bool(known))
    manifest = _active(said)
    behind = [
        one
        for one in identities.assertions_by_certificate(manifest)
        if ACCOUNT_ASSERTION in identities.labels_behind(one) and identities.is_under(one, known, at)
    ]
    if not behind or len(found.accounts) != 1:
        return found
    checked = _read(content, kind, known, decoding=True) or {}
    if any(_stands(checked, one["label"]) for one in behind):
        return replace(found, identified=found.accounts)
    return found


def _read(
    content: bytes, kind: str, known: Sequence[x509.Certificate], *, decoding: bool
) -> dict[str, Any] | None:
    """Read a file; ``decoding`` checks the identity assertions in it, too."""
    try:
        import c2pa
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "reading Content Credentials needs the package 'c2pa-python'",
            remedy="pip install 'byleave[server]'",
        ) from missing
    settings: dict[str, Any] = {
        "version": 1,
        "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "core": {"decode_identity_assertions": decoding, "allowed_network_hosts": []},
    }
    if known:
        anchors = (one.public_bytes(Encoding.PEM).decode("ascii") for one in known)
        settings["trust"] = {"trust_anchors": "".join(anchors)}
    try:
        with c2pa.Settings.from_dict(settings) as told, c2pa.Context(told) as context:
            reader = c2pa.Reader.try_create(kind, io.BytesIO(content), context=context)
            if reader is None:
                return None
            with reader:
                said: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError as error:
        raise FormatError(
            "the Content Credentials of this file cannot be read", remedy="choose the file as it was signed"
        ) from error
    return said


def _credentials(said: dict[str, Any]) -> Credentials:
    manifest = _active(said)
    accounts = tuple(
        str(assertion.get("data", {}).get("account", ""))
        for assertion in manifest.get("assertions", [])
        if assertion.get("label") == ACCOUNT_ASSERTION and isinstance(assertion.get("data"), dict)
    )
    signer = manifest.get("signature_info", {}).get("common_name")
    return Credentials(said.get("validation_state") == "Trusted", accounts, signer)


def _active(said: dict[str, Any]) -> dict[str, Any]:
    manifest: dict[str, Any] = said.get("manifests", {}).get(said.get("active_manifest"), {})
    return manifest


def _stands(said: dict[str, Any], label: str) -> bool:
    """Whether a file is what was signed, and the identity assertion of this label in it is, too."""
    if said.get("validation_state") not in ("Valid", "Trusted"):
        return False
    results = said.get("validation_results", {}).get("activeManifest", {})
    return identities.holds(results.get("success", []), results.get("failure", []), label)


def _certificates(keys: Iterable[str]) -> Iterable[x509.Certificate]:
    for key in keys:
        if not key.startswith(X509):
            continue
        try:
            yield x509.load_der_x509_certificate(_decoded(key.removeprefix(X509)))
        except (FormatError, ValueError):
            continue  # somebody else's fault, and no reason not to look at the others


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
