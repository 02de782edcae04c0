"""People who show what they control, in the tests of proofs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from byleave.consent import Preference, Preferences, Use
from byleave.registry.accounts import account_of
from byleave.registry.checking import Checks
from byleave.registry.claims import Claim, claim_by_id
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import Role, Who
from byleave.registry.proofs import Proof
from byleave.registry.proving import begin_proof
from byleave.registry.rechecking import check_now
from byleave.registry.scopes import Method
from byleave.registry.targets import Target

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NO = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])
YES = Preferences.same(Preference.ALLOW, [Use.TRAIN_GEN])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account."""

    database: Database
    checks: Checks
    account: uuid.UUID

    @property
    def who(self) -> Who:
        return Who(Role.CLAIMANT, self.account)

    def begins(self, method: Method, raw: str, at: datetime = NOW) -> Proof:
        with self.database.transaction() as session:
            return begin_proof(
                session, self.checks.keys, method, raw, who=self.who, account=self.account, at=at
            )

    def token(self, proof: Proof) -> str:
        return self.checks.keys.token(proof.id, self.account)

    def checks_now(self, proof: Proof, after: timedelta = timedelta()) -> Proof:
        return check_now(self.database, self.checks, proof.id, who=self.who, at=NOW + after)

    def files(self, *targets: Target, preferences: Preferences = NO) -> Claim:
        with self.database.transaction() as session:
            return file_claim(
                session, NewClaim(preferences, targets), who=self.who, account=self.account, at=NOW
            )

    def claim(self, claim: Claim) -> Claim:
        with self.database.transaction() as session:
            return claim_by_id(session, claim.id, who=self.who)


def person(database: Database, checks: Checks, email: str = "ann@example.com") -> Person:
    """Make somebody."""
    with database.transaction() as session:
        return Person(database, checks, account_of(session, email, NOW))
