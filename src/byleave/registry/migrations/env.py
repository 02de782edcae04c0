"""What Alembic runs for every command: on the connection it is handed, in one transaction."""

from typing import Any

from alembic import context
from sqlalchemy import Connection

from byleave.registry.metadata import METADATA


def ours(_object: Any, name: str | None, kind: str, _reflected: bool, _compared: Any) -> bool:  # noqa: FBT001 - Alembic's signature
    """Leave out the tables of Procrastinate, which are not among our models."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    include_object=ours,
    compare_server_default=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
