"""A backup holds every row; restoring it runs nothing from the file and changes all or nothing."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.postgres import open_folder

from byleave.errors import ConflictError, FormatError, NotFoundError, VerificationError
from byleave.registry import account_tables, tables
from byleave.registry.backup import MANIFEST, backup, restore
from byleave.registry.database import Database
from byleave.registry.jobs import defer, run_pending
from byleave.registry.metadata import METADATA
from byleave.settings import Settings

pytestmark = pytest.mark.functional

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
AWKWARD = "a\tb\nc\\N\\.é\u2028"


def fill(database: Database) -> None:
    with database.transaction() as session:
        account = account_tables.Account(email="mara@example.org", created_at=NOON)
        session.add(account)
        session.flush()
        session.add_all(
            account_tables.OutboxMessage(
                recipient="mara@example.org", subject=str(n), body=AWKWARD, created_at=NOON
            )
            for n in range(3)
        )
        for number in (1, 2):
            session.add(
                tables.ClaimEventRow(
                    number=number,
                    claim_id=bytes(16),
                    operation="register",
                    actor="claimant",
                    salt=bytes(range(32)),
                    commitment=bytes([number]) * 32,
                    record={"word": AWKWARD, "uses": [1, 2]},
                    recorded_at=NOON,
                )
            )
        session.execute(sa.update(tables.EventCounter).values(last=2))
        defer(session, "cover", queueing_lock="cover", dataset="laion")


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.transaction() as session:
        return {
            table.name: [tuple(row) for row in session.execute(sa.select(table).order_by(*table.primary_key))]
            for table in METADATA.sorted_tables
        }


@pytest.fixture
def saved(database: Database, registry_settings: Settings, tmp_path: Path) -> Path:
    fill(database)
    file = tmp_path / "registry.byleave"
    backup(registry_settings, file, now=NOON)
    return file


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Settings]:
    with open_folder() as folder:
        yield Settings(home=folder / "home")


def rewrite(file: Path, member: str, content: bytes) -> Path:
    changed = file.with_name("changed.byleave")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == member else old.read(name))
    return changed


def test_a_backup_restored_into_a_fresh_home_is_the_same_registry(
    database: Database, saved: Path, registry_settings: Settings, elsewhere: Settings
) -> None:
    before = everything(database)
    shutil.copytree(registry_settings.home / "keys", elsewhere.home / "keys", dirs_exist_ok=True)
    result = restore(elsewhere, saved, replace=True)
    ran = []
    with Database.open(elsewhere) as copy:
        assert everything(copy) == before
        with copy.transaction() as session:
            message = account_tables.OutboxMessage(recipient="r", subject="next", body="", created_at=NOON)
            session.add(message)
            session.flush()
            assert message.id == 4, "numbers go on where they stood"
            session.rollback()
        run_pending(copy, {"cover": lambda _, dataset: ran.append(dataset)})
    assert ran == ["laion"]
    assert result.rows["claim_events"] == 2
    assert "signing keys" in result.remark


def test_a_backup_is_readable_by_its_owner_alone_and_never_overwrites(
    saved: Path, registry_settings: Settings
) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    with pytest.raises(ConflictError, match="exists"):
        backup(registry_settings, saved)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_registry_that_holds_something_is_replaced_only_when_told(
    database: Database, saved: Path, registry_settings: Settings
) -> None:
    before = everything(database)
    with pytest.raises(ConflictError, match="not empty"):
        restore(registry_settings, saved)
    assert everything(database) == before
    restore(registry_settings, saved, replace=True)
    assert everything(database) == before


def test_a_restore_that_fails_half_way_changes_nothing(
    database: Database, saved: Path, registry_settings: Settings
) -> None:
    before = everything(database)
    with zipfile.ZipFile(saved) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    for table in manifest["tables"]:
        if table["table"] == "outbox":
            table["rows"] = 7
    with pytest.raises(VerificationError, match="7"):
        restore(registry_settings, rewrite(saved, MANIFEST, json.dumps(manifest).encode()), replace=True)
    assert everything(database) == before


@pytest.mark.parametrize("member", ["tables/claim_events.copy", "tables/procrastinate_jobs.copy"])
def test_a_changed_member_is_refused(saved: Path, elsewhere: Settings, member: str) -> None:
    with zipfile.ZipFile(saved) as archive:
        content = archive.read(member)
    with pytest.raises(VerificationError, match="damaged"):
        restore(elsewhere, rewrite(saved, member, content[:-1] + b"!"))
    with pytest.raises(VerificationError, match="damaged"):
        restore(elsewhere, rewrite(saved, member, content + b"!"))


def test_a_table_that_is_not_ours_is_refused(saved: Path, elsewhere: Settings) -> None:
    with zipfile.ZipFile(saved) as archive:
        text = archive.read(MANIFEST).decode()
    with pytest.raises(VerificationError, match="pg_authid"):
        restore(elsewhere, rewrite(saved, MANIFEST, text.replace('"outbox"', '"pg_authid"').encode()))


def test_a_backup_without_the_key_that_opens_its_addresses_is_refused_and_changes_nothing(
    saved: Path,
) -> None:
    with open_folder() as folder:
        settings = Settings(home=folder / "home")
        with pytest.raises(ConflictError, match=r"do not open with .*addresses\.secret"):
            restore(settings, saved)
        with Database.open(settings) as copy:
            assert not any(rows for table, rows in everything(copy).items() if table != "event_counter")


def test_a_backup_of_a_later_revision_is_refused(saved: Path, elsewhere: Settings) -> None:
    with zipfile.ZipFile(saved) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    manifest["revision"] = "9999"
    with pytest.raises(ConflictError, match="9999"):
        restore(elsewhere, rewrite(saved, MANIFEST, json.dumps(manifest).encode()))


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_file_that_is_cut_short_is_no_backup(saved: Path, elsewhere: Settings, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(FormatError):
        restore(elsewhere, saved)


def test_a_file_that_is_not_there_is_said_so(elsewhere: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        restore(elsewhere, tmp_path / "none")
