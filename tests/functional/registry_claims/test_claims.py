"""Filing, seeing and withdrawing claims in a real registry."""

from __future__ import annotations

import random
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from byleave.consent import ClaimState, Evidence, Preference, Preferences, Standing, Use
from byleave.errors import ConflictError, InputError, NotFoundError, RefusedError
from byleave.fingerprints import ClaimedPicture
from byleave.log import commitment, targets_root
from byleave.registry.accounts import account_of, find_account
from byleave.registry.changing import withdraw_claim
from byleave.registry.claims import Claim, all_claims, claim_by_id, claims_of
from byleave.registry.database import Database
from byleave.registry.events import last_number
from byleave.registry.filing import MAX_WORDS, NewClaim, file_claim
from byleave.registry.permissions import OPERATOR, VISITOR, Role, Who
from byleave.registry.tables import ClaimEventRow
from byleave.registry.targets import Target, digest_target, domain_target, picture_target, url_target

pytestmark = pytest.mark.functional

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NO = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])
YES = Preferences.same(Preference.ALLOW, [Use.TRAIN_GEN])
PICTURE = ClaimedPicture((bytes(range(32)),), 90)
LINK = url_target("https://example.com/a.jpg")


def account(database: Database, email: str = "ann@example.com") -> uuid.UUID:
    with database.transaction() as session:
        return account_of(session, email, NOW)


def filed(
    database: Database,
    *targets: Target,
    preferences: Preferences = NO,
    email: str = "ann@example.com",
    **more: Any,
) -> Claim:
    evidence = more.pop("evidence", Evidence.E0)
    owner = account(database, email)
    with database.transaction() as session:
        new = NewClaim(preferences, targets or (LINK,), **more)
        return file_claim(session, new, who=OPERATOR, account=owner, at=NOW, evidence=evidence)


def test_a_refusal_of_a_link_acts_at_once_and_is_found_again(database: Database) -> None:
    claim = filed(database, terms="ask me", contact="ann@example.com")
    assert (claim.state, claim.number, claim.actor) == (ClaimState.EFFECTIVE, 1, "operator")
    assert claim.standing(NOW) is Standing.ACTS
    with database.transaction() as session:
        assert claim_by_id(session, claim.id, who=OPERATOR) == claim
        assert all_claims(session, who=OPERATOR) == (claim,)
        assert last_number(session) == 1


@pytest.mark.parametrize(
    ("target", "preferences", "state"),
    [
        (LINK, NO, ClaimState.EFFECTIVE),
        (digest_target(bytes(32)), NO, ClaimState.EFFECTIVE),
        (picture_target(PICTURE), NO, ClaimState.EFFECTIVE),
        (domain_target("example.com"), NO, ClaimState.FILED),
        (LINK, YES, ClaimState.FILED),
        (picture_target(ClaimedPicture((bytes(32),), 20)), NO, ClaimState.HELD),
    ],
)
def test_what_is_not_confirmed_yet_waits_and_a_flat_picture_is_held(
    database: Database, target: Target, preferences: Preferences, state: ClaimState
) -> None:
    claim = filed(database, target, preferences=preferences)
    assert claim.state is state
    assert (claim.effective_at is not None) == (state is ClaimState.EFFECTIVE)
    assert (claim.hold_reason is not None) == (state is ClaimState.HELD)


def test_a_claim_on_a_link_and_its_domain_acts_on_the_link_alone(database: Database) -> None:
    claim = filed(database, LINK, domain_target("example.com"))
    acting = {
        said.kind.value
        for said in claim.statements(b"")
        if claim.state is ClaimState.EFFECTIVE and said.evidence >= {"url": 0, "domain": 3}[said.kind.value]
    }
    assert acting == {"url"}


def test_her_claims_are_hers_to_see_and_withdraw(database: Database) -> None:
    claim = filed(database)
    ann, bob = (
        Who(Role.CLAIMANT, account(database, email)) for email in ("ann@example.com", "bob@example.com")
    )
    with database.transaction() as session:
        assert claim_by_id(session, claim.id, who=ann) == claim
        for stranger in (bob, VISITOR, Who(Role.CLAIMANT)):
            with pytest.raises(NotFoundError):
                claim_by_id(session, claim.id, who=stranger)
            with pytest.raises(NotFoundError):
                withdraw_claim(session, claim.id, who=stranger, at=NOW)
        assert ann.account is not None
        assert claims_of(session, ann.account, who=ann) == (claim,)
        with pytest.raises(RefusedError):
            claims_of(session, ann.account, who=bob)
        with pytest.raises(RefusedError):
            all_claims(session, who=ann)
        with pytest.raises(RefusedError):
            file_claim(session, NewClaim(NO, (LINK,)), who=bob, account=ann.account, at=NOW)
        withdrawn = withdraw_claim(session, claim.id, who=ann, at=NOW)
    assert (withdrawn.state, withdrawn.number, withdrawn.withdrawn_at) == (ClaimState.WITHDRAWN, 2, NOW)
    assert withdrawn.standing(NOW) is Standing.SILENT


