"""Each way to show control of a place, against real servers on this machine."""

from __future__ import annotations

import json

import pytest
from tests.functional.proofs.people import Person, person
from tests.strangers import Strangers

from byleave.consent import Evidence, TargetKind
from byleave.errors import InputError, RefusedError
from byleave.registry.checking import Checks
from byleave.registry.database import Database
from byleave.registry.proofs import Proof, ProofState
from byleave.registry.scopes import Method

pytestmark = pytest.mark.functional


@pytest.fixture
def ann(database: Database, checks: Checks) -> Person:
    return person(database, checks)


def words(proof: Proof) -> list[str]:
    assert proof.seen is not None
    return [step["words"] for step in proof.seen["steps"]]


def test_a_record_at_the_domain_shows_the_domain(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.DNS, "jane.example")
    world.domains.add("jane.example")
    assert ann.checks_now(proof).state is ProofState.WAITING
    world.text("_byleave-challenge.jane.example", "v=spf1 -all")
    world.text(
        "_byleave-challenge.jane.example",
        f"token={ann.token(proof)[:10]}",
        f"{ann.token(proof)[10:]} expiry=never",
    )
    found = ann.checks_now(proof)
    assert (found.state, found.evidence) == (ProofState.GOOD, Evidence.E3)
    assert found.place.kind is TargetKind.DOMAIN
    assert words(found) == ["the record is there, seen by 2 resolvers"]


def test_two_resolvers_must_agree(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.DNS, "jane.example")
    world.text("_byleave-challenge.jane.example", f"token={ann.token(proof)}")
    world.blind.add(1)
    seen = ann.checks_now(proof)
    assert seen.state is ProofState.WAITING
    assert "the record is there, but another resolver does not see it yet" in words(seen)
    world.blind.clear()
    assert ann.checks_now(proof).state is ProofState.GOOD


@pytest.mark.parametrize(
    "record",
    [
        "token={t} expiry=2026-11-21",
        "expiry=never token={t}",
        "token={t}x",
        "{t}",
        "token={u}",
        "token={t} expiry=soon",
    ],
)
def test_a_record_that_ran_out_or_is_written_otherwise_shows_nothing(
    world: Strangers, ann: Person, record: str
) -> None:
    proof = ann.begins(Method.DNS, "jane.example")
    world.text("_byleave-challenge.jane.example", record.format(t=ann.token(proof), u=ann.token(proof)[::-1]))
    assert ann.checks_now(proof).state is ProofState.WAITING


def test_a_record_may_stand_under_an_alias_or_the_accounts_own_label(world: Strangers, ann: Person) -> None:
    aliased = ann.begins(Method.DNS, "jane.example")
    world.aliases["_byleave-challenge.jane.example"] = "jane.verify.agency.example"
    world.text("jane.verify.agency.example", f"token={ann.token(aliased)} expiry=2027-01-01")
    assert ann.checks_now(aliased).state is ProofState.GOOD
    labelled = ann.begins(Method.DNS, "jane2.example")
    label = ann.checks.keys.account_label(ann.account)
    world.text(f"{label}._byleave-challenge.jane2.example", f"token={ann.token(labelled)}")
    assert ann.checks_now(labelled).state is ProofState.GOOD


def test_a_file_shows_the_host(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.FILE, "art.jane.example")
    link = f"art.jane.example/.well-known/byleave-challenge/{ann.token(proof)}"
    world.put(link, ann.token(proof))
    seen = ann.checks_now(proof)
    assert seen.state is ProofState.WAITING
    assert "a file is there, but it holds something else" in words(seen)
    world.put(link, ann.checks.keys.file(proof.id, ann.account) + "\n")
    found = ann.checks_now(proof)
    assert (found.state, found.place.kind, found.evidence) == (ProofState.GOOD, TargetKind.HOST, Evidence.E3)
    assert found.seen is not None
    assert {"requests", "milliseconds", "steps"} == set(found.seen)


