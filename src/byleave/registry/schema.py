"""Bring a database to the revision of this code, once, whoever else tries at the same time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from byleave.errors import ConflictError

if TYPE_CHECKING:
    from alembic.config import Config

# The newest file in migrations/versions; a test holds the two together. Named here so that opening a
# database that is up to date need not load Alembic.
HEAD: Final = "0014"
KNOWN: Final = frozenset(
    {"0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0011", "0012", "0013", "0014"}
)
MIGRATIONS: Final = Path(__file__).parent / "migrations"
# Any number of ours: what counts is that every process takes the same one.
UPGRADE_LOCK: Final = 0x62796C65617665


def bring_up_to_date(engine: sa.Engine) -> None:
    """Run the missing revisions in one transaction, under a lock that other processes wait for.

    Raises
    ------
    ConflictError
        If the database was used by a newer Byleave than this one.
    """
    with engine.connect() as connection:
        if revision_of(connection) == HEAD:
            return
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        found = revision_of(connection)
        if found is not None and found not in KNOWN:
            raise ConflictError(
                f"the database is at revision {found}, which this version of Byleave does not know",
                remedy="update Byleave to the version that last used this database, or a later one",
            )
        upgrade(connection, HEAD)


def revision_of(connection: sa.Connection) -> str | None:
    """Return the revision of the database, or ``None`` when it is empty."""
    if connection.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def upgrade(connection: sa.Connection, revision: str) -> None:
    """Run Alembic's ``upgrade`` to ``revision`` in the transaction of ``connection``."""
    from alembic import command

    command.upgrade(alembic_config(connection), revision)


def remove(connection: sa.Connection) -> None:
    """Take every table away again, in the transaction of ``connection``."""
    from alembic import command

    command.downgrade(alembic_config(connection), "base")


def alembic_config(connection: sa.Connection) -> Config:
    """Return what Alembic's commands need to work on ``connection`` and nothing else."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
