"""An organisation vouches for an artist who lets it act for her."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from tests.functional.proofs.people import NOW, YES, Person, person

from byleave.consent import ClaimState, Evidence
from byleave.errors import ConflictError, RefusedError
from byleave.registry.checking import Checks
from byleave.registry.database import Database
from byleave.registry.delegations import end_delegation, let_act
from byleave.registry.organisations import create_organisation
from byleave.registry.permissions import OPERATOR
from byleave.registry.places import named_place
from byleave.registry.proofs import ProofState, proof_by_id
from byleave.registry.proving import CHECK_EVERY
from byleave.registry.rechecking import recheck_in_turn
from byleave.registry.targets import prefix_target
from byleave.registry.vouching import vouch

pytestmark = pytest.mark.functional

PLACE = named_place("deviantart.com/jane")


@pytest.fixture
def ann(database: Database, checks: Checks) -> Person:
    return person(database, checks)


@pytest.fixture
def agency(database: Database, checks: Checks) -> uuid.UUID:
    bob = person(database, checks, "bob@example.com")
    with database.transaction() as session:
        return create_organisation(session, "Agency", who=bob.who, at=NOW).id


def test_it_takes_the_operator_the_organisation_and_the_artist(ann: Person, agency: uuid.UUID) -> None:
    yes = ann.files(prefix_target("deviantart.com/jane"), preferences=YES)
    with ann.database.transaction() as session, pytest.raises(ConflictError, match="does not let"):
        vouch(session, agency, ann.account, PLACE, who=OPERATOR, at=NOW)
    with ann.database.transaction() as session:
        let_act(session, agency, who=ann.who, at=NOW)
    with ann.database.transaction() as session, pytest.raises(RefusedError):
        vouch(session, agency, ann.account, PLACE, who=ann.who, at=NOW)
    with ann.database.transaction() as session:
        proof = vouch(session, agency, ann.account, PLACE, who=OPERATOR, at=NOW)
    assert (proof.evidence, ann.claim(yes).evidence) == (Evidence.E5, Evidence.E5)
    assert ann.claim(yes).state is ClaimState.EFFECTIVE


def test_nobody_vouches_once_she_no_longer_lets_it_act(ann: Person, agency: uuid.UUID) -> None:
    with ann.database.transaction() as session:
        let_act(session, agency, who=ann.who, at=NOW)
        proof = vouch(session, agency, ann.account, PLACE, who=OPERATOR, at=NOW)
    yes = ann.files(prefix_target("deviantart.com/jane"), preferences=YES)
    recheck_in_turn(ann.database, ann.checks, NOW + CHECK_EVERY)
    assert not ann.claim(yes).stale
    with ann.database.transaction() as session:
        end_delegation(session, agency, who=ann.who, at=NOW + CHECK_EVERY)
    recheck_in_turn(ann.database, ann.checks, NOW + 2 * CHECK_EVERY + timedelta(minutes=1))
    with ann.database.transaction() as session:
        assert proof_by_id(session, proof.id, who=ann.who).state is ProofState.STALE
    assert ann.claim(yes).stale
