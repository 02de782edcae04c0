"""Identity assertions (CAWG) in files that somebody else's program signed: whose certificate stands behind a name."""

from __future__ import annotations

import io
import json

import c2pa
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.functional.proofs.people import YES, Person
from tests.functional.proofs.test_signed import PICTURE, Studio, ann, hands_in, make_studio, publish
from tests.strangers import Strangers
from tests.website import encoded, painting

from byleave.consent import ClaimState, Evidence
from byleave.errors import InputError
from byleave.registry.scopes import Method
from byleave.registry.targets import picture_target

__all__ = ["ann"]

pytestmark = pytest.mark.functional

ACCOUNT = "org.byleave.account"
MINING = "cawg.training-mining"


@pytest.fixture(scope="module")
def camera() -> Studio:
    """Give a program that signs what it makes, under a certificate of its maker."""
    return make_studio()


@pytest.fixture(scope="module")
def jane() -> Studio:
    return make_studio()


def signer(studio: Studio) -> dict[str, str]:
    chain = studio.certificate.public_bytes(Encoding.PEM) + studio.issuer.public_bytes(Encoding.PEM)
    secret = studio.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"alg": "es256", "sign_cert": chain.decode(), "private_key": secret.decode()}


def made(
    camera: Studio, jane: Studio, account: str | None, behind: str = ACCOUNT, content: bytes | None = None
) -> bytes:
    """Return a JPEG that the camera signed, with an identity assertion of Jane's behind one assertion."""
    created = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation",
    }
    mining = {"entries": {"cawg.ai_training": {"use": "notAllowed"}}}
    assertions: list[dict[str, object]] = [
        {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
        {"label": MINING, "data": mining},
    ]
    if account is not None:
        assertions.append({"label": ACCOUNT, "data": {"account": account}})
    manifest = {
        "claim_generator_info": [{"name": "a camera"}],
        "format": "image/jpeg",
        "assertions": assertions,
    }
    stands = {**signer(jane), "referenced_assertions": [behind], "roles": ["cawg.creator"]}
    told = {"version": 1, "signer": {"local": signer(camera)}, "cawg_x509_signer": {"local": stands}}
    out = io.BytesIO()
    with c2pa.Settings.from_dict(told) as settings, c2pa.Context(settings) as context:
        builder = c2pa.Builder(json.dumps(manifest), context=context)
        # The signers are in the settings, where the binding does not look for them before it lets its library sign.
        builder._has_context_signer = True
        builder.sign("image/jpeg", io.BytesIO(content or encoded(painting(1))), out)
    return out.getvalue()


def name_of(ann: Person) -> str:
    return ann.checks.keys.account_name(ann.account)


def test_an_identity_under_a_published_certificate_ties_a_file_that_a_camera_signed(
    world: Strangers, ann: Person, camera: Studio, jane: Studio
) -> None:
    claim = ann.files(picture_target(PICTURE), preferences=YES)
    publish(world, jane.published)
    proof = hands_in(ann, made(camera, jane, name_of(ann)))
    assert (proof.method, proof.evidence) == (Method.C2PA, Evidence.E4)
    assert proof.seen is not None
    assert "an identity in the file" in proof.seen["steps"][-1]["words"]
    assert (ann.claim(claim).state, ann.claim(claim).evidence) == (ClaimState.EFFECTIVE, Evidence.E4)


def test_an_identity_that_does_not_stand_behind_the_name_ties_nothing(
    world: Strangers, ann: Person, camera: Studio, jane: Studio
) -> None:
    publish(world, jane.published)
    for content in (
        made(camera, jane, name_of(ann), behind=MINING),
        made(camera, jane, "acct:somebody"),
        made(camera, jane, None),
        made(camera, make_studio(), name_of(ann)),
    ):
        with pytest.raises(InputError, match="neither it nor an identity"):
            hands_in(ann, content)


def test_a_file_that_was_changed_after_the_identity_was_put_in_ties_nothing(
    world: Strangers, ann: Person, camera: Studio, jane: Studio
) -> None:
    publish(world, jane.published)
    changed = bytearray(made(camera, jane, name_of(ann)))
    changed[-200] ^= 1
    with pytest.raises(InputError, match="does not hold"):
        hands_in(ann, bytes(changed))


def test_an_identity_of_somebody_else_does_not_stand_in_the_way_of_ones_own_signature(
    world: Strangers, ann: Person, jane: Studio
) -> None:
    publish(world, jane.published)
    proof = hands_in(ann, made(jane, make_studio(), name_of(ann), behind=MINING))
    assert proof.seen is not None
    assert "the file is signed under" in proof.seen["steps"][-1]["words"]
