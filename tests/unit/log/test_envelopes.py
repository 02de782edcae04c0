"""An envelope binds bytes to their type, and only a trusted key makes it count."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import signing_key

from byleave.errors import ByleaveError, FormatError, VerificationError
from byleave.log.envelopes import (
    MAX_ENVELOPE_BYTES,
    MAX_SIGNATURES,
    Envelope,
    EnvelopeSignature,
    encoded,
    seal,
)
from byleave.release.keys import verify_ed25519

KEY = signing_key("models.example")
OTHER = signing_key("models.example", "other")


def sealed(payload: bytes = b"hello world", kind: str = "text/plain") -> Envelope:
    return seal(kind, payload, KEY.verifier, KEY.private.sign)


def test_what_is_signed_is_as_the_specification_writes_it() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert encoded("http://example.com/HelloWorld", b"hello world") == expected


@given(st.text("abc/+é", min_size=1), st.binary(), st.text("abc/+é", min_size=1), st.binary())
def test_no_two_pairs_of_type_and_bytes_are_signed_alike(
    kind: str, payload: bytes, other_kind: str, other_payload: bytes
) -> None:
    same = (kind, payload) == (other_kind, other_payload)
    assert (encoded(kind, payload) == encoded(other_kind, other_payload)) is same


@given(st.binary(max_size=200))
def test_it_reads_back_and_its_maker_is_known(payload: bytes) -> None:
    read = Envelope.parse(sealed(payload).to_bytes())
    assert read.payload == payload
    assert read.check([OTHER.verifier, KEY.verifier], verify_ed25519) == (KEY.verifier,)


def test_the_name_beside_a_signature_proves_nothing() -> None:
    made = sealed()
    stolen = Envelope(
        made.payload_type,
        made.payload,
        (EnvelopeSignature(str(OTHER.verifier), made.signatures[0].signature),),
    )
    assert stolen.check([OTHER.verifier, KEY.verifier], verify_ed25519) == (KEY.verifier,)
    with pytest.raises(VerificationError, match="no key that is trusted"):
        stolen.check([OTHER.verifier], verify_ed25519)


def test_another_type_or_other_bytes_do_not_hold() -> None:
    made = sealed()
    for touched in (
        Envelope("text/html", made.payload, made.signatures),
        Envelope(made.payload_type, made.payload + b" ", made.signatures),
    ):
        with pytest.raises(VerificationError, match="does not hold: this is not what was signed"):
            touched.check([OTHER.verifier, KEY.verifier], verify_ed25519)


def test_both_alphabets_of_base64_are_read() -> None:
    members = json.loads(sealed(b"\xfb\xff\xfe").to_bytes())
    members["payload"] = base64.urlsafe_b64encode(b"\xfb\xff\xfe").decode()
    assert Envelope.parse(json.dumps(members).encode()).payload == b"\xfb\xff\xfe"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"payload": 1, "payloadType": "x", "signatures": [{"sig": ""}]}',
        b'{"payload": "!", "payloadType": "x", "signatures": [{"sig": ""}]}',
        b'{"payload": "", "payloadType": "", "signatures": [{"sig": ""}]}',
        b'{"payload": "", "payloadType": "x", "signatures": []}',
        b'{"payload": "", "payloadType": "x", "signatures": [1]}',
        b'{"payload": "", "payloadType": "x", "signatures": [{"sig": "", "keyid": 1}]}',
        b'{"payload": "", "payload": "", "payloadType": "x", "signatures": [{"sig": ""}]}',
        b'{"payload": "", "payloadType": "x", "signatures": [{"sig": "", "sig": ""}]}',
        b"[" * 100_000,
        b"{" + b" " * MAX_ENVELOPE_BYTES + b"}",
    ],
)
def test_what_is_no_envelope_is_told(data: bytes) -> None:
    with pytest.raises(FormatError):
        Envelope.parse(data)


def test_very_many_signatures_are_not_tried() -> None:
    many = Envelope("text/plain", b"", (EnvelopeSignature("", bytes(64)),) * (MAX_SIGNATURES + 1))
    with pytest.raises(ByleaveError):
        Envelope.parse(many.to_bytes())
