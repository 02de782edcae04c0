"""Keys for programs: shown once, kept hashed, good until they are not, and only so often."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.forked import run_command

from byleave.errors import ByleaveError, ConflictError, InputError, NotFoundError, RefusedError
from byleave.registry.account_tables import TokenRow
from byleave.registry.database import Database
from byleave.registry.permissions import OPERATOR, VISITOR
from byleave.registry.tokens import (
    Scope,
    TokenRefusedError,
    create_token,
    revoke_token,
    token_of,
    tokens,
)

pytestmark = pytest.mark.functional
NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


def test_a_key_is_recognised_and_kept_as_a_hash_only(database: Database) -> None:
    with database.transaction() as session:
        made = create_token(session, "trainer", who=OPERATOR, at=NOON)
        assert made.key.startswith("byl_")
        assert token_of(session, made.key, Scope.LOOKUP, at=NOON).name == "trainer"
        row = session.execute(sa.text("SELECT tokens::text FROM tokens")).scalar_one()
    assert made.key not in row
    assert made.key.removeprefix("byl_") not in row


@pytest.mark.parametrize("key", ["", "byl_", "byl_wrong", "\ud800", "x" * 10_000])
def test_an_unknown_key_opens_nothing(database: Database, key: str) -> None:
    with database.transaction() as session:
        create_token(session, "trainer", who=OPERATOR, at=NOON)
        with pytest.raises(TokenRefusedError) as refused:
            token_of(session, key, Scope.LOOKUP, at=NOON)
    assert refused.value.http_status == 401


def test_a_key_ends_with_its_day_or_when_it_is_revoked(database: Database) -> None:
    with database.transaction() as session:
        ending = create_token(
            session, "ending", who=OPERATOR, at=NOON, expires_at=NOON + timedelta(seconds=1)
        )
        revoked = create_token(session, "revoked", who=OPERATOR, at=NOON)
        assert token_of(session, ending.key, Scope.LOOKUP, at=NOON).expires_at is not None
        first = revoke_token(session, "revoked", who=OPERATOR, at=NOON)
        again = revoke_token(session, "revoked", who=OPERATOR, at=NOON + timedelta(hours=1))
        assert first.revoked_at == again.revoked_at == NOON
        for key in (ending.key, revoked.key):
            with pytest.raises(TokenRefusedError):
                token_of(session, key, Scope.LOOKUP, at=NOON + timedelta(seconds=1))
        assert [token.name for token in tokens(session, who=OPERATOR)] == ["ending", "revoked"]


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 65, "n\u00e9", "a/b"])
def test_a_name_is_plain(database: Database, name: str) -> None:
    with database.transaction() as session, pytest.raises(InputError):
        create_token(session, name, who=OPERATOR, at=NOON)


def test_a_name_stands_for_one_key(database: Database) -> None:
    with database.transaction() as session:
        create_token(session, "trainer", who=OPERATOR, at=NOON)
        with pytest.raises(ConflictError):
            create_token(session, "trainer", who=OPERATOR, at=NOON)
        with pytest.raises(NotFoundError):
            revoke_token(session, "nobody", who=OPERATOR, at=NOON)
        assert session.execute(sa.select(sa.func.count()).select_from(TokenRow)).scalar_one() == 1


def test_only_the_operator_makes_and_sees_keys(database: Database) -> None:
    with database.transaction() as session:
        for attempt in (
            lambda: create_token(session, "x", who=VISITOR, at=NOON),
            lambda: tokens(session, who=VISITOR),
            lambda: revoke_token(session, "x", who=VISITOR, at=NOON),
        ):
            with pytest.raises(RefusedError):
                attempt()


def test_the_command_shows_a_key_once(database: Database, registry_home: Path) -> None:
    key = run(registry_home, "create", "--name", "cli", "--expires", "2099-12-31").stdout.strip()
    with database.transaction() as session:
        assert token_of(session, key, Scope.LOOKUP, at=NOON).expires_at == datetime(
            2099, 12, 31, 23, 59, 59, tzinfo=UTC
        )
    listed = run(registry_home, "list", "--json").stdout
    assert [token["name"] for token in json.loads(listed)] == ["cli"]
    assert key not in listed
    assert run(registry_home, "list").stdout.startswith("cli  lookup  good, until 2099-12-31")
    assert run(registry_home, "revoke", "cli").returncode == 0
    with pytest.raises(ByleaveError), database.transaction() as session:
        token_of(session, key, Scope.LOOKUP, at=NOON)
    refused = run(registry_home, "create", "--name", "late", "--expires", "tomorrow")
    assert refused.returncode == 2
    assert "hint: write it as 2027-12-31" in refused.stderr


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command(["token", *words], {**os.environ, "BYLEAVE_HOME": str(home)})
