"""Fixtures with a real registry database: one embedded server for the whole run, empty for every test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from byleave.settings import Settings

# Every run loads this file, so what the database needs is loaded by the first test that wants one.
if TYPE_CHECKING:
    from byleave.registry.database import Database

QUEUE = (
    "procrastinate_events",
    "procrastinate_periodic_defers",
    "procrastinate_jobs",
    "procrastinate_workers",
)
NEVER_CHANGED = ("claim_events", "checkpoints")
"""Their triggers refuse to delete a row."""

MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 1024**3


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that every user may enter, in memory where there is enough, so that no test waits for a disk.

    A server that root starts can then keep its files inside, where they are removed again.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED
    folder = Path(tempfile.mkdtemp(prefix="byleave-tests-", dir=MEMORY if in_memory else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def registry_home() -> Iterator[Path]:
    """Give a home whose server lives through the run; commands started with it share that server."""
    with open_folder() as home:
        yield home


@pytest.fixture(scope="session")
def registry_settings(registry_home: Path) -> Settings:
    return Settings(home=registry_home)


@pytest.fixture(scope="session")
def _open_database(registry_settings: Settings) -> Iterator[Database]:
    from byleave.registry.database import Database

    with Database.open(registry_settings) as database:
        yield database


def empty(database: Database, home: Path) -> None:
    """Leave no row in a database, its counter at 0, and nothing published in its home."""
    import sqlalchemy as sa

    from byleave.registry.metadata import METADATA
    from byleave.registry.tables import EventCounter

    # Deleting the few rows of a test takes a tenth of the time of TRUNCATE, which makes every table and index anew.
    tables = [*QUEUE, *(table.name for table in reversed(METADATA.sorted_tables))]
    with database.transaction() as session:
        for steps in (
            [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in NEVER_CHANGED],
            [f"DELETE FROM {table}" for table in tables],
            [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in NEVER_CHANGED],
            ["SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"],
        ):
            session.execute(sa.text("; ".join(steps)))
        session.add(EventCounter(last=0))
    for published in ("log", "releases"):
        shutil.rmtree(home / published, ignore_errors=True)


@pytest.fixture
def database(_open_database: Database, registry_home: Path) -> Database:
    """Give the database of ``registry_home``, empty."""
    empty(_open_database, registry_home)
    return _open_database