def test_a_file_is_followed_to_the_same_host_and_its_www_and_nowhere_else(
    world: Strangers, ann: Person
) -> None:
    proof = ann.begins(Method.FILE, "jane.example")
    path = f"/.well-known/byleave-challenge/{ann.token(proof)}"
    held = ann.checks.keys.file(proof.id, ann.account)
    world.put(f"jane.example{path}", status=302, Location=f"http://elsewhere.example{path}")
    world.put(f"elsewhere.example{path}", held)
    seen = ann.checks_now(proof)
    assert seen.state is ProofState.WAITING
    assert "it redirects to another host, which shows nothing about this one" in words(seen)
    assert not [asked for asked in world.asked if asked.startswith("elsewhere")]
    world.put(f"jane.example{path}", status=301, Location=f"http://www.jane.example{path}")
    world.put(f"www.jane.example{path}", held)
    assert ann.checks_now(proof).state is ProofState.GOOD


def test_a_lasting_declaration_that_names_the_account_shows_the_host(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.FILE, "jane.example")
    declared = {
        "version": 1,
        "accounts": ["acct:somebody"],
        "contact": "mailto:a@b.c",
        "preferences": "train-ai=n",
    }
    world.put("jane.example/.well-known/byleave.json", json.dumps(declared))
    assert "the file does not name you" in words(ann.checks_now(proof))
    declared["accounts"] = ["acct:somebody", ann.checks.keys.account_name(ann.account)]
    world.put("jane.example/.well-known/byleave.json", json.dumps(declared))
    assert ann.checks_now(proof).state is ProofState.GOOD


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2}', '{"version": 1, "accounts": "acct:a"}', "[" * 5000]
)
def test_a_declaration_that_is_none_is_said_to_be_none(world: Strangers, ann: Person, text: str) -> None:
    proof = ann.begins(Method.FILE, "jane.example")
    world.put("jane.example/.well-known/byleave.json", text)
    assert "this is not a byleave.json" in words(ann.checks_now(proof))


def test_a_line_in_the_head_shows_that_page_and_one_in_the_body_nothing(
    world: Strangers, ann: Person
) -> None:
    proof = ann.begins(Method.META, "https://jane.example/work/")
    line = f'<meta name="byleave-verification" content="{ann.token(proof)}">'
    world.put("jane.example/work/", f"<!doctype html><title>a</title><body><div class=comment>{line}</div>")
    assert "its head has no such line" in words(ann.checks_now(proof))
    world.put("jane.example/work/", f"<!doctype html><head><title>a</title>{line}</head><body>b")
    found = ann.checks_now(proof)
    assert (found.state, found.place.kind, found.evidence) == (ProofState.GOOD, TargetKind.URL, Evidence.E2)


def test_a_header_shows_the_file_it_comes_with(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.HEADER, "https://cdn.jane.example/a.jpg")
    world.put("cdn.jane.example/a.jpg", b"\xff\xd8", Byleave_Verification="another")
    assert ann.checks_now(proof).state is ProofState.WAITING
    world.put("cdn.jane.example/a.jpg", b"\xff\xd8", Byleave_Verification=f"another, {ann.token(proof)}")
    found = ann.checks_now(proof)
    assert (found.state, found.place.kind) == (ProofState.GOOD, TargetKind.URL)
    root = ann.begins(Method.HEADER, "https://cdn.jane.example/")
    assert (root.place.kind, root.evidence) == (TargetKind.HOST, Evidence.E2)


def test_a_profile_shows_its_path_by_its_own_words_not_by_a_comment(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.PROFILE, "https://www.deviantart.com/jane")
    assert (proof.place.value, proof.evidence) == ("deviantart.com/jane/", Evidence.E1)
    world.put("deviantart.com/jane", f"<body><p class=comment>{ann.token(proof)}</p>")
    assert ann.checks_now(proof).state is ProofState.WAITING
    world.put("deviantart.com/jane", status=301, Location="http://deviantart.com/mallory")
    world.put("deviantart.com/mallory", f'<meta name=description content="{ann.token(proof)}">')
    seen = ann.checks_now(proof)
    assert (seen.state, words(seen)[-1]) == (ProofState.WAITING, "it leads to another page than the profile")
    world.put(
        "deviantart.com/jane", f'<meta property="og:description" content="Painter. {ann.token(proof)}">'
    )
    assert ann.checks_now(proof).state is ProofState.GOOD


