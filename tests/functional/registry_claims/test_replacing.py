"""A later claim of the same person replaces her earlier one, use by use and target by target; nobody else's does."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byleave.consent import Preference, Preferences, Use, acting
from byleave.registry.accounts import account_of
from byleave.registry.changing import withdraw_claim
from byleave.registry.claims import Claim, claims_of
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR
from byleave.registry.replacing import replaced_of
from byleave.registry.targets import url_target

pytestmark = pytest.mark.functional

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LINKS = [url_target(f"https://a.example/{n}") for n in range(3)]
USES = (Use.TRAIN_GEN, Use.SEARCH)
ANSWERS = st.sampled_from([Preference.UNKNOWN, Preference.DENY, Preference.CONDITIONAL])
FILED = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]), st.sets(st.sampled_from([0, 1, 2]), min_size=1), ANSWERS, ANSWERS
    ),
    min_size=1,
    max_size=6,
)


def file(database: Database, email: str, targets: set[int], *said: Preference) -> Claim | None:
    preferences = Preferences(**{use.value: one for use, one in zip(USES, said, strict=True)})
    if preferences.strongest is Preference.UNKNOWN:
        return None
    with database.transaction() as session:
        new = NewClaim(preferences, tuple(LINKS[one] for one in sorted(targets)))
        account = account_of(session, email, NOW)
        return file_claim(session, new, who=OPERATOR, account=account, at=NOW)


def replaced(database: Database, email: str) -> frozenset[bytes]:
    with database.transaction() as session:
        claims = claims_of(session, account_of(session, email, NOW), who=OPERATOR)
        return replaced_of(session, claims, NOW)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILED)
def test_the_last_word_of_each_person_counts_and_no_other(
    database: Database, filed: list[tuple[str, set[int], Preference, Preference]]
) -> None:
    people = {name: f"{name}-{uuid.uuid4().hex}@example.org" for name in ("ann", "bob")}
    last: dict[tuple[str, int, Use], tuple[bytes, Preference]] = {}
    made: dict[str, list[Claim]] = {"ann": [], "bob": []}
    for name, targets, *said in filed:
        claim = file(database, people[name], targets, *said)
        if claim is None:
            continue
        made[name].append(claim)
        for target in targets:
            for use, answer in zip(USES, said, strict=True):
                if answer is not Preference.UNKNOWN:
                    last[name, target, use] = (claim.id, answer)
    for use in USES:
        statements = [
            said for name, claims in made.items() for one in claims for said in one.statements(name.encode())
        ]
        found = {
            (one.claimant.decode(), one.digest): (one.claim, one.preferences.for_use(use))
            for one in acting(statements, use, NOW)
        }
        expected = {
            (name, LINKS[target].digest): word for (name, target, at), word in last.items() if at is use
        }
        assert found == expected
    for name, claims in made.items():
        alive = {claim for (who, _, _), (claim, _) in last.items() if who == name}
        assert replaced(database, people[name]) == {one.id for one in claims} - alive


def test_what_was_undone_replaces_nothing(database: Database) -> None:
    first = file(database, "ann@example.org", {0}, Preference.DENY, Preference.UNKNOWN)
    second = file(database, "ann@example.org", {0}, Preference.CONDITIONAL, Preference.UNKNOWN)
    assert first
    assert second
    assert replaced(database, "ann@example.org") == {first.id}
    with database.transaction() as session:
        withdraw_claim(session, second.id, who=OPERATOR, at=NOW)
    assert replaced(database, "ann@example.org") == frozenset()


def test_a_yes_that_does_not_count_replaces_nothing(database: Database) -> None:
    file(database, "ann@example.org", {0}, Preference.DENY, Preference.UNKNOWN)
    file(database, "ann@example.org", {0}, Preference.ALLOW, Preference.UNKNOWN)
    assert replaced(database, "ann@example.org") == frozenset()