def test_a_strangers_claim_looks_like_one_that_does_not_exist(database: Database) -> None:
    claim = filed(database)
    told = []
    for claim_id in (claim.id, bytes(16)):
        with database.transaction() as session, pytest.raises(NotFoundError) as refused:
            claim_by_id(session, claim_id, who=VISITOR)
        told.append(str(refused.value).replace(claim_id.hex(), "ID"))
    assert told[0] == told[1]


def test_a_claim_is_withdrawn_once(database: Database) -> None:
    claim = filed(database)
    with database.transaction() as session:
        withdraw_claim(session, claim.id, who=OPERATOR, at=NOW)
    with database.transaction() as session, pytest.raises(ConflictError):
        withdraw_claim(session, claim.id, who=OPERATOR, at=NOW)
    with database.transaction() as session:
        assert last_number(session) == 2


@pytest.mark.parametrize(
    "new",
    [
        NewClaim(NO, ()),
        NewClaim(Preferences(), (LINK,)),
        NewClaim(NO, (LINK,), expires_at=NOW),
        NewClaim(NO, (LINK,), terms="a\0b"),
        NewClaim(NO, (LINK,), contact="\udcff"),
        NewClaim(NO, (LINK,), terms="a" * (MAX_WORDS + 1)),
        NewClaim(NO, (digest_target(bytes(32), "a\0.jpg"),)),
    ],
)
def test_a_claim_that_says_nothing_or_no_plain_text_is_refused_and_no_number_is_used(
    database: Database, new: NewClaim
) -> None:
    owner = account(database)
    with database.transaction() as session, pytest.raises(InputError):
        file_claim(session, new, who=OPERATOR, account=owner, at=NOW)
    with database.transaction() as session:
        assert last_number(session) == 0


def test_every_commitment_can_be_computed_again_from_its_record_and_salt(database: Database) -> None:
    claim = filed(
        database,
        LINK,
        picture_target(PICTURE),
        terms="Ümläute, \u2028 and ''",
        expires_at=NOW + timedelta(days=1),
    )
    with database.transaction() as session:
        withdraw_claim(session, claim.id, who=OPERATOR, at=NOW)
    with database.transaction() as session:
        rows = session.execute(sa.select(ClaimEventRow).order_by(ClaimEventRow.number)).scalars().all()
        assert [(row.number, row.operation) for row in rows] == [(1, "register"), (2, "withdraw")]
        for row in rows:
            assert row.salt is not None
            assert row.record is not None
            assert commitment(row.salt, row.record) == row.commitment
        first = rows[0]
        assert first.salt is not None
        assert first.record is not None
        root = targets_root(first.salt, [target.digest for target in claim.targets])
        assert first.record["targets_root"] == root.hex()
        assert "example.com" not in str(rows[1].record)


def test_numbers_have_no_gap_whatever_writers_do_at_once(database: Database) -> None:
    owner = account(database)
    kept: list[int] = []
    broken: list[BaseException] = []

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(12):
            try:
                with database.transaction() as session:
                    claim = file_claim(session, NewClaim(NO, (LINK,)), who=OPERATOR, account=owner, at=NOW)
                    if chance.random() < 0.4:
                        raise InputError("changed her mind", remedy="file it again")
                kept.append(claim.number)
            except InputError:
                continue
            except BaseException as error:
                broken.append(error)
                raise

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert broken == []
    assert sorted(kept) == list(range(1, len(kept) + 1))
    with database.transaction() as session:
        assert session.scalars(
            sa.select(ClaimEventRow.number).order_by(ClaimEventRow.number)
        ).all() == sorted(kept)
        assert last_number(session) == len(kept)


def test_looking_for_an_account_makes_none_and_two_spellings_are_one(database: Database) -> None:
    with database.transaction() as session:
        assert find_account(session, "ann@example.com") is None
        made = account_of(session, "Ann@Example.com", NOW)
        assert (
            account_of(session, " ann@example.com", NOW) == find_account(session, "ANN@example.com") == made
        )
