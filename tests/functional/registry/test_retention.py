"""What is kept too long goes, what is younger stays: for every row of the table, in the real database."""

from __future__ import annotations

import hashlib
import importlib.util
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import (
    Account,
    AuditEventRow,
    Delegation,
    Invitation,
    OutboxMessage,
    PasskeyChallenge,
    SignInLink,
    SignInSession,
    TokenRow,
)
from byleave.registry.database import Database
from byleave.registry.draft_tables import DraftRow, DraftTargetRow
from byleave.registry.following_tables import HandedIn
from byleave.registry.guard_tables import RateUseRow
from byleave.registry.orm import Base
from byleave.registry.proof_tables import OAuthState, ProofRow
from byleave.registry.rates import RATES, Rate
from byleave.registry.retention import TABLE, sweep

pytestmark = pytest.mark.functional
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARA, STUDIO = uuid.UUID(int=1), uuid.UUID(int=2)


def digest(at: datetime) -> bytes:
    return hashlib.sha256(str(at).encode()).digest()


def rate_use(at: datetime) -> Base:
    window = RATES[Rate.LOOK_UPS].window
    longest = TABLE["rate_uses"].life
    return RateUseRow(subject=b"x", rate=Rate.LOOK_UPS.value, began_at=at + longest - window, spent=1)


def proof(at: datetime) -> Base:
    return ProofRow(
        id=uuid.uuid4(), account_id=MARA, method="dns", state="waiting", place_kind="domain", place="a.example",
        digest=digest(at), evidence=3, token_hash=digest(at), failures=0, created_at=at, expires_at=at,
    )  # fmt: skip


def handed_in(at: datetime) -> Base:
    return HandedIn(
        account_id=MARA, key=digest(at), kind="csv", name="list.csv", state="filed", done=1, total=1, accepted=0,
        rejected=1, rejects=[{"line": 1, "reason": "no link"}], created_at=at, finished_at=at,
    )  # fmt: skip


MAKERS: Mapping[str, Callable[[datetime], Base]] = {
    "sign_in_links": lambda at: SignInLink(
        code_hash=digest(at), email="mara@example.org", created_at=at, expires_at=at, next_path="/choices"
    ),
    "sessions": lambda at: SignInSession(
        token_hash=digest(at), account_id=MARA, form_token="t", created_at=at, expires_at=at
    ),
    "passkey_challenges": lambda at: PasskeyChallenge(challenge=digest(at), account_id=MARA, expires_at=at),
    "oauth_states": lambda at: OAuthState(
        state_hash=digest(at), account_id=MARA, platform="flickr", verifier="v", expires_at=at
    ),
    "invitations": lambda at: Invitation(
        code_hash=digest(at), organisation_id=STUDIO, email="noah@example.org", role="viewer", created_at=at, expires_at=at
    ),
    "outbox": lambda at: OutboxMessage(recipient="mara@example.org", subject="s", body="b", created_at=at),
    "drafts": lambda at: DraftRow(visitor="v", name=None, created_at=at, expires_at=at),
    "rate_uses": rate_use,
    "waiting_proofs": proof,
    "rejects": handed_in,
    "ended_tokens": lambda at: TokenRow(
        key_hash=digest(at), account_id=MARA, name=str(at), scope="read", created_at=at, expires_at=None, revoked_at=at
    ),
    "ended_delegations": lambda at: Delegation(
        artist_id=MARA, organisation_id=STUDIO, granted_at=at - timedelta(days=1), ended_at=at
    ),
    "audit_events": lambda at: AuditEventRow(kind="token_made", role="claimant", actor_id=MARA, subject="x", details={}, at=at),
}  # fmt: skip


@pytest.fixture
def people(database: Database) -> Database:
    """Give a registry with a person and an organisation."""
    with database.transaction() as session:
        session.add(Account(id=MARA, kind="person", email="mara@example.org", created_at=NOON))
        session.add(Account(id=STUDIO, kind="organisation", email=None, name="Studio", created_at=NOON))
    return database


def count(session: Session, row: Base) -> int:
    return session.execute(sa.select(sa.func.count()).select_from(type(row))).scalar_one()


def test_every_row_of_the_table_is_tried_here_or_enforced_elsewhere() -> None:
    enforced = {name for name, kept in TABLE.items() if kept.sweep is not None}
    assert enforced == {*MAKERS, "ended_jobs"}
    assert all(kept.elsewhere for name, kept in TABLE.items() if name not in enforced)


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_older_goes_and_what_is_younger_stays(people: Database, name: str) -> None:
    older = MAKERS[name](NOON - TABLE[name].life - timedelta(minutes=1))
    younger = MAKERS[name](NOON - TABLE[name].life + timedelta(minutes=1))
    with people.transaction() as session:
        session.add_all([older, younger])
    with people.transaction() as session:
        assert sweep(session, NOON)[name] == 1
        if name == "rejects":
            left = session.execute(sa.select(HandedIn.rejects).order_by(HandedIn.created_at)).scalars().all()
            assert [len(rejects) for rejects in left] == [0, 1]
        else:
            assert count(session, older) == 1
    with people.transaction() as session:
        assert set(sweep(session, NOON).values()) == {0}


def test_what_a_draft_lists_goes_with_it(people: Database) -> None:
    ends = {"ended": NOON - timedelta(minutes=1), "open": NOON + timedelta(minutes=1)}
    with people.transaction() as session:
        for value, at in ends.items():
            draft = DraftRow(id=uuid.uuid4(), visitor="v", name=None, created_at=at, expires_at=at)
            session.add(draft)
            session.flush()
            listed = {"source": "search", "kind": "url", "digest": digest(at), "value": value}
            session.add(DraftTargetRow(draft_id=draft.id, **listed))
    with people.transaction() as session:
        sweep(session, NOON)
        assert session.execute(sa.select(DraftTargetRow.value)).scalars().all() == ["open"]


def test_what_has_no_end_yet_stays(people: Database) -> None:
    with people.transaction() as session:
        long_ago = NOON - timedelta(days=3000)
        session.add(Delegation(artist_id=MARA, organisation_id=STUDIO, granted_at=long_ago, ended_at=None))
        key = TokenRow(key_hash=digest(NOON), account_id=MARA, name="k", scope="read", created_at=long_ago)
        session.add_all([key, OutboxMessage(recipient="a@b.example", subject="s", body="b", created_at=NOON)])
    with people.transaction() as session:
        assert set(sweep(session, NOON).values()) == {0}


def test_work_that_failed_long_ago_goes_and_work_that_waits_stays(database: Database) -> None:
    insert = sa.text(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at) VALUES ('q', 't', :status, :at)"
    )
    old, young = NOON - timedelta(days=31), NOON - timedelta(days=29)
    with database.transaction() as session:
        for status, at in (("failed", old), ("failed", young), ("todo", old)):
            session.execute(insert, {"status": status, "at": at})
        assert sweep(session, NOON)["ended_jobs"] == 1


def test_the_page_says_what_the_table_says() -> None:
    generator = _generator()
    assert generator.PAGE.read_text() == generator.page(), "run docs/generate_retention.py"


def _generator() -> ModuleType:
    path = Path(__file__).parents[3] / "docs" / "generate_retention.py"
    spec = importlib.util.spec_from_file_location("generate_retention", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
