"""Migrations lead to what the models say, from anywhere, and never back from a newer Byleave."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from procrastinate.schema import migrations_path
from sqlalchemy.exc import IntegrityError

from byleave.errors import ConflictError
from byleave.registry import account_tables, tables
from byleave.registry.database import Database
from byleave.registry.orm import Base
from byleave.registry.schema import HEAD, KNOWN, MIGRATIONS, alembic_config, remove, revision_of, upgrade
from byleave.settings import Settings

pytestmark = pytest.mark.functional
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def rolled_back(database: Database) -> Iterator[sa.Connection]:
    """Give a connection whose changes, of tables too, are forgotten after the test."""
    with database.engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def names(connection: sa.Connection) -> set[str]:
    found = connection.execute(
        sa.text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    )
    return set(found.scalars())


def test_models_and_migrations_agree(rolled_back: sa.Connection) -> None:
    command.check(alembic_config(rolled_back))


def test_migrations_lead_down_to_nothing_and_up_again(rolled_back: sa.Connection) -> None:
    before = names(rolled_back)
    remove(rolled_back)
    assert names(rolled_back) == {"alembic_version", "alembic_version_pkc"}
    upgrade(rolled_back, HEAD)
    assert names(rolled_back) == before
    assert rolled_back.scalar(sa.select(tables.EventCounter.last)) == 0
    assert rolled_back.execute(sa.text("SELECT extname FROM pg_extension")).scalars().all() == ["plpgsql"]


def test_the_named_head_is_the_newest_revision(database: Database) -> None:
    with database.engine.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        assert revision_of(connection) == HEAD
    assert scripts.get_heads() == [HEAD]
    assert {script.revision for script in scripts.walk_revisions()} == KNOWN


def test_every_step_that_procrastinate_ships_is_in_a_revision() -> None:
    revisions = "".join(path.read_text() for path in (MIGRATIONS / "versions").glob("*.py"))
    missing = [
        path.name for path in sorted(Path(migrations_path).glob("*.sql")) if path.name not in revisions
    ]
    assert missing == [], "a newer package brought steps: add a revision that names them"


def test_a_database_of_a_newer_byleave_is_refused(database: Database, registry_settings: Settings) -> None:
    with database.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(ConflictError, match="update Byleave"):
            Database.open(registry_settings)
    finally:
        with database.transaction() as session:
            session.execute(sa.text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})


def event(**changed: object) -> tables.ClaimEventRow:
    values: dict[str, object] = {
        "number": 1,
        "claim_id": bytes(16),
        "operation": "register",
        "actor": "claimant",
        "salt": bytes(32),
        "commitment": bytes(32),
        "record": {"a": 1},
        "recorded_at": NOON,
    }
    return tables.ClaimEventRow(**{**values, **changed})


class TestClaimEvents:
    """The table of claim events only grows; erasure takes the salt and the record."""

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM claim_events",
            "TRUNCATE claim_events",
            "UPDATE claim_events SET actor = 'operator'",
            "UPDATE claim_events SET commitment = decode(repeat('ff', 32), 'hex'), salt = NULL, record = NULL",
            "UPDATE claim_events SET record = '{}', salt = NULL",
            "UPDATE claim_events SET number = 2, salt = NULL, record = NULL",
        ],
    )
    def test_nothing_else_changes_an_event(self, database: Database, statement: str) -> None:
        with database.transaction() as session:
            session.add(event())

        def change() -> None:
            with database.transaction() as session:
                session.execute(sa.text(statement))

        with pytest.raises(IntegrityError, match="only ever appended"):
            change()

    def test_an_erasure_takes_the_salt_and_the_record(self, database: Database) -> None:
        with database.transaction() as session:
            session.add(event())
        with database.transaction() as session:
            session.execute(sa.text("UPDATE claim_events SET salt = NULL, record = NULL"))
        with database.transaction() as session:
            left = session.scalars(sa.select(tables.ClaimEventRow)).one()
            assert (left.salt, left.record, left.commitment) == (None, None, bytes(32))


@pytest.mark.parametrize(
    "row",
    [
        event(operation="burn"),
        event(salt=b"short"),
        event(number=0),
        account_tables.Account(id=uuid.UUID(int=0), email="Mara@example.org", created_at=NOON),
        tables.EventCounter(singleton=False, last=0),
    ],
    ids=["unknown operation", "short salt", "number 0", "capitals in an address", "second counter"],
)
def test_a_row_outside_its_range_is_refused(database: Database, row: Base) -> None:
    def store() -> None:
        with database.transaction() as session:
            session.merge(row)

    with pytest.raises(IntegrityError):
        store()
