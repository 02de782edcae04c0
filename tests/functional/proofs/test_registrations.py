"""A domain that was registered anew, or went to another registrar, no longer stands behind an old proof."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta

import pytest
from tests.functional.proofs.people import NOW, YES, Person, person
from tests.strangers import Strangers

from byleave.registry.checking import Checks
from byleave.registry.checking.registrations import FAILED_LIFE, Registrations
from byleave.registry.database import Database
from byleave.registry.proofs import Proof, ProofState, proof_by_id
from byleave.registry.proving import CHECK_EVERY, TRY_AGAIN, end_proof
from byleave.registry.rechecking import recheck_in_turn
from byleave.registry.scopes import Method
from byleave.registry.targets import url_target

pytestmark = pytest.mark.functional

LONG_AGO = datetime.fromisoformat("2015-03-01T10:00:00+00:00")


@dataclasses.dataclass(slots=True)
class Hand:
    """A clock that is set by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def ann(database: Database, world: Strangers, checks: Checks, hand: Hand) -> Person:
    listed = {"services": [[["example"], ["https://rdap.example/v1/"]]]}
    world.put("servers.example/rdap/dns.json", json.dumps(listed))
    asking = Registrations(checks.client, "http://servers.example/rdap/dns.json", hand)
    return person(database, dataclasses.replace(checks, registrations=asking))


def registered(world: Strangers, since: datetime = LONG_AGO, registrar: str = "292") -> None:
    """Let the registry speak RDAP about jane.example."""
    company = {
        "objectClassName": "entity",
        "roles": ["registrar"],
        "publicIds": [{"type": "IANA Registrar ID", "identifier": registrar}],
    }
    entry = {
        "objectClassName": "domain",
        "ldhName": "jane.example",
        "rdapConformance": ["rdap_level_0"],
        "events": [{"eventAction": "registration", "eventDate": since.isoformat()}],
        "entities": [company],
    }
    world.put("rdap.example/v1/domain/jane.example", json.dumps(entry), content_type="application/rdap+json")


def shows(world: Strangers, ann: Person, host: str = "jane.example") -> Proof:
    proof = ann.begins(Method.FILE, host)
    world.put(
        f"{host}/.well-known/byleave-challenge/{ann.token(proof)}",
        ann.checks.keys.file(proof.id, ann.account),
    )
    return ann.checks_now(proof)


def after(ann: Person, proof: Proof, wait: timedelta) -> Proof:
    recheck_in_turn(ann.database, ann.checks, NOW + wait)
    with ann.database.transaction() as session:
        return proof_by_id(session, proof.id, who=ann.who)


def words(proof: Proof) -> str:
    assert proof.seen is not None
    return str(proof.seen["steps"][-1]["words"])


def test_the_same_registration_is_told_and_changes_nothing(world: Strangers, ann: Person) -> None:
    registered(world)
    proof = shows(world, ann, "shop.jane.example")
    assert (proof.state, words(proof)) == (ProofState.GOOD, "registered since 2015-03-01")
    assert after(ann, proof, CHECK_EVERY).state is ProofState.GOOD


def test_a_domain_registered_anew_needs_a_new_proof_though_the_old_file_is_still_there(
    world: Strangers, ann: Person
) -> None:
    registered(world)
    proof = shows(world, ann)
    yes = ann.files(url_target("https://jane.example/a.jpg"), preferences=YES)
    registered(world, since=NOW + timedelta(days=3))
    gone = after(ann, proof, CHECK_EVERY)
    assert gone.state is ProofState.STALE
    assert "registered anew on 2026-11-25" in words(gone)
    assert ann.claim(yes).stale
    assert ann.checks_now(proof, CHECK_EVERY).state is ProofState.STALE, "asking does not help"
    with ann.database.transaction() as session:
        end_proof(session, proof.id, who=ann.who, at=NOW + CHECK_EVERY)
    again = ann.begins(Method.FILE, "jane.example", NOW + CHECK_EVERY)
    world.put(
        f"jane.example/.well-known/byleave-challenge/{ann.token(again)}",
        ann.checks.keys.file(again.id, ann.account),
    )
    assert ann.checks_now(again, CHECK_EVERY).state is ProofState.GOOD
    assert not ann.claim(yes).stale


def test_another_registrar_pauses_a_yes_until_its_owner_asks(world: Strangers, ann: Person) -> None:
    registered(world)
    proof = shows(world, ann)
    yes = ann.files(url_target("https://jane.example/a.jpg"), preferences=YES)
    registered(world, registrar="1910")
    gone = after(ann, proof, CHECK_EVERY)
    assert (gone.state, "press Check now" in words(gone)) == (ProofState.STALE, True)
    assert ann.claim(yes).stale
    assert after(ann, proof, CHECK_EVERY + TRY_AGAIN).state is ProofState.STALE, "a job does not renew it"
    assert ann.checks_now(proof, CHECK_EVERY + TRY_AGAIN).state is ProofState.GOOD
    assert not ann.claim(yes).stale
    assert after(ann, proof, 2 * CHECK_EVERY + TRY_AGAIN).state is ProofState.GOOD


@pytest.mark.parametrize("status", [404, 429, 503])
def test_a_registry_that_does_not_answer_drops_no_proof_and_is_not_forgotten(
    world: Strangers, ann: Person, status: int
) -> None:
    registered(world)
    proof = shows(world, ann)
    world.put("rdap.example/v1/domain/jane.example", status=status)
    found = after(ann, proof, CHECK_EVERY)
    assert (found.state, "that changes nothing" in words(found)) == (ProofState.GOOD, True)
    registered(world, registrar="1910")
    assert after(ann, proof, 2 * CHECK_EVERY).state is ProofState.STALE, "what it said before still counts"


def test_without_the_list_of_registries_nothing_is_known_and_it_is_asked_again_later(
    world: Strangers, ann: Person, hand: Hand
) -> None:
    registered(world)
    page = world.pages.pop(("servers.example", "/rdap/dns.json"))
    proof = shows(world, ann)
    assert (proof.state, "unknown" in words(proof)) == (ProofState.GOOD, True)
    world.pages["servers.example", "/rdap/dns.json"] = page
    assert "unknown" in words(ann.checks_now(proof))
    hand.now = FAILED_LIFE
    assert words(ann.checks_now(proof)) == "registered since 2015-03-01"


def test_a_file_that_is_gone_is_no_question_to_the_registry(world: Strangers, ann: Person) -> None:
    registered(world)
    proof = shows(world, ann)
    world.pages = {place: held for place, held in world.pages.items() if place[0] != "jane.example"}
    found = after(ann, proof, CHECK_EVERY)
    assert found.state is ProofState.FAILING
    assert found.seen is not None
    assert found.seen["registration"] == {"registered": LONG_AGO.isoformat(), "registrar": "292"}
