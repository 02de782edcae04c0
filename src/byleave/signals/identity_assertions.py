"""Identity assertions (CAWG 1.1) inside Content Credentials: whose certificate stands behind which statements about a file.

The package that reads Content Credentials checks the signature of such an assertion and whether the file still is what was signed. Whether
the certificate is one we know is settled here, from the certificates the assertion carries. Only X.509 certificates are relied upon: to check
the other kind, an aggregator's list of profiles, one has to ask a server that the file names.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256

LABEL: Final = "cawg.identity"
BY_CERTIFICATE: Final = "cawg.x509.cose"

MOST_SIGNATURE_BYTES: Final = 64 * 1024
MOST_CERTIFICATES: Final = 6

_CHAIN: Final = 33
"""The COSE header that carries certificates, the signer's first (RFC 9360)."""

_GOOD: Final = frozenset({"cawg.x509.signature.validated", "cawg.identity.well-formed"})
_NOT_OURS_TO_SAY: Final = "cawg.x509.credential.untrusted"
"""The reader knows no certificates of ours, so it says this of each; that question is answered here."""


def assertions_by_certificate(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the identity assertions of a manifest, read without decoding them; none if there is one of any other kind."""
    found = [one for one in manifest.get("assertions", []) if _is_identity(one)]
    payloads = [_mapping(_mapping(one.get("data")).get("signer_payload")) for one in found]
    return found if all(payload.get("sig_type") == BY_CERTIFICATE for payload in payloads) else []


def labels_behind(assertion: Mapping[str, Any]) -> frozenset[str]:
    """Return the labels of the assertions that an identity assertion stands behind."""
    payload = _mapping(_mapping(assertion.get("data")).get("signer_payload"))
    referenced = payload.get("referenced_assertions")
    links = [_mapping(one).get("url") for one in referenced] if isinstance(referenced, list) else []
    return frozenset(link.rpartition("/")[2] for link in links if isinstance(link, str))


def holds(codes: Iterable[Mapping[str, Any]], failures: Iterable[Mapping[str, Any]], label: str) -> bool:
    """Say whether the reader found the identity assertion of a label well-formed and truly signed."""
    said = {str(one.get("code")) for one in codes if str(one.get("url")).endswith(f"/{label}")}
    wrong = {str(one.get("code")) for one in failures if str(one.get("code")).startswith("cawg.")}
    return said >= _GOOD and wrong <= {_NOT_OURS_TO_SAY}


def is_under(assertion: Mapping[str, Any], known: Sequence[x509.Certificate], at: datetime) -> bool:
    """Say whether the certificate behind an identity assertion is among ``known``, or was issued under one of these, and is valid at ``at``."""
    chain = _certificates(_mapping(assertion.get("data")).get("signature"))
    prints = {one.fingerprint(SHA256()) for one in known}
    for number, certificate in enumerate(chain):
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            return False
        if certificate.fingerprint(SHA256()) in prints or any(_issued(certificate, one) for one in known):
            return True
        if number + 1 == len(chain) or not _issued(certificate, chain[number + 1]):
            return False
    return False


def _certificates(signature: object) -> list[x509.Certificate]:
    if not isinstance(signature, str) or len(signature) > MOST_SIGNATURE_BYTES:
        return []
    try:
        message = cbor2.loads(base64.b64decode(signature))
        protected, unprotected, _, _ = message.value if isinstance(message, cbor2.CBORTag) else message
        headers = cbor2.loads(protected) if protected else {}
        carried = headers.get(_CHAIN, unprotected.get(_CHAIN, []))
        several = [carried] if isinstance(carried, bytes) else list(carried)
        return [x509.load_der_x509_certificate(one) for one in several[:MOST_CERTIFICATES]]
    except (binascii.Error, cbor2.CBORError, ValueError, TypeError, AttributeError, RecursionError):
        return []


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_identity(assertion: object) -> bool:
    label = str(_mapping(assertion).get("label"))
    return label == LABEL or label.startswith(f"{LABEL}__")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