def test_a_profile_and_a_confirmed_site_that_link_to_each_other_show_the_profile(
    world: Strangers, ann: Person
) -> None:
    proof = ann.begins(Method.REL_ME, "https://www.deviantart.com/jane")
    world.put("deviantart.com/jane", '<a rel="nofollow me" href="https://jane.example/">my site</a>')
    world.put("jane.example/", '<a href="https://www.deviantart.com/Jane" rel="me">me there</a>')
    seen = ann.checks_now(proof)
    assert seen.state is ProofState.WAITING
    assert 'it has no rel="me" link to a site that you have shown to control' in words(seen)
    domain = ann.begins(Method.DNS, "jane.example")
    world.text("_byleave-challenge.jane.example", f"token={ann.token(domain)}")
    ann.checks_now(domain)
    found = ann.checks_now(proof)
    assert (found.state, found.evidence) == (ProofState.GOOD, Evidence.E2)
    world.put("deviantart.com/jane", '<p>comment: <a href="https://jane.example/">x</a>')
    assert ann.checks_now(proof).state is ProofState.FAILING


def test_a_handle_needs_name_identity_and_profile(world: Strangers, ann: Person) -> None:
    did = "did:plc:" + "a2" * 12
    proof = ann.begins(Method.BLUESKY, "@Jane.Example")
    world.text("_atproto.jane.example", f"did={did}")
    document = {
        "id": did,
        "alsoKnownAs": ["at://other.example", "at://jane.example"],
        "service": [{"id": "#atproto_pds", "serviceEndpoint": "http://pds.example"}],
    }
    world.put(f"plc.example/{did}", json.dumps(document))
    assert words(ann.checks_now(proof))[-1] == "the identity does not stand by this handle"
    document["alsoKnownAs"] = ["at://jane.example"]
    world.put(f"plc.example/{did}", json.dumps(document))
    world.put(
        "pds.example/xrpc/com.atproto.repo.getRecord", json.dumps({"value": {"description": "I paint"}})
    )
    seen = ann.checks_now(proof)
    assert words(seen)[-1] == "the profile’s words do not carry the token"
    world.put(
        "pds.example/xrpc/com.atproto.repo.getRecord",
        json.dumps({"value": {"description": f"I paint.\n{ann.token(proof)}"}}),
    )
    found = ann.checks_now(proof)
    assert (found.state, found.subject) == (ProofState.GOOD, did)
    assert (found.place.kind, found.evidence) == (TargetKind.HOST, Evidence.E2)
    shared = ann.begins(Method.BLUESKY, "jane.bsky.social")
    assert (shared.place.value, shared.evidence) == ("bsky.app/profile/jane.bsky.social/", Evidence.E1)


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        (Method.DNS, "deviantart.com"),
        (Method.DNS, "github.io"),
        (Method.DNS, "co.uk"),
        (Method.FILE, "artstation.com"),
        (Method.FILE, "jane.tumblr.com"),
        (Method.FILE, "blogspot.com"),
        (Method.FILE, "cdna.artstation.com"),
    ],
)
def test_nobody_shows_what_many_share(ann: Person, method: Method, raw: str) -> None:
    with pytest.raises(RefusedError, match="shared by many"):
        ann.begins(method, raw)


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        (Method.DNS, "localhost"),
        (Method.FILE, "127.0.0.1"),
        (Method.FILE, "[::1]"),
        (Method.META, "http://169.254.169.254/latest"),
        (Method.PROFILE, "jane.example/about"),
        (Method.BLUESKY, "jane"),
        (Method.OAUTH, "deviantart.com/jane"),
    ],
)
def test_what_is_no_place_is_refused(ann: Person, method: Method, raw: str) -> None:
    with pytest.raises(InputError):
        ann.begins(method, raw)


def test_no_byte_of_a_page_is_kept(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.META, "https://jane.example/secret")
    world.put("jane.example/secret", "<title>the secret of the internal network</title>")
    assert "secret of" not in json.dumps(ann.checks_now(proof).seen)
