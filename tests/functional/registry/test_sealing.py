"""A copy of the database shows nobody's address and no mail that waits, also after the key was changed."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.functional.cli.commands import byleave
from tests.postgres import open_folder

from byleave.errors import ConflictError
from byleave.registry.account_tables import OutboxMessage
from byleave.registry.accounts import account_of, find_account
from byleave.registry.backup import backup
from byleave.registry.database import Database
from byleave.registry.identity import who_of_person
from byleave.registry.invitations import invite
from byleave.registry.mail import Post, waiting_messages
from byleave.registry.metadata import METADATA
from byleave.registry.organisations import create_organisation
from byleave.registry.permissions import MemberRole, Role, Who
from byleave.registry.schema import HEAD, alembic_config, upgrade
from byleave.registry.sealing import KEY_FILE, reseal
from byleave.registry.sign_in import send_link
from byleave.settings import Settings

pytestmark = pytest.mark.functional

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARA = "mara@example.org"
NOAH = "noah@example.org"


@pytest.fixture
def mail(database: Database) -> str:
    """Have Mara sign in and invite Noah; return the text of the mail with her link."""
    with database.transaction() as session:
        who = Who(Role.CLAIMANT, account_of(session, MARA, NOON))
        studio = create_organisation(session, "Studio", who=who, at=NOON).id
        send_link(
            session, MARA, confirm_url="https://s/in", next_path="/", post=Post(), secret=bytes(32), at=NOON
        )
    with database.transaction() as session:
        admin = who_of_person(session, account_of(session, MARA, NOON))
        invite(
            session,
            studio,
            NOAH,
            MemberRole.VIEWER,
            accept_url="https://s/in",
            post=Post(),
            who=admin,
            at=NOON,
        )
        [_, link] = waiting_messages(session)
    return link.body


def rows(file: Path) -> bytes:
    with zipfile.ZipFile(file) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


def everything(database: Database) -> list[tuple[object, ...]]:
    with database.transaction() as session:
        return [
            tuple(row)
            for table in METADATA.sorted_tables
            for row in session.execute(sa.select(table).order_by(*table.primary_key))
        ]


def test_a_copy_of_the_database_shows_no_address_and_no_link_to_sign_in(
    mail: str, registry_settings: Settings, tmp_path: Path
) -> None:
    assert "https://s/in?code=" in mail
    backup(registry_settings, tmp_path / "copy")
    shown = rows(tmp_path / "copy")
    for secret in (MARA, NOAH, "mara", "noah", mail.split("code=")[1].split()[0]):
        assert secret.encode() not in shown, secret
        assert secret.encode().hex().encode() not in shown, secret
    assert b"Studio" in shown, "names are looked for where they would stand"


@pytest.mark.usefixtures("mail")
def test_a_database_from_before_is_sealed_and_can_go_back(database: Database) -> None:
    from alembic import command

    before = everything(database)
    with database.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0011")
        plain = connection.scalars(sa.text("SELECT email FROM accounts WHERE kind = 'person'")).all()
        upgrade(connection, HEAD)
    assert plain == [MARA]
    assert everything(database) == before


@pytest.mark.usefixtures("mail")
def test_everything_opens_under_a_new_key_and_nothing_under_the_old(
    database: Database, registry_home: Path
) -> None:
    before = everything(database)
    file = registry_home / "keys" / KEY_FILE
    old = file.read_bytes()
    database.engine.dispose()
    with database.engine.connect() as connection:
        assert reseal(connection, METADATA) == 1 + 1 + 1 + 2 + 2
    assert file.read_bytes() != old
    assert everything(database) == before
    with database.transaction() as session:
        assert find_account(session, MARA) is not None
    with Database.open(Settings(home=registry_home)):
        pass
    kept = file.read_bytes()
    file.write_bytes(old)
    try:
        with pytest.raises(ConflictError, match="do not open"):
            Database.open(Settings(home=registry_home))
    finally:
        file.write_bytes(kept)


@pytest.mark.usefixtures("mail")
def test_no_new_key_is_taken_up_while_others_use_the_database(database: Database) -> None:
    with database.transaction() as session, database.engine.connect() as connection:
        session.execute(sa.select(OutboxMessage.id))
        with pytest.raises(ConflictError, match="others use"):
            reseal(connection, METADATA)


def test_the_command_takes_up_a_new_key() -> None:
    with open_folder() as folder:
        byleave("reviewer", "add", MARA, home=folder / "home")
        file = folder / "home" / "keys" / KEY_FILE
        old = file.read_bytes()
        done = byleave("keys", "reseal", "--json", home=folder / "home")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"sealed": 1}), done.stderr
        assert file.read_bytes() != old
        assert byleave("reviewer", "list", home=folder / "home").stdout.split() == [MARA]
