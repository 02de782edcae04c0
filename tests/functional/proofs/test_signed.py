"""Ties to the work itself: statements signed by a published key, and files with Content Credentials."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from datetime import timedelta

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.functional.proofs.people import NOW, YES, Person, person
from tests.strangers import Strangers
from tests.website import encoded, painting

from byleave.consent import ClaimState, Evidence
from byleave.errors import ConflictError, FormatError, InputError
from byleave.fingerprints import ClaimedPicture
from byleave.registry.checking import Checks
from byleave.registry.checking.signed import show_credentials, show_statement, statement_text
from byleave.registry.claims import Claim
from byleave.registry.database import Database
from byleave.registry.proofs import Proof
from byleave.registry.scopes import Method
from byleave.registry.targets import digest_target, picture_target

pytestmark = pytest.mark.functional

PICTURE = ClaimedPicture((bytes(range(32)),), 90)

# What signs and reads looks at the clock, what proves at NOW: certificates hold at both, whenever a test is run.
SINCE, UNTIL = NOW - timedelta(days=20 * 365), NOW + timedelta(days=80 * 365)


@pytest.fixture
def ann(database: Database, checks: Checks, world: Strangers) -> Person:
    """Give somebody who has shown that she controls jane.example."""
    ann = person(database, checks)
    proof = ann.begins(Method.DNS, "jane.example")
    world.text("_byleave-challenge.jane.example", f"token={ann.token(proof)}")
    ann.checks_now(proof)
    return ann


def publish(world: Strangers, *keys: str, host: str = "jane.example") -> None:
    world.put(f"{host}/.well-known/byleave.json", json.dumps({"version": 1, "keys": keys}))


def in_base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def published(key: Ed25519PrivateKey) -> str:
    return "ed25519:" + in_base64(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def signed(ann: Person, key: Ed25519PrivateKey, claim: Claim) -> str:
    return in_base64(key.sign(statement_text(claim, ann.checks.keys.account_name(ann.account))))


def shows(ann: Person, claim: Claim, signature: str, host: str = "jane.example") -> tuple[Proof, ...]:
    return show_statement(ann.database, ann.checks, claim.id, host, signature, who=ann.who, at=NOW)


def test_a_statement_signed_by_a_published_key_ties_each_target(world: Strangers, ann: Person) -> None:
    key = Ed25519PrivateKey.generate()
    claim = ann.files(picture_target(PICTURE), digest_target(bytes(32)), preferences=YES)
    assert (claim.state, claim.evidence) == (ClaimState.FILED, Evidence.E0)
    publish(world, published(Ed25519PrivateKey.generate()), published(key))
    proofs = shows(ann, claim, signed(ann, key, claim))
    assert {proof.place.digest for proof in proofs} == {target.digest for target in claim.targets}
    now = ann.claim(claim)
    assert (now.state, now.evidence) == (ClaimState.EFFECTIVE, Evidence.E4)
    assert proofs[0].seen is not None
    assert {"host", "key", "signature"} <= proofs[0].seen.keys()


def test_a_statement_for_another_claim_account_or_key_ties_nothing(
    world: Strangers, ann: Person, database: Database, checks: Checks
) -> None:
    key = Ed25519PrivateKey.generate()
    claim, other = ann.files(picture_target(PICTURE)), ann.files(digest_target(bytes(32)))
    publish(world, published(key))
    bob = person(database, checks, "bob@example.com")
    wrong = [
        signed(ann, key, other),
        signed(bob, key, claim),
        signed(ann, Ed25519PrivateKey.generate(), claim),
        "not base64!",
        "",
    ]
    for signature in wrong:
        with pytest.raises(InputError, match="no key published there"):
            shows(ann, claim, signature)


def test_a_key_on_a_host_that_was_not_shown_counts_for_nothing(world: Strangers, ann: Person) -> None:
    key = Ed25519PrivateKey.generate()
    claim = ann.files(picture_target(PICTURE))
    publish(world, published(key), host="other.example")
    with pytest.raises(ConflictError, match="not shown yet"):
        shows(ann, claim, signed(ann, key, claim), "other.example")
    with pytest.raises(InputError, match="publishes no keys"):
        shows(ann, claim, signed(ann, key, claim))


@dataclass(frozen=True, slots=True)
class Studio:
    """Somebody with a certificate: her own issuer, and a key under it."""

    issuer: x509.Certificate
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def published(self) -> str:
        return "x509:" + in_base64(self.issuer.public_bytes(Encoding.DER))

    def sign(self, content: bytes, account: str | None) -> bytes:
        """Return a JPEG with a manifest that names an account."""
        created = {
            "action": "c2pa.created",
            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation",
        }
        assertions: list[dict[str, object]] = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]
        if account is not None:
            assertions.append({"label": "org.byleave.account", "data": {"account": account}})
        manifest = {
            "claim_generator_info": [{"name": "a test"}],
            "format": "image/jpeg",
            "title": "a",
            "assertions": assertions,
        }
        chain = self.certificate.public_bytes(Encoding.PEM) + self.issuer.public_bytes(Encoding.PEM)
        secret = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        told = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=chain, private_key=secret, ta_url=None)
        out = io.BytesIO()
        with c2pa.Signer.from_info(told) as signer, c2pa.Builder(json.dumps(manifest)) as builder:
            builder.sign(signer, "image/jpeg", io.BytesIO(content), out)
        return out.getvalue()


@pytest.fixture(scope="module")
def studio() -> Studio:
    return make_studio()


def make_studio() -> Studio:
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _certificate("issuer", root, root, is_issuer=True)
    return Studio(issuer, _certificate("jane", key, root, is_issuer=False), key)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, root: ec.EllipticCurvePrivateKey, *, is_issuer: bool
) -> x509.Certificate:
    own, issuer = (
        x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Jane"),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )
        for common in (name, "issuer")
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_issuer,
        crl_sign=is_issuer,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder(issuer, own, key.public_key(), x509.random_serial_number())
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=is_issuer, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_issuer:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        made = made.add_extension(mail, critical=False)
    return made.sign(root, hashes.SHA256())


def hands_in(ann: Person, content: bytes) -> Proof:
    return show_credentials(
        ann.database, ann.checks, content, PICTURE, "jane.example", who=ann.who, account=ann.account, at=NOW
    )


def test_a_file_signed_under_a_published_certificate_ties_its_picture(
    world: Strangers, ann: Person, studio: Studio
) -> None:
    claim = ann.files(picture_target(PICTURE), preferences=YES)
    publish(world, "x509:nonsense", studio.published)
    content = studio.sign(encoded(painting(1)), ann.checks.keys.account_name(ann.account))
    proof = hands_in(ann, content)
    assert (proof.method, proof.evidence, proof.next_check) == (Method.C2PA, Evidence.E4, None)
    assert (ann.claim(claim).state, ann.claim(claim).evidence) == (ClaimState.EFFECTIVE, Evidence.E4)


def test_a_file_that_names_nobody_was_changed_or_is_under_another_certificate_ties_nothing(
    world: Strangers, ann: Person, studio: Studio
) -> None:
    name = ann.checks.keys.account_name(ann.account)
    plain = encoded(painting(1))
    publish(world, studio.published)
    for account in (None, "acct:somebody"):
        with pytest.raises(InputError, match="does not name your account"):
            hands_in(ann, studio.sign(plain, account))
    changed = bytearray(studio.sign(plain, name))
    changed[-200] ^= 1
    for content in (bytes(changed), make_studio().sign(plain, name)):
        with pytest.raises(InputError, match="does not hold"):
            hands_in(ann, content)
    with pytest.raises(InputError, match="no Content Credentials"):
        hands_in(ann, plain)
    with pytest.raises(FormatError):
        hands_in(ann, b"GIF89a")
    publish(world, published(Ed25519PrivateKey.generate()))
    with pytest.raises(InputError, match="does not hold"):
        hands_in(ann, studio.sign(plain, name))
    with pytest.raises(InputError, match="no Content Credentials"):
        hands_in(ann, plain)
