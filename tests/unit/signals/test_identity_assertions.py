"""Which identity assertions of a file count, and whose certificate is behind them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from byleave.signals.identity_assertions import assertions_by_certificate, holds, is_under, labels_behind

NOW = datetime(2026, 11, 22, tzinfo=UTC)
URL = "self#jumbf=/c2pa/urn/c2pa.assertions/cawg.identity"


def certificate(
    name: str, key: ec.EllipticCurvePrivateKey, by: str, of: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    own, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, by))
    made = x509.CertificateBuilder(issuer, own, key.public_key(), 7)
    made = made.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
    return made.add_extension(x509.BasicConstraints(ca, None), critical=True).sign(of, SHA256())


KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
ROOT = certificate("root", KEYS[0], "root", KEYS[0], ca=True)
BETWEEN = certificate("between", KEYS[1], "root", KEYS[0], ca=True)
LEAF = certificate("leaf", KEYS[2], "between", KEYS[1], ca=False)
PRETENDER = certificate("root", KEYS[3], "root", KEYS[3], ca=True)
CHILD_OF_LEAF = certificate("child", KEYS[3], "leaf", KEYS[2], ca=False)


def assertion(*chain: x509.Certificate, kind: str = "cawg.x509.cose") -> dict[str, object]:
    ders = [one.public_bytes(Encoding.DER) for one in chain]
    headers = cbor2.dumps({1: -7, 33: ders if len(ders) > 1 else ders[0]})
    signature = base64.b64encode(cbor2.dumps(cbor2.CBORTag(18, [headers, {}, None, b"s"]))).decode()
    links = [{"url": "self#jumbf=c2pa.assertions/org.byleave.account", "hash": "x"}]
    payload = {"sig_type": kind, "referenced_assertions": links}
    return {"label": "cawg.identity", "data": {"signer_payload": payload, "signature": signature}}


@pytest.mark.parametrize(
    ("chain", "known", "under"),
    [
        ([LEAF], [LEAF], True),
        ([LEAF], [BETWEEN], True),
        ([LEAF, BETWEEN], [ROOT], True),
        ([LEAF], [ROOT], False),
        ([LEAF, BETWEEN], [PRETENDER], False),
        ([LEAF, ROOT], [ROOT], False),
        ([CHILD_OF_LEAF], [LEAF], False),
        ([LEAF], [], False),
    ],
)
def test_a_certificate_counts_if_it_is_known_or_issued_under_a_known_one(
    chain: list[x509.Certificate], known: list[x509.Certificate], *, under: bool
) -> None:
    assert is_under(assertion(*chain), known, NOW) is under


@pytest.mark.parametrize("wait", [timedelta(days=-2), timedelta(days=2)])
def test_a_certificate_counts_only_while_it_is_valid(wait: timedelta) -> None:
    assert not is_under(assertion(LEAF), [LEAF], NOW + wait)


@given(st.binary() | st.builds(cbor2.dumps, st.recursive(st.integers() | st.binary(), st.lists)))
def test_a_signature_that_is_nonsense_is_under_nothing(signature: bytes) -> None:
    broken = {"data": {"signature": base64.b64encode(signature).decode()}}
    assert not is_under(broken, [LEAF], NOW)


@pytest.mark.parametrize(
    "broken", [{}, {"data": None}, {"data": {"signature": 3}}, {"data": {"signature": "é"}}]
)
def test_an_assertion_without_a_readable_signature_is_under_nothing(broken: dict[str, object]) -> None:
    assert not is_under(broken, [LEAF], NOW)


def test_an_aggregators_word_is_not_relied_upon_nor_is_anything_beside_it() -> None:
    mine, theirs = assertion(LEAF), assertion(LEAF, kind="cawg.identity_claims_aggregation")
    assert assertions_by_certificate({"assertions": [mine, {"label": "other"}]}) == [mine]
    assert assertions_by_certificate({"assertions": [mine, {**theirs, "label": "cawg.identity__1"}]}) == []


def test_what_an_assertion_stands_behind_is_read_from_what_was_signed() -> None:
    assert labels_behind(assertion(LEAF)) == {"org.byleave.account"}
    assert labels_behind({"data": {"signer_payload": {"referenced_assertions": [3, {"url": 4}]}}}) == set()


def test_the_reader_must_have_found_it_signed_and_nothing_wrong_with_it() -> None:
    good = [
        {"code": code, "url": URL} for code in ("cawg.x509.signature.validated", "cawg.identity.well-formed")
    ]
    unknown = {"code": "cawg.x509.credential.untrusted", "url": URL}
    assert holds(good, [unknown, {"code": "signingCredential.untrusted"}], "cawg.identity")
    assert not holds(good[:1], [unknown], "cawg.identity")
    assert not holds(good, [{"code": "cawg.identity.hard_binding_missing", "url": URL}], "cawg.identity")
    assert not holds(good, [], "cawg.identity__1")
