"""Fixtures with a real registry database: one embedded server for the whole run, empty for every test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from byleave.registry.database import Database
from byleave.registry.tables import Base, EventCounter
from byleave.settings import Settings

QUEUE = (
    "procrastinate_jobs",
    "procrastinate_events",
    "procrastinate_periodic_defers",
    "procrastinate_workers",
)


@pytest.fixture(scope="session")
def registry_home() -> Iterator[Path]:
    """Give a home whose server lives through the run; commands started with it share that server."""
    home = Path(tempfile.mkdtemp(prefix="byleave-tests-"))
    home.chmod(0o755)  # a server started by root can then keep its files here, where they are removed again
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def registry_settings(registry_home: Path) -> Settings:
    return Settings(home=registry_home)


@pytest.fixture(scope="session")
def _open_database(registry_settings: Settings) -> Iterator[Database]:
    with Database.open(registry_settings) as database:
        yield database


@pytest.fixture
def database(_open_database: Database) -> Database:
    """Give the database of ``registry_home`` without a row in it, its counter at 0."""
    tables = [*(table.name for table in Base.metadata.sorted_tables), *QUEUE]
    with _open_database.transaction() as session:
        session.execute(sa.text("ALTER TABLE claim_events DISABLE TRIGGER claim_events_keep_all"))
        session.execute(sa.text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
        session.execute(sa.text("ALTER TABLE claim_events ENABLE TRIGGER claim_events_keep_all"))
        session.add(EventCounter(last=0))
    return _open_database
