"""Looking at a Bluesky handle: the name leads to an identity, the identity stands by the name, and its profile carries the token.

The first two show that name and identity belong together; only the third shows that the claimant is behind them.
"""

from __future__ import annotations

from urllib.parse import quote

from byleave.consent import TargetKind
from byleave.errors import FormatError
from byleave.registry.checking.names import Names
from byleave.registry.checking.steps import Steps
from byleave.registry.proofs import Proof
from byleave.registry.proving import Finding
from byleave.signals import challenges, identities


def look_at_handle(steps: Steps, names: Names, directory: str, proof: Proof) -> Finding:
    """Look at a handle; ``directory`` is the address of the directory of ``did:plc`` identities."""
    handle = handle_of(proof)
    did = _did_of(steps, names, handle)
    if did is None:
        return steps.finding(good=False)
    identity = _identity(steps, directory, did)
    if identity is None or identity.did != did or identity.handle != handle:
        steps.say("the identity does not stand by this handle")
        return steps.finding(good=False)
    if identity.server is None:
        steps.say("the identity names no server")
        return steps.finding(good=False)
    query = f"repo={quote(did, safe=':')}&collection=app.bsky.actor.profile&rkey=self"
    found = steps.look(f"{identity.server}/xrpc/com.atproto.repo.getRecord?{query}")
    if found is None:
        return steps.finding(good=False, subject=did)
    words = _words(found.body)
    good = challenges.text_names_token(words, proof.token_hash or b"")
    steps.say(
        "the profile’s own words carry the token" if good else "the profile’s words do not carry the token"
    )
    return steps.finding(good=good, subject=did)


def handle_of(proof: Proof) -> str:
    """Return the handle a proof is about."""
    if proof.place.kind is TargetKind.HOST:
        return proof.place.value
    return proof.place.value.removesuffix("/").rpartition("/")[2]


def _did_of(steps: Steps, names: Names, handle: str) -> str | None:
    answers = names.texts(f"_atproto.{handle}")
    named = {identities.did_in_txt(one.records) for one in answers}
    if len(named) == 1 and (did := named.pop()) is not None:
        steps.note(f"_atproto.{handle}", f"names {did}")
        return did
    steps.note(f"_atproto.{handle}", "names no identity")
    found = steps.look(f"https://{handle}/.well-known/atproto-did", body_bytes=identities.MOST_DID_BYTES)
    if found is None:
        return None
    did = identities.did_in_file(found.body)
    steps.say(f"names {did}" if did else "names no identity")
    return did


def _identity(steps: Steps, directory: str, did: str) -> identities.Identity | None:
    kind, _, name = did.removeprefix("did:").partition(":")
    place = f"{directory}/{did}" if kind == "plc" else f"https://{name}/.well-known/did.json"
    found = steps.look(place)
    if found is None:
        return None
    try:
        return identities.read_identity(found.body)
    except FormatError:
        return None


def _words(body: bytes) -> str:
    try:
        return identities.profile_description(body)
    except FormatError:
        return ""
